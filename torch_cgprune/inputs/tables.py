"""Tables of any kind, told by what they can do: no library of tables need be installed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from torch_cgprune.errors import ArgumentTypeError
from torch_cgprune.inputs.frames import check_not_lazy, frame_rows, is_frame, series_rows
from torch_cgprune.inputs.stacking import is_list, is_row, stacked


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
        ArgumentTypeError: a sparse matrix, a LazyFrame, or columns that are no numbers.
        ArgumentValueError: rows of different lengths.

    """
    if is_sparse(table):
        raise ArgumentTypeError(
            "The 'features' must be dense. Got a sparse %s;",
            type(table).__name__,
            parameter="features",
            cure="pass features.toarray(), or fewer columns made of them, as by TruncatedSVD.",
        )
    check_not_lazy(table, "features")
    if hasattr(table, "to_numpy"):
        return frame_rows(table) if is_frame(table) else series_rows(table)
    if is_column(table) and len(table) and is_row(table[0]):
        if is_table(table.source):  # much faster than by way of lists
            rows = table.source.with_format("numpy").select_columns([table.column_name])
            return stacked(rows[:][table.column_name])
        return stacked(table[:])
    if isinstance(table, list | tuple) and len(table) and all(map(is_list, table)):
        return stacked(table)
    return None
