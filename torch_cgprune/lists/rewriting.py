"""Tables with the rows that are kept: every column as it was, but for labels that are replaced."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch_cgprune.utils.extras import parquet
from torch_cgprune.utils.files import replacing
from torch_cgprune.utils.parquet import class_names, read_parquet
from torch_cgprune.utils.tables import is_blank, records, separator_of

# How the names of tables end.
ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".jsonl")


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
        match table_ending(source):
            case ".parquet":
                _write_parquet(source, temporary, rows)
            case ".jsonl":
                _write_objects(source, temporary, rows, way)
            case _:
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
        if rows.paths:
            place = names.index(rows.paths)
            changed[place] = _moved(changed[place], way)
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


def _moved(path: str, way: str) -> str:
    """Return a path from another folder, to which ``way`` leads back; absolute ones stay."""
    return os.path.join(way, path)  # noqa: PTH118


def _write_objects(source: Path, target: Path, rows: Rows, way: str) -> None:
    """Write lines of JSON objects, as they are where nothing in them changes."""
    with source.open(encoding="utf-8-sig", newline="") as there:
        lines = [line for line in there if line.strip()]
    objects = [json.loads(line) for line in lines]
    names = [*dict.fromkeys(name for row in objects for name in row)]
    _check_table(str(source), names, len(lines), rows)
    labels = _typed(rows, [row.get(rows.column) for row in objects], source)
    with target.open("w", encoding="utf-8", newline="") as file:
        for number in rows.kept:
            row = objects[number]
            changes = {rows.column: labels[number]} if number in labels else {}
            if rows.paths and way:
                changes[rows.paths] = _moved(row[rows.paths], way)
            changed = json.dumps(row | changes, ensure_ascii=False) if changes else lines[number]
            file.write(changed.rstrip("\r\n") + "\n")


def _write_parquet(source: Path, target: Path, rows: Rows) -> None:
    arrow, table = parquet(), read_parquet(source)
    _check_table(str(source), table.column_names, table.num_rows, rows)
    if rows.labels:
        given = table[rows.column].to_pylist()
        for row, label in _typed(rows, given, source, class_names(table).get(rows.column)).items():
            given[row] = label
        place = table.column_names.index(rows.column)
        field = table.schema.field(place)
        table = table.set_column(place, field, arrow.array(given, type=field.type))
    arrow.parquet.write_table(table.take([*rows.kept]), target)


def _typed(
    rows: Rows, given: Sequence[Any], source: Path, classes: Sequence[str] | None = None
) -> dict[int, Any]:
    """Return new labels as a typed column has them: as the same labels are there, or by number."""
    values = {str(value).strip(): value for value in given}
    if classes is not None:
        values = {name: code for code, name in enumerate(classes)}
    if missing := {*rows.labels.values()} - {*values}:
        raise ValueError(
            f"The column {rows.column!r} of {str(source)!r} has no {min(missing)!r}, but values as "
            f"{given[0]!r}: write labels as texts, or change them yourself."
        )
    return {row: values[label] for row, label in rows.labels.items()}
