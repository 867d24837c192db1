"""Frames and series of pandas and polars, told by what they can do: neither need be installed."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np

from torch_cgprune.errors import ArgumentTypeError, ArgumentValueError
from torch_cgprune.inputs.stacking import is_row, stacked

# What columns that number the rows are called, or begin with.
_NUMBERS_ROWS = ("", "id", "idx", "index")
# Fewer numbers may rise by one by chance.
_FEWEST = 20


def is_frame(table: Any) -> bool:
    """Return whether this is a data frame, of pandas or polars."""
    return hasattr(table, "to_numpy") and hasattr(table, "columns")


def frame_part(frame: Any, rows: list[int]) -> Any:
    """Return a data frame of some rows, by position."""
    return frame.iloc[rows] if hasattr(frame, "iloc") else frame[rows]


def check_not_lazy(table: Any, parameter: str) -> None:
    """Raise ArgumentTypeError for a ``polars.LazyFrame``, whose columns are not there yet."""
    if type(table).__name__ == "LazyFrame":
        raise ArgumentTypeError(
            "The %r must have its rows. Got a LazyFrame, which has none yet;",
            parameter,
            parameter=parameter,
            cure=f"pass {parameter}.collect().",
        )


def check_aligned(one: str, values: Any, other: str, others: Any) -> None:
    """Raise ArgumentValueError where two objects of pandas number their rows differently.

    Rows go by position here, as everywhere; of pandas they may be meant to go by the index.

    Args:
        one: what the values are called, as ``"features"``.
        values: a frame or series, or anything else.
        other: what the others are called.
        others: likewise.

    """
    if not (hasattr(values, "iloc") and hasattr(others, "iloc")) or len(values) != len(others):
        return
    if not values.index.equals(others.index):
        theirs, ours = values.index.tolist(), others.index.tolist()
        row = next((i for i in range(len(ours)) if ours[i] != theirs[i]), 0)
        raise ArgumentValueError(
            "The %r and the %r have different indices: row %d is %r there and %r here;",
            one,
            other,
            row,
            theirs[row],
            ours[row],
            parameter=other,
            row=row,
            cure=f"pass {other}.loc[{one}.index] to bring them into one order, or "
            f"{other}.to_numpy() if they are in one.",
        )


def columns_of(frame: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the names and the series of a frame's columns; of pandas two may have one name."""
    if hasattr(frame, "items"):
        yield from frame.items()
    else:
        yield from ((series.name, series) for series in frame.iter_columns())


def one_column(labels: Any) -> Any:
    """Return the only column of a data frame; what is none, as it is.

    Raises:
        ArgumentTypeError: a frame of several columns, or of none; a LazyFrame.

    """
    check_not_lazy(labels, "labels")
    if not hasattr(labels, "columns"):
        return labels
    names = [*labels.columns]
    if len(names) == 1 and is_frame(labels):
        return next(series for _, series in columns_of(labels))
    raise ArgumentTypeError(
        "The 'labels' must be one integer or string per example. Got a %s of %d columns;",
        type(labels).__name__,
        len(names),
        parameter="labels",
        cure=f"pass one of its columns, as labels=frame[{(names or ['COLUMN'])[-1]!r}].",
    )


def frame_rows(frame: Any) -> np.ndarray[Any, Any]:
    """Return the (n, d) numbers of a frame's columns, NaN where one is missing.

    A column of rows (lists, arrays) gives as many numbers as are in one.

    Raises:
        ArgumentTypeError: columns of something else: texts, dates, categories.
        ArgumentValueError: a column of rows of different lengths.

    """
    found = [(name, _numbers(series)) for name, series in columns_of(frame)]
    wrong = [name for name, rows in found if rows is None]
    if wrong:
        raise _no_numbers(f"the columns {wrong}")
    parts = [rows.reshape(len(rows), -1) for _, rows in found if rows is not None]
    return np.concatenate(parts, axis=1) if parts else np.empty((len(frame), 0))


def series_rows(series: Any) -> Any:
    """Return the numbers of a series, or its rows of numbers: (n,) or (n, ...).

    Raises:
        ArgumentTypeError, ArgumentValueError: as :func:`frame_rows`.

    """
    found = _numbers(series)
    if found is None:
        raise _no_numbers("a series")
    return found


def _no_numbers(where: str) -> ArgumentTypeError:
    return ArgumentTypeError(
        "The 'features' must be real numbers. Got others in %s;",
        where,
        parameter="features",
        cure="encode them as numbers, or leave them out.",
    )


def _numbers(series: Any) -> Any:
    """Return a column's numbers, or its rows of numbers; None of anything else."""
    if hasattr(getattr(series, "dtype", None), "categories"):  # numbers may name these too
        return None
    found = np.asarray(series.to_numpy())
    if found.dtype != object:
        return found if found.dtype.kind in "biuf" else None
    absent = np.array([is_absent(value) for value in found], dtype=bool)
    known = found[~absent]
    if all(isinstance(value, numbers.Real | np.bool_) for value in known):
        whole: np.ndarray[Any, Any] = np.full(len(found), np.nan)
        whole[~absent] = known.astype(np.float64)
        return whole
    if not all(map(is_row, known)):
        return None
    rows = stacked([known[0] if gone else row for row, gone in zip(found, absent, strict=True)])
    if absent.any():
        rows = np.asarray(rows, dtype=np.float64)
        rows[absent] = np.nan
    return rows


def numbers_the_rows(name: Any, series: Any) -> bool:
    """Return whether a column of numbers numbers the rows, by its name or by counting them.

    Args:
        name: of the column.
        series: n values.

    Example:
        >>> numbers_the_rows("id", np.array([17, 4])), numbers_the_rows("age", np.array([17, 4]))
        (True, False)

    """
    array = np.asarray(series.to_numpy() if hasattr(series, "to_numpy") else series)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        return False
    if not (np.isfinite(array) & (array == np.floor(array))).all():
        return False
    called = str(name).strip().lower()
    if called in _NUMBERS_ROWS or called.startswith("unnamed:"):
        return True
    return len(array) >= _FEWEST and bool((np.diff(array.astype(np.float64)) == 1).all())


def is_absent(value: Any) -> bool:
    """Return whether a value says that there is none: None, NaN, ``pandas.NA``, NaT."""
    if isinstance(value, numbers.Real):
        return bool(value != value)  # noqa: PLR0124 (NaN alone is not itself)
    return value is None or type(value).__name__ in ("NAType", "NaTType")  # as pandas has them
