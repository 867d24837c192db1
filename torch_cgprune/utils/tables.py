"""Tables of text with a header, as spreadsheets write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any


def read_table(
    file: Any, path: str, wanted: set[str], separators: str = ",;\t"
) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    r"""Read a table whose columns are separated by commas, semicolons or tabs: the header tells.

    Args:
        file: of text, opened with ``newline=""``.
        path: its name, for the message.
        wanted: names of columns; the separator is the one by which most of them are there, and of
            several the one that makes most columns.
        separators: that it may have.

    Returns:
        The names of the columns, and an iterator of a line's number and its cells by column, an
        empty text for each cell that a line lacks; lines of blank cells are left out.

    Raises:
        ValueError: what ``csv`` cannot read, as a cell of more than 131,072 characters; a line of
            more cells than columns, as an unquoted comma makes one.

    Example:
        >>> import io
        >>> file = io.StringIO("path;label\na.png;ant\n;\n")
        >>> columns, rows = read_table(file, "train.csv", {"path", "label"})
        >>> columns, [*rows]
        (['path', 'label'], [(2, {'path': 'a.png', 'label': 'ant'})])

    """
    text = file.read()
    separator = separator_of(text, path, wanted, separators)
    columns = [name.strip() for name in _header(text, separator, path)]
    lines = ((number, cells) for number, _, cells in records(text, separator, path))
    return columns, _rows(lines, columns, path)


def separator_of(text: str, path: str, wanted: set[str], separators: str = ",;\t") -> str:
    """Return what separates the columns of a table: see :func:`read_table` for arguments."""
    heads = {by: [*map(str.strip, _header(text, by, path))] for by in separators}
    return max(separators, key=lambda by: (len(wanted & {*heads[by]}), len(heads[by])))


def _header(text: str, separator: str, path: str) -> list[str]:
    return next((cells for _, _, cells in records(text, separator, path)), [])


def records(text: str, separator: str, path: str) -> Iterator[tuple[int, str, list[str]]]:
    r"""Yield the rows of a table, its header first: last line, text with its line's end, cells.

    Raises:
        ValueError: as :func:`read_table`.

    Example:
        >>> [*records('a,b\n"1",\n', ",", "x.csv")]
        [(1, 'a,b\n', ['a', 'b']), (2, '"1",\n', ['1', ''])]

    """
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=separator)
    try:
        for cells in reader:
            yield reader.line_num, "".join(taken), cells
            taken.clear()
    except csv.Error as error:
        place = f"The list {path!r}, line {reader.line_num}"
        raise ValueError(f"{place}: this is no table ({error}).") from error


def is_blank(cells: Iterable[str]) -> bool:
    """Return whether there is nothing in a row: such ones are not counted."""
    return not any(cell.strip() for cell in cells)


def _rows(
    lines: Iterator[tuple[int, list[str]]], columns: list[str], path: str
) -> Iterator[tuple[int, dict[str, str]]]:
    next(lines, None)
    for number, cells in lines:
        if any(cell.strip() for cell in cells[len(columns) :]):
            raise ValueError(
                f"The list {path!r}, line {number}: there are {len(cells)} cells in "
                f"{len(columns)} columns. Put a cell with a separator in it into quotes."
            )
        if not is_blank(cells):
            missing = [""] * (len(columns) - len(cells))
            yield number, dict(zip(columns, cells + missing, strict=False))
