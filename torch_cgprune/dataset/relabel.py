"""Items with another label in place of their own, of the same kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from torch_cgprune.inputs.labels import ClassName, same_label
from torch_cgprune.utils.arrays import plain


def relabelled(item: Any, name: ClassName, field: str | int) -> Any:
    """Return a copy of an item with another label, or the item where it has that label.

    Args:
        item: ``(image, label, ...)``, or a mapping.
        name: the new class.
        field: of the label: its column in a mapping, its number in a tuple.

    Raises:
        TypeError: an item without a label.

    """
    if isinstance(item, Mapping) and isinstance(field, str):
        return item if _is(item[field], name) else {**item, field: _like(item[field], name)}
    if not isinstance(item, tuple | list) or not isinstance(field, int) or len(item) <= field:
        raise TypeError(no_label(item))
    if _is(item[field], name):
        return item
    changed = [*item]
    changed[field] = _like(item[field], name)
    if isinstance(item, list):
        return changed
    return type(item)(*changed) if hasattr(item, "_fields") else tuple(changed)


def no_label(item: Any) -> str:
    """Return the message that an item has no label to replace."""
    return (
        "relabel= needs items (image, label, ...), or mappings with labels='COLUMN'. "
        f"Got {type(item).__name__}."
    )


def check_coding(indices: Sequence[int], own: Sequence[Any], given: Sequence[Any]) -> None:
    """Raise ValueError unless items carry labels in the coding of those that are scored.

    Most of them must be equal: corrections by hand are few.

    Args:
        indices: m of items.
        own: their m labels.
        given: what the scores go by.

    """
    other = [i for i in range(len(own)) if not same_label(own[i], given[i])]
    if 2 * len(other) > len(own):
        i = other[0]
        raise ValueError(
            "relabel= writes labels as the items have them, and the 'labels' are others: item "
            f"{indices[i]} has {own[i]!r}, its label by 'labels' is {given[i]!r}. Pass 'labels' in "
            "the coding of the items, or change labels yourself by scores.suggested_labels."
        )


def _is(label: Any, name: ClassName) -> bool:
    return same_label(plain(label), name)


def _like(label: Any, name: ClassName) -> Any:
    """Return ``name`` as a label of the same type."""
    if isinstance(label, Tensor):
        return label.new_full(label.shape, int(name))
    if isinstance(label, np.ndarray):
        return np.full_like(label, name)
    return type(label)(name) if isinstance(label, np.generic) else name
