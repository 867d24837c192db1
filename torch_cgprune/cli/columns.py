"""The columns of a table, and which of them hold what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from torch_cgprune.inputs.bad_rows import some_of
from torch_cgprune.inputs.image_loader import EncodedImage


class Table(Protocol):
    """A table of n rows, whatever file it is from."""

    path: str
    names: list[str]
    root: Path  # at which relative paths start

    def __len__(self) -> int: ...

    def place(self, row: int) -> str:
        """Return where a row is in the file."""

    def texts(self, name: str) -> list[str | None]:
        """Return n texts, None where there is none."""

    def labels(self, name: str) -> list[Any]:
        """Return n labels, None where there is none."""

    def class_names(self, name: str) -> list[str] | None:
        """Return what a column's classes are called, in their order, where the table says it."""

    def numbers(self, name: str) -> np.ndarray[Any, Any] | None:
        """Return (n, ...) numbers, NaN where there is none; None of a column of something else."""

    def cell(self, name: str, row: int) -> str:
        """Return what is in a cell, for messages."""

    def holds_images(self, name: str) -> bool:
        """Return whether a column holds images, not paths of them."""

    def images(self, name: str) -> Sequence[str | EncodedImage | None]:
        """Return n images or paths of them, None where there is none."""


@dataclass(frozen=True)
class Columns:
    """Which columns hold what, as far as it is said.

    Attributes:
        path: of the images' files.
        text: of the texts.
        features: of the numbers.
        label: of the labels.

    """

    path: str | None = None
    text: str | None = None
    features: Sequence[str] | None = None
    label: str | None = None

    @property
    def named(self) -> dict[str, Any]:
        """What is said, by the names of the options."""
        return {
            "path_column": self.path,
            "text_column": self.text,
            "feature_columns": self.features,
            "label_column": self.label,
        }

    @property
    def wanted(self) -> set[str]:
        """The names of columns by which a table of text is recognised."""
        label = "label" if self.label is None else self.label
        content = (self.path, self.text, *(self.features or ()))
        named = {name for name in content if name is not None}
        return {label, *(named or {"path"})}


def label_column(table: Table, columns: Columns) -> str:
    """Return the column of the labels: the one that is named, ``label``, or the one of classes."""
    return found(table, columns.label or _label_column(table) or "label", "label")


def has_labels(table: Table, columns: Columns) -> bool:
    """Return whether a column of labels is there, or should be, since one is named."""
    return columns.label is not None or _label_column(table) is not None


def _label_column(table: Table) -> str | None:
    return usual_label_column({name: table.class_names(name) for name in table.names})


def usual_label_column(class_names: Mapping[str, Sequence[str] | None]) -> str | None:
    """Return the column that labels are looked for in, where none is named; None without any.

    Args:
        class_names: of all columns: those that a column numbers, None of others.

    """
    if "label" in class_names:
        return "label"
    of_classes = [column for column, names in class_names.items() if names is not None]
    return of_classes[0] if len(of_classes) == 1 else None


def found(table: Table, name: str, what: str) -> str:
    """Return a column's name, which is there once."""
    times = table.names.count(name)
    if times == 1:
        return name
    have = "has no column" if times == 0 else f"has {times} columns"
    option = {"features": "--feature-columns"}.get(what, f"--{what}-column")
    raise ValueError(
        f"The table {table.path!r} {have} {name!r}, but {', '.join(map(repr, table.names))}. Name "
        f"the column of the {what.removesuffix('s')}s with {option}."
    )


def whole(table: Table, column: str, values: Sequence[Any], what: str) -> list[Any]:
    """Return the values of a column, none of which is missing."""
    missing = [table.place(row) for row, value in enumerate(values) if value is None]
    if missing:
        raise ValueError(
            f"The table {table.path!r} has no {what} (column {column!r}) in {some_of(missing)}. "
            "Fill it in, or leave these rows out."
        )
    return [*values]
