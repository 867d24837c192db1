"""Tables of text: .csv and .tsv files, also packed by gzip."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from torch_cgprune.utils.tables import read_table

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")


class TextTable:
    """The cells of a table of text, column by column.

    Args:
        path: of the file.
        wanted: names of columns, by which the separator is told.

    Attributes:
        path: of the file.
        root: its folder.
        names: of the columns, without the blanks around them.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, or no table.

    """

    def __init__(self, path: Path, wanted: set[str]) -> None:
        self.path, self.root = str(path), path.parent
        separators = "\t" if path.name.lower().endswith((".tsv", ".tsv.gz")) else ",;\t"
        opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
        try:
            with opener(
                path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline=""
            ) as file:
                names, rows = read_table(file, self.path, wanted, separators)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"The file {self.path!r} cannot be read as .gz ({error}).") from error
        self.names, self._lines = names, list[int]()
        self._cells: dict[str, list[str]] = {name: [] for name in names}
        for line, row in rows:
            self._lines.append(line)
            for name, cell in row.items():
                self._cells[name].append(cell)

    def __len__(self) -> int:
        return len(self._lines)

    def place(self, row: int) -> str:
        """Return where a row is in the file, for messages."""
        return f"line {self._lines[row]}"

    def texts(self, name: str) -> list[str | None]:
        """Return the cells of a column; None where there is nothing in one."""
        return [cell if cell.strip() else None for cell in self._cells[name]]

    def labels(self, name: str) -> list[Any]:
        """Return the cells of a column without the blanks around them; None where one is empty."""
        return [cell.strip() or None for cell in self._cells[name]]

    def numbers(self, name: str) -> np.ndarray[Any, Any] | None:
        """Return (n,) float64 numbers, NaN where a cell is none; None if most of them are none."""
        values = np.array([number(cell) for cell in self._cells[name]], dtype=np.float64)
        filled = sum(bool(cell.strip()) for cell in self._cells[name])
        return values if 2 * int(np.isfinite(values).sum()) > filled else None

    def cell(self, name: str, row: int) -> str:
        """Return what is in a cell, for messages."""
        return repr(self._cells[name][row])

    def holds_images(self, _: str) -> bool:
        """Return that a column of text does not."""
        return False

    def images(self, name: str) -> Sequence[Any]:
        """Return the paths of images."""
        return self.texts(name)

    def class_names(self, _: str) -> list[str] | None:
        """Return None: a text numbers no classes."""
        return None


def number(text: str) -> float:
    """Return the number that a text is in plain digits, NaN of any other text.

    Example:
        >>> number(" -1.5e3 "), number("1,5"), number("1_000"), number("inf")
        (-1500.0, nan, nan, nan)

    """
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) and text.isascii() and "_" not in text else math.nan
