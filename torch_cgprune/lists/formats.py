"""The formats of lists: indices to the content of a file, and a file to its entries."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from torch_cgprune.errors import Argument, ArgumentValueError, Message
from torch_cgprune.lists.shards import shard_columns
from torch_cgprune.scores import CGScores
from torch_cgprune.scores.table import COLUMNS, columns
from torch_cgprune.utils.extras import parquet
from torch_cgprune.utils.parquet import read_parquet
from torch_cgprune.utils.tables import read_table


@dataclass(frozen=True)
class Entry:
    """One example of a list, as a file has it: by index, by name, or both."""

    line: int
    index: str
    name: str
    label: str = ""
    new_label: str | None = None
    decision: str | None = None


def listed(indices: Tensor, scores: CGScores, form: str) -> bytes:
    r"""Return a list of examples as the content of a file.

    Args:
        indices: (m,) of the examples.
        scores: of the dataset.
        form: ``"txt"``, ``"csv"``, ``"json"``, ``"npy"`` or ``"parquet"``.

    Raises:
        ValueError: a name with a line break in it, as text.
        ImportError: pyarrow is not installed, which writes parquet.

    Example:
        >>> import torch
        >>> from torch_cgprune import cg_scores
        >>> scores = cg_scores(torch.eye(4), ["ant", "ant", "bee", "bee"], progress=False)
        >>> listed(torch.tensor([0, 3]), scores, "txt")
        b'0\n3\n'

    """
    return _WRITERS[form](indices, scores)


def _names(indices: Tensor, scores: CGScores) -> list[str] | None:
    return None if scores.names is None else [scores.names[i] for i in indices.tolist()]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _as_lines(indices: Tensor, scores: CGScores) -> bytes:
    names = _names(indices, scores)
    broken = [name for name in names or () if {"\n", "\r"} & {*name}]
    if broken:
        raise ArgumentValueError(
            "The file name %r has a line break in it, which a list of lines cannot hold.",
            broken[0],
            parameter="format",
            cure=Message("Pass %s.", Argument("format", "'csv' or 'json'")),
        )
    return _encoded("".join(f"{item}\n" for item in names or indices.tolist()))


def _as_table(indices: Tensor, scores: CGScores) -> bytes:
    buffer = io.StringIO(newline="")
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(zip(*columns(scores, indices).values(), strict=True))  # None is an empty cell
    return _encoded(buffer.getvalue())


def _as_document(indices: Tensor, scores: CGScores) -> bytes:
    names = _names(indices, scores)
    found = {"indices": indices.tolist()} | ({} if names is None else {"paths": names})
    return _encoded(json.dumps(found) + "\n")


def _as_array(indices: Tensor, _: CGScores) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, indices.numpy())
    return buffer.getvalue()


def _as_parquet(indices: Tensor, scores: CGScores) -> bytes:
    pa = parquet()
    more, metadata = shard_columns(scores, indices)
    table = pa.table(
        {
            name: pa.array(
                [printable(value) if isinstance(value, str) else value for value in values],
                type=COLUMNS[name].lower().replace("float64", "double"),
            )
            for name, values in columns(scores, indices).items()
        }
        | {name: pa.array(values) for name, values in more.items()}
    ).replace_schema_metadata(metadata)
    buffer = io.BytesIO()
    pa.parquet.write_table(table, buffer)
    return buffer.getvalue()


_WRITERS: dict[str, Callable[[Tensor, CGScores], bytes]] = {
    "txt": _as_lines,
    "csv": _as_table,
    "json": _as_document,
    "npy": _as_array,
    "parquet": _as_parquet,
}
FORMATS = tuple(_WRITERS)
# The formats with all columns; the others have the examples alone.
TABLES = ("csv", "parquet")


def printable(name: str) -> str:
    """Return a name that is no UTF-8 as a browser or a parquet file has it."""
    return re.sub("[\ud800-\udfff]", "\ufffd", name)


def entries(path: Path) -> Iterator[Entry]:
    """Yield the entries of a list; those of an ``.npy`` file are numbers, and read otherwise.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another kind of file, or no such list.

    """
    form = path.suffix.lower() or ".txt"
    if form not in (*_READERS, ".parquet"):
        raise ValueError(
            "A list of examples must be a .txt, .csv, .json, .npy or .parquet file. Got "
            f"{str(path)!r}."
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no list {str(path)!r}.")
    if form == ".parquet":
        yield from _parquet(path)
        return
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        yield from _READERS[form](file, str(path))


def _lines(file: io.TextIOBase, _: str) -> Iterator[Entry]:
    for number, line in enumerate(file.read().split("\n"), 1):
        text = line.removesuffix("\r")
        if text:
            yield _named_or_numbered(number, text)


def _named_or_numbered(line: int, item: object) -> Entry:
    """Return an entry that is either: the data tell."""
    return Entry(line, str(item), str(item))


def _table(file: io.TextIOBase, path: str) -> Iterator[Entry]:
    names, rows = read_table(file, path, {"index", "path", "label", "new_label", "decision"})
    _check_columns(names, path)
    for line, row in rows:
        index, name, label = (row.get(column, "") for column in ("index", "path", "label"))
        decision = row.get("decision")
        decision = None if decision is None else decision.strip().lower()
        yield Entry(line, index.strip(), name, label, row.get("new_label"), decision)


def _check_columns(names: list[str], path: str) -> None:
    if not {"index", "path"} & {*names}:
        raise ValueError(
            f"The list {path!r} must have a column 'index' or 'path'. Got {names} instead."
        )


def _parquet(path: Path) -> Iterator[Entry]:
    table = read_parquet(path)
    _check_columns(table.column_names, str(path))
    wanted = [name for name in ("index", "path", "label") if name in table.column_names]
    for number, row in enumerate(table.select(wanted).to_pylist(), 1):
        texts = {name: str(value) for name, value in row.items() if value is not None}
        yield Entry(number, *(texts.get(name, "") for name in ("index", "path", "label")))


def _document(file: io.TextIOBase, path: str) -> Iterator[Entry]:
    try:
        content = json.load(file)
    except json.JSONDecodeError as error:
        raise ValueError(f"The list {path!r} is no JSON ({error}).") from error
    if isinstance(content, dict):
        content = content.get("paths") or content.get("indices")
    if not isinstance(content, list):
        raise ValueError(  # noqa: TRY004 (of the file, not of an argument)
            f"The list {path!r} must hold 'paths' or 'indices', or be a list of them."
        )
    for number, item in enumerate(content, 1):
        yield _named_or_numbered(number, item)


_READERS: dict[str, Callable[[Any, str], Iterator[Entry]]] = {
    ".txt": _lines,
    ".csv": _table,
    ".json": _document,
}
