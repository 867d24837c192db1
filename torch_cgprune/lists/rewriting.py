"""Tables with the rows that are kept: every column as it was, but for labels that are replaced."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch_cgprune.utils.extras import parquet
from torch_cgprune.utils.files import replacing
from torch_cgprune.utils.parquet import read_parquet
from torch_cgprune.utils.tables import is_blank, records, separator_of

# How the names of tables end.
ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")


def table_ending(path: str | os.PathLike[str]) -> str | None:
    """Return which of ``ENDINGS`` a file's name ends in; None for none."""
    name = Path(path).name.lower()
    return next((ending for ending in reversed(ENDINGS) if name.endswith(ending)), None)


@dataclass(frozen=True)
class Rows:
    """What a new table is to have of a table.

    Attributes:
        kept: ascending numbers of rows, from 0; blank ones are not counted.
        labels: new labels, by the numbers of rows.
        column: the column that these go into.
        paths: a column of paths, which start at the table's folder; None for none.

    """

    kept: Sequence[int]
    labels: Mapping[int, str]
    column: str
    paths: str | None = None


def rewrite(source: Path, target: Path, rows: Rows) -> None:
    """Write some rows of a table to a new one of the same format, whole or not at all.

    Raises:
        FileExistsError: the target is there.
        ValueError: no such rows, no column for labels, or no such labels in a typed one.
        OSError: the target cannot be written.

    """
    if os.path.lexists(target):
        raise FileExistsError(f"The file {str(target)!r} is there already. Name another one.")
    there, here = (os.path.realpath(path.parent) for path in (source, target))
    way = "" if there == here else os.path.relpath(there, here)
    with replacing(target) as temporary:
        if table_ending(source) == ".parquet":
            _write_parquet(source, temporary, rows)
        else:
            _write_text(source, temporary, rows, way)


def _write_text(source: Path, target: Path, rows: Rows, way: str) -> None:
    text = _text_of(source)
    lines = "".join(_lines(text, str(source), rows, way))
    content = lines.encode("utf-8", "surrogateescape")
    packed = table_ending(source) in (".csv.gz", ".tsv.gz")
    target.write_bytes(gzip.compress(content, mtime=0) if packed else content)


def _text_of(source: Path) -> str:
    content = source.read_bytes()
    if table_ending(source) in (".csv.gz", ".tsv.gz"):
        content = gzip.decompress(content)
    return content.decode("utf-8", "surrogateescape")


def _lines(text: str, path: str, rows: Rows, way: str) -> Iterator[str]:
    """Yield the header and the rows that are kept, as they are where nothing in them changes."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    wanted = {rows.column} | ({rows.paths} if rows.paths else set())
    separator = separator_of(text, path, wanted)
    (_, header, names), *others = records(text, separator, path)
    names = [name.strip() for name in names]
    others = [record for record in others if not is_blank(record[2])]
    _check_table(path, names, len(others), rows)
    yield mark + header
    for number in rows.kept:
        _, whole, cells = others[number]
        changed = [*cells, *[""] * (len(names) - len(cells))]
        if number in rows.labels:
            changed[names.index(rows.column)] = rows.labels[number]
        if rows.paths and way:
            place = names.index(rows.paths)
            changed[place] = os.path.join(way, changed[place])  # noqa: PTH118 (absolute ones stay)
        changes = changed[: len(cells)] != cells or any(changed[len(cells) :])
        yield _joined(changed, separator, whole) if changes else whole


def _joined(cells: list[str], separator: str, whole: str) -> str:
    """Return cells as a line that ends as another one does."""
    buffer = io.StringIO(newline="")
    # By this end, line breaks of any kind inside of a cell are quoted.
    csv.writer(buffer, delimiter=separator, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n") + whole[len(whole.rstrip("\r\n")) :]


def _check_table(path: str, names: Sequence[str], n: int, rows: Rows) -> None:
    if rows.kept[-1] >= n:
        raise ValueError(f"The table {path!r} has {n} rows, and no row {rows.kept[-1]}.")
    if rows.labels and rows.column not in names:
        raise ValueError(
            f"The table {path!r} has no column {rows.column!r} for new labels. It has "
            f"{', '.join(map(repr, names))}."
        )


def _write_parquet(source: Path, target: Path, rows: Rows) -> None:
    arrow, table = parquet(), read_parquet(source)
    _check_table(str(source), table.column_names, table.num_rows, rows)
    if rows.labels:
        given = table[rows.column].to_pylist()
        values = {str(value): value for value in given}
        if missing := {*rows.labels.values()} - {*values}:
            raise ValueError(
                f"The column {rows.column!r} of {str(source)!r} has no {min(missing)!r}, but "
                f"values as {given[0]!r}: write labels as texts, or change them yourself."
            )
        for row, label in rows.labels.items():
            given[row] = values[label]
        place = table.column_names.index(rows.column)
        field = table.schema.field(place)
        table = table.set_column(place, field, arrow.array(given, type=field.type))
    arrow.parquet.write_table(table.take([*rows.kept]), target)
