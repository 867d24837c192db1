"""The four formats of lists: indices to the content of a file, and a file to its entries."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from torch_cgprune.errors import Argument, ArgumentValueError, Message
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.tables import read_table


@dataclass(frozen=True)
class Entry:
    """One example of a list, as a file has it: by index, by name, or both."""

    line: int
    index: str
    name: str
    label: str = ""
    new_label: str | None = None


def listed(indices: Tensor, scores: CGScores, form: str) -> bytes:
    r"""Return a list of examples as the content of a file.

    Args:
        indices: (m,) of the examples.
        scores: of the dataset.
        form: ``"txt"``, ``"csv"``, ``"json"`` or ``"npy"``.

    Raises:
        ValueError: a name with a line break in it, as text.

    Example:
        >>> import torch
        >>> from torch_cgprune import cg_scores
        >>> scores = cg_scores(torch.eye(4), ["ant", "ant", "bee", "bee"], progress=False)
        >>> listed(torch.tensor([0, 3]), scores, "txt")
        b'0\n3\n'

    """
    if form == "npy":
        buffer = io.BytesIO()
        np.save(buffer, indices.numpy())
        return buffer.getvalue()
    chosen = indices.tolist()
    names = None if scores.names is None else [scores.names[i] for i in chosen]
    text = _WRITERS[form](chosen, names, scores)
    return text.encode("utf-8", "surrogateescape")


def _as_lines(chosen: list[int], names: list[str] | None, _: CGScores) -> str:
    broken = [name for name in names or () if {"\n", "\r"} & {*name}]
    if broken:
        raise ArgumentValueError(
            "The file name %r has a line break in it, which a list of lines cannot hold.",
            broken[0],
            parameter="format",
            cure=Message("Pass %s.", Argument("format", "'csv' or 'json'")),
        )
    return "".join(f"{item}\n" for item in names or chosen)


def _as_table(chosen: list[int], names: list[str] | None, scores: CGScores) -> str:
    buffer = io.StringIO(newline="")
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(["index", "path", "label", "score"])
    labels = [scores.class_names[c] for c in scores.labels[chosen].tolist()]
    values = scores.values[chosen].tolist()
    rows.writerows(zip(chosen, names or [""] * len(chosen), labels, values, strict=True))
    return buffer.getvalue()


def _as_document(chosen: list[int], names: list[str] | None, _: CGScores) -> str:
    return json.dumps({"indices": chosen} | ({} if names is None else {"paths": names})) + "\n"


_WRITERS = {"txt": _as_lines, "csv": _as_table, "json": _as_document}
FORMATS = (*_WRITERS, "npy")


def entries(path: Path) -> Iterator[Entry]:
    """Yield the entries of a list; those of an ``.npy`` file are numbers, and read otherwise.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another kind of file, or no such list.

    """
    reader = _READERS.get(path.suffix.lower() or ".txt")
    if reader is None:
        raise ValueError(
            f"A list of examples must be a .txt, .csv, .json or .npy file. Got {str(path)!r}."
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no list {str(path)!r}.")
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        yield from reader(file, str(path))


def _lines(file: io.TextIOBase, _: str) -> Iterator[Entry]:
    for number, line in enumerate(file.read().split("\n"), 1):
        text = line.removesuffix("\r")
        if text:
            yield _named_or_numbered(number, text)


def _named_or_numbered(line: int, item: object) -> Entry:
    """Return an entry that is either: the data tell."""
    return Entry(line, str(item), str(item))


def _table(file: io.TextIOBase, path: str) -> Iterator[Entry]:
    columns, rows = read_table(file, path, {"index", "path", "label", "new_label"})
    if not {"index", "path"} & {*columns}:
        raise ValueError(
            f"The list {path!r} must have a column 'index' or 'path'. Got {columns} instead."
        )
    for line, row in rows:
        index, name, label = (row.get(column, "") for column in ("index", "path", "label"))
        yield Entry(line, index.strip(), name, label, row.get("new_label"))


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
