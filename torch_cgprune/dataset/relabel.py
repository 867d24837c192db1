"""Items with another label in place of their own, of the same kind."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from torch_cgprune.inputs.labels import ClassName, same_label
from torch_cgprune.lists import read_relabels
from torch_cgprune.noise import estimate_noise_rate
from torch_cgprune.noise.guards import too_much
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.arrays import plain
from torch_cgprune.utils.warn import warn_caller


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


def likelier(scores: CGScores) -> Tensor:
    """Return (n,) codes: the suggested ones where the given ones are rather wrong than right."""
    suggested, wrong = scores.suggested_labels, scores.wrong_probability
    assert wrong is not None  # noqa: S101
    return suggested.where(wrong > 0.5, scores.labels)


def warn_of_changes(scores: CGScores, codes: Tensor) -> None:
    """Warn where the new (n,) codes are other than given more often than these should be wrong."""
    k, given = len(scores.classes), scores.labels
    changed = given[codes != given].bincount(minlength=k)
    found = too_much(
        scores.class_names, given.bincount(minlength=k), changed, estimate_noise_rate(scores)
    )
    if found is not None:
        warn_caller(
            f"relabel=True changes the labels of {found}. Look at noise_report(scores) and the "
            "report's page, and relabel by a list of those that are wrong: relabel='relabel.csv'."
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


def new_labels(
    scores: CGScores, *, relabel: bool | str | os.PathLike[str], warns: bool
) -> Tensor | None:
    """Return the (n,) codes that items are to carry; None for their own."""
    if relabel is False:
        return None
    if relabel is not True:
        return read_relabels(relabel, scores)
    codes = likelier(scores)
    if warns:
        warn_of_changes(scores, codes)
    return codes
