"""The columns of numbers in a table, as features."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from torch_cgprune.cli.columns import Columns, Table, found
from torch_cgprune.inputs.bad_rows import some_of
from torch_cgprune.inputs.frames import numbers_the_rows

_log = logging.getLogger(__name__)


def matrix_of(table: Table, columns: Columns, label: str, *, lenient: bool) -> np.ndarray[Any, Any]:
    """Return the (n, d) numbers of the columns that are named, or of all that hold numbers."""
    parts: dict[str, np.ndarray[Any, Any]] = {}
    if columns.features is None:
        parts = _numeric(table, label)
    for name in columns.features or ():
        if name == label:
            raise ValueError(
                f"The column {name!r} of the table {table.path!r} has the labels: leave it out of "
                "--feature-columns, or name another --label-column."
            )
        numbers = table.numbers(found(table, name, "features"))
        if numbers is None:
            raise ValueError(
                f"The column {name!r} of the table {table.path!r} holds no numbers, as "
                f"{table.cell(name, 0)} in {table.place(0)}. Name others with --feature-columns."
            )
        parts[name] = numbers
    bad = [
        f"{table.cell(name, row)} in {table.place(row)}, column {name!r}"
        for name, numbers in parts.items()
        for row in np.flatnonzero(~np.isfinite(numbers.reshape(len(numbers), -1)).all(1)).tolist()
    ]
    if bad and not lenient:
        raise ValueError(
            f"The table {table.path!r} has cells that are no numbers: {some_of(bad)}. Correct "
            "them, choose other columns with --feature-columns, or pass --skip-unreadable, which "
            "leaves these rows out."
        )
    return np.concatenate([part.reshape(len(part), -1) for part in parts.values()], axis=1)


def _numeric(table: Table, label: str) -> dict[str, np.ndarray[Any, Any]]:
    """Return the columns that hold numbers, but for the label and what numbers the rows."""
    parts: dict[str, np.ndarray[Any, Any]] = {}
    left: list[str] = []
    for name in table.names:
        if name == label:
            continue
        numbers = table.numbers(found(table, name, "features"))
        if numbers is None:
            left.append(repr(name))
        elif numbers_the_rows(name, numbers):
            left.append(f"{name!r} (it numbers the rows)")
        else:
            parts[name] = numbers
    if not parts:
        raise ValueError(
            f"The table {table.path!r} has no column 'path' and no column of numbers, but "
            f"{', '.join(left) or 'none'}. Say what they hold with --path-column, --text-column or "
            "--feature-columns."
        )
    tell: Callable[..., None] = _log.warning if left else _log.info
    tell(
        "The features are the %d columns of numbers of %r; left out are %s.",
        len(parts),
        table.path,
        ", ".join(left) or "none",
    )
    return parts
