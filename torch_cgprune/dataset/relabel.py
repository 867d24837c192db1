"""Items with another label in place of their own, of the same kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from torch_cgprune.inputs.labels import ClassName


def relabelled(item: Any, name: ClassName, column: str | None) -> Any:
    """Return a copy of an item with another label.

    Args:
        item: ``(image, label, ...)``, or a mapping.
        name: the new class.
        column: of the label, in a mapping.

    Raises:
        TypeError: an item without a label.

    """
    if isinstance(item, Mapping) and column is not None:
        return {**item, column: _like(item[column], name)}
    if not isinstance(item, tuple | list) or len(item) < 2:
        raise TypeError(
            "relabel=True needs items (image, label, ...), or mappings with labels='COLUMN'. "
            f"Got {type(item).__name__}."
        )
    image, label, *rest = item
    changed = [image, _like(label, name), *rest]
    if isinstance(item, list):
        return changed
    return type(item)(*changed) if hasattr(item, "_fields") else tuple(changed)


def _like(label: Any, name: ClassName) -> Any:
    """Return ``name`` as a label of the same type."""
    if isinstance(label, Tensor):
        return label.new_full(label.shape, int(name))
    if isinstance(label, np.ndarray):
        return np.full_like(label, name)
    return type(label)(name) if isinstance(label, np.generic) else name
