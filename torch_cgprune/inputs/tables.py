"""Tables of ``datasets``, pandas and others, told by what they can do: none need be installed."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.errors import ArgumentTypeError, ArgumentValueError


def is_table(dataset: Any) -> bool:
    """Return whether this is a ``datasets.Dataset``."""
    return all(hasattr(dataset, name) for name in ("with_format", "select_columns", "column_names"))


def decoded(table: Any, column: str | None) -> Any:
    """Return a ``datasets.Dataset`` whose column gives images, where it is set to give bytes."""
    feature: Any = None if column is None else table.features[column]
    if type(feature).__name__ != "Image" or feature.decode:
        return table
    return table.cast_column(column, dataclasses.replace(feature, decode=True))


def is_column(values: Any) -> bool:
    """Return whether this is a column of a ``datasets.Dataset``, read when it is asked for."""
    return all(hasattr(values, name) for name in ("column_name", "features", "source"))


def names_in(feature: Any) -> list[str] | None:
    """Return the names of the classes of a ``datasets.ClassLabel``; None of another feature."""
    return [*feature.names] if hasattr(feature, "int2str") and feature.names else None


def labels_in(values: Iterable[Any], feature: Any) -> list[Any]:
    """Return the labels in a column, None where a ``ClassLabel`` has -1: it says there is none."""
    if names_in(feature) is None:
        return [*values]
    return [None if value == -1 else value for value in values]


def is_absent(value: Any) -> bool:
    """Return whether this stands where there is no value: None, NaN, or what pandas has for it."""
    if isinstance(value, numbers.Real):
        return bool(value != value)  # noqa: PLR0124 (NaN alone is not itself)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def is_frame(table: Any) -> bool:
    """Return whether this is a data frame, of pandas or polars."""
    return hasattr(table, "to_numpy") and hasattr(table, "columns")


def is_sparse(matrix: Any) -> bool:
    """Return whether this is a sparse matrix of scipy."""
    return hasattr(matrix, "toarray") and hasattr(matrix, "nnz")


def is_pair(arrays: Any) -> bool:
    """Return whether these are n rows and their n labels, in a tuple or a list."""
    if not isinstance(arrays, tuple | list) or len(arrays) != 2:
        return False
    rows, labels = arrays
    if isinstance(rows, list) and rows and all(map(is_list, rows)):
        shape: tuple[int, ...] = (len(rows), len(rows[0]))
    else:
        shape = tuple(getattr(rows, "shape", ()))
    one_each = (len(labels),) if isinstance(labels, list) else tuple(getattr(labels, "shape", ()))
    return len(shape) > 1 and len(one_each) == 1 and shape[:1] == one_each


def table_rows(table: Any) -> Any:
    """Return the rows of a data frame, a column of rows, or lists of numbers, as an array.

    Returns:
        (n, ...) numbers; None of anything else, as a dataset.

    Raises:
        ArgumentTypeError: a sparse matrix, or columns that are no numbers.
        ArgumentValueError: rows of different lengths.

    """
    if is_sparse(table):
        raise ArgumentTypeError(
            "The 'features' must be dense. Got a sparse %s;",
            type(table).__name__,
            parameter="features",
            cure="pass features.toarray(), or fewer columns made of them, as by TruncatedSVD.",
        )
    if hasattr(table, "to_numpy"):  # a data frame, or a series
        found = table.to_numpy()
        return found if found.dtype != object else _numbers(found, getattr(table, "columns", ()))
    if is_column(table) and len(table) and _is_row(table[0]):
        if is_table(table.source):  # much faster than by way of lists
            rows = table.source.with_format("numpy").select_columns([table.column_name])
            return stacked(rows[:][table.column_name])
        return stacked(table[:])
    if isinstance(table, list | tuple) and len(table) and all(map(is_list, table)):
        return stacked(table)
    return None


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


def _is_row(row: Any) -> bool:
    return isinstance(row, Tensor | np.ndarray) or is_list(row)


def _numbers(array: np.ndarray[Any, Any], columns: Iterable[Any]) -> Any:
    """Return objects as the numbers or rows of numbers that they are."""
    if array.ndim == 1 and len(array) and all(map(_is_row, array)):
        return stacked([*array])
    absent = np.array([is_absent(value) for value in array.flat], dtype=bool).reshape(array.shape)
    array = np.where(absent, np.nan, array)
    wrong = [
        name
        for name, column in zip(columns, array.T, strict=False)
        if not all(isinstance(value, numbers.Real) for value in column)
    ]
    if wrong or array.ndim == 1:
        raise ArgumentTypeError(
            "The 'features' must be real numbers. Got others in %s;",
            f"the columns {wrong}" if wrong else "a series",
            parameter="features",
            cure="encode them as numbers, or leave them out.",
        )
    return array.astype(np.float64)
