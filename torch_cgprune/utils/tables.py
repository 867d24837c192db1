"""Tables of text with a header, as spreadsheets write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
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
    heads = {by: next(_lines(text, by, path), (1, []))[1] for by in separators}
    heads = {by: [name.strip() for name in head] for by, head in heads.items()}
    separator = max(separators, key=lambda by: (len(wanted & {*heads[by]}), len(heads[by])))
    columns = heads[separator]
    return columns, _rows(_lines(text, separator, path), columns, path)


def _lines(text: str, separator: str, path: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        place = f"The list {path!r}, line {reader.line_num}"
        raise ValueError(f"{place}: this is no table ({error}).") from error


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
        if any(cell.strip() for cell in cells):
            missing = [""] * (len(columns) - len(cells))
            yield number, dict(zip(columns, cells + missing, strict=False))
