"""Rows of numbers, one by one, as one array or tensor."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.errors import ArgumentValueError


def stacked(rows: Sequence[Any]) -> Any:
    """Return rows, each a tensor, an array or a list of numbers, as one tensor or array.

    Raises:
        ArgumentValueError: they differ in shape.

    """
    if isinstance(rows, Tensor | np.ndarray) and rows.dtype != object:
        return rows
    shapes = {np.shape(row): i for i, row in reversed([*enumerate(rows)])}
    if len(shapes) > 1:
        first, other, *_ = sorted(shapes, key=lambda shape: shapes[shape])
        raise ArgumentValueError(
            "The rows of the 'features' must be of one length. Got shape %s, and %s for row %d.",
            first,
            other,
            shapes[other],
            parameter="features",
            row=shapes[other],
        )
    tensors = all(isinstance(row, Tensor) for row in rows)
    return torch.stack([*rows]) if tensors else np.stack([np.asarray(row) for row in rows])


def is_list(row: Any) -> bool:
    """Return whether this is a list of numbers, or of such lists: no pair of image and label."""
    if not isinstance(row, list | tuple) or len(row) == 0:
        return False
    if all(isinstance(number, numbers.Real | np.bool_) for number in row):
        return True
    return all(map(is_list, row))


def is_row(row: Any) -> bool:
    """Return whether this is a tensor, an array, or a list of numbers."""
    return isinstance(row, Tensor | np.ndarray) or is_list(row)
