"""Lists of examples in files: written by ``select`` and the report's page, read back for training.

Four formats, told by the ending: ``.txt`` (a file name or an index a line), ``.csv`` (columns
``index``, ``path``, ``label``, and ``new_label`` in the page's), ``.json`` and ``.npy`` (indices).
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.arrays import real_numbers
from torch_cgprune.scores import CGScores


@dataclass(frozen=True)
class Entry:
    """One example of a list, as a file has it: by index, by name, or both."""

    line: int
    index: str
    name: str
    label: str = ""
    new_label: str | None = None


def read_examples(path: str | os.PathLike[str], n: int, scores: CGScores | None = None) -> Tensor:
    """Return the examples that a file lists.

    Where examples are files, names decide, so that a list stays right when files are added.

    Args:
        path: a list in one of the four formats.
        n: examples of the dataset.
        scores: of the dataset, for the names and labels of its examples, where there are any.

    Returns:
        (m,) int64 sorted indices, each once.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no such list, or one of other data; it names the line and the cure.

    """
    path = Path(path)
    if path.suffix == ".npy":
        indices = _indices_of_array(path, n)
    else:
        where = _Lookup(path, n, scores)
        indices = torch.tensor([where(entry) for entry in _entries(path)], dtype=torch.int64)
    kept: Tensor = indices.unique()
    return kept


def check_relabels(path: str | os.PathLike[str]) -> Path:
    """Fail now, not after minutes of scoring, if there is no such list of new labels.

    Raises:
        FileNotFoundError, ValueError: no such file, or of another kind.

    """
    path = Path(path)
    if path.suffix != ".csv":
        raise ValueError(
            f"The 'relabel' file must be a .csv with a column 'new_label'. Got {str(path)!r}."
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no list {str(path)!r}.")
    return path


def read_relabels(path: str | os.PathLike[str], scores: CGScores) -> Tensor:
    """Return the labels of all examples, those of a CSV file in place of the given ones.

    Args:
        path: with the columns ``index`` or ``path``, and ``new_label``: names of classes.
        scores: of the dataset.

    Returns:
        (n,) int64 class codes.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another kind of file, an unknown class, or a list of other data.

    """
    path = check_relabels(path)
    codes = {name: code for code, name in enumerate(scores.class_names)}
    where, new = _Lookup(path, len(scores), scores), dict[int, int]()
    for entry in _entries(path):
        place = f"The list {str(path)!r}, line {entry.line}"
        if entry.new_label not in codes:
            known = ", ".join(map(repr, scores.class_names[:20]))
            raise ValueError(
                f"{place}: the 'new_label' must be one of the classes {known}"
                f"{' and so on' if len(codes) > 20 else ''}. Got {entry.new_label!r} instead; "
                "correct it, or delete the line."
            )
        index, code = where(entry), codes[entry.new_label]
        if new.setdefault(index, code) != code:
            raise ValueError(f"{place}: example {index} has another 'new_label' further up.")
    labels = scores.labels.clone()
    labels[[*new]] = torch.tensor([*new.values()], dtype=labels.dtype)
    return labels


class _Lookup:
    """From an entry of a list to the index of its example, checked against the data."""

    def __init__(self, path: Path, n: int, scores: CGScores | None) -> None:
        self.path, self.n, self.scores = path, n, scores
        names = () if scores is None or scores.names is None else scores.names
        self.by_name = {name: i for i, name in enumerate(names)}

    def __call__(self, entry: Entry) -> int:
        index = self._index(entry)
        if not 0 <= index < self.n:
            raise self._foreign(entry, f"has the index {index}, and there are {self.n} examples")
        if entry.label and self.scores is not None:
            given = self.scores.class_names[int(self.scores.labels[index])]
            if given != entry.label:
                raise self._foreign(
                    entry, f"example {index} is labelled {entry.label!r} there and {given!r} here"
                )
        return index

    def _index(self, entry: Entry) -> int:
        if entry.name in self.by_name:
            return self.by_name[entry.name]
        # A browser cannot write names that are no UTF-8; the index stands beside them.
        nameless = entry.name in ("", entry.index) or not self.by_name or "\ufffd" in entry.name
        if nameless and _is_index(entry.index):
            return int(entry.index)
        unknown = "is none of the examples" if self.by_name else "is a name, and these have none"
        raise self._foreign(entry, f"{entry.name or entry.index!r} {unknown}")

    def _foreign(self, entry: Entry, what: str) -> ValueError:
        return ValueError(
            f"The list {str(self.path)!r}, line {entry.line}: {what}. It is of other data, or of "
            "an earlier state of these: make it anew, or correct the line."
        )


def _is_index(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()


def _entries(path: Path) -> Iterator[Entry]:
    if path.suffix not in _READERS:
        raise ValueError(
            f"A list of examples must be a .txt, .csv, .json or .npy file. Got {str(path)!r}."
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no list {str(path)!r}.")
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        yield from _READERS[path.suffix](file, str(path))


def _lines(file: io.TextIOBase, _: str) -> Iterator[Entry]:
    for number, line in enumerate(file.read().split("\n"), 1):
        text = line.removesuffix("\r")
        if text:
            yield _named_or_numbered(number, text)


def _named_or_numbered(line: int, item: object) -> Entry:
    """Return an entry that is either: the data tell."""
    return Entry(line, str(item), str(item))


def _table(file: io.TextIOBase, path: str) -> Iterator[Entry]:
    rows = csv.DictReader(file)
    columns = rows.fieldnames or []
    if not {"index", "path"} & {*columns}:
        raise ValueError(
            f"The list {path!r} must have a column 'index' or 'path'. Got {[*columns]} instead."
        )
    for row in rows:
        index, name, label = (row.get(column) or "" for column in ("index", "path", "label"))
        yield Entry(rows.line_num, index, name, label, row.get("new_label"))


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


def _indices_of_array(path: Path, n: int) -> Tensor:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"The list {str(path)!r} is no .npy file ({error}).") from error
    indices = real_numbers(array, f"The list {str(path)!r}")
    if indices.ndim != 1 or indices.is_floating_point() or indices.dtype == torch.bool:
        raise ValueError(
            f"The list {str(path)!r} must hold integers in one dimension. Got {array.dtype} of "
            f"shape {array.shape} instead."
        )
    outside = indices[(indices < 0) | (indices >= n)]
    if len(outside):
        raise ValueError(
            f"The list {str(path)!r} has the index {int(outside[0])}, and there are {n} examples. "
            "It is of other data: make it anew."
        )
    return indices.long()


def listed(indices: Tensor, scores: CGScores, form: str) -> bytes:
    r"""Return a list of examples as the content of a file.

    Args:
        indices: (m,) of the examples.
        scores: of the dataset.
        form: ``"txt"``, ``"csv"``, ``"json"`` or ``"npy"``.

    Raises:
        ValueError: a name with a line break in it, as text.

    Example:
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
        raise ValueError(
            f"The file name {broken[0]!r} has a line break in it, which a list of lines cannot "
            "hold. Pass format='csv' or 'json'."
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
