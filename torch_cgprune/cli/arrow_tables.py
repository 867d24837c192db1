"""Tables of typed columns: .parquet and .jsonl files, and what ``datasets`` has saved."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from torch_cgprune.inputs.image_loader import EncodedImage
from torch_cgprune.utils.extras import parquet
from torch_cgprune.utils.parquet import class_names, numbering, read_parquet

SUFFIXES = (".parquet", ".jsonl")


class ArrowTable:
    """A ``pyarrow.Table``, column by column.

    Args:
        path: its name, for messages.
        root: the folder at which the paths of images start.
        table: n rows.
        classes: names of the classes that a column numbers, by column.
        lines: of the rows in the file, if it has lines.

    Attributes:
        path: its name.
        root: the folder.
        names: of the columns.

    Raises:
        ValueError: two columns of one name.

    """

    def __init__(
        self,
        path: str,
        root: Path,
        table: Any,
        classes: Mapping[str, list[str]],
        lines: Sequence[int] | None = None,
    ) -> None:
        self.path, self.root, self.names = path, root, table.column_names
        self._table, self._lines = table, lines
        if twice := [name for name in self.names if self.names.count(name) > 1]:
            raise ValueError(f"The table {path!r} has several columns {twice[0]!r}: rename them.")
        self._classes = numbering(table, classes)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def place(self, row: int) -> str:
        """Return where a row is in the file, for messages."""
        return f"row {row}" if self._lines is None else f"line {self._lines[row]}"

    def texts(self, name: str) -> list[str | None]:
        """Return the texts of a column; None where there is none.

        Raises:
            ValueError: it holds something else.

        """
        values = self._table[name].to_pylist()
        if other := next((v for v in values if not isinstance(v, str | None)), None):
            raise ValueError(
                f"The column {name!r} of {self.path!r} must hold texts. Got {type(other).__name__} "
                "instead: name another one."
            )
        return [text if text and text.strip() else None for text in values]

    def labels(self, name: str) -> list[Any]:
        """Return the labels in a column; None where there is none; whole floats are integers."""
        values = self._table[name].to_pylist()
        names = self.class_names(name)
        if names is not None:
            beyond = [code for code in values if code is not None and not -1 <= code < len(names)]
            if beyond:
                raise ValueError(
                    f"The column {name!r} of {self.path!r} has the class number {beyond[0]}, and "
                    f"names of {len(names)} classes: it is damaged. Write it anew."
                )
            return [None if code in (None, -1) else names[code] for code in values]
        return [_label(value) for value in values]

    def class_names(self, name: str) -> list[str] | None:
        """Return the names of the classes that a column numbers, in their order; None of others."""
        return self._classes.get(name)

    def numbers(self, name: str) -> np.ndarray[Any, Any] | None:
        """Return the (n, ...) numbers of a column, NaN where one is missing; None if it has others.

        Raises:
            ValueError: rows of numbers that differ in length.

        """
        if name in self._classes:
            return None
        try:
            return _numbers(self._table[name].combine_chunks())
        except _RaggedError as error:
            raise ValueError(
                f"The rows in the column {name!r} of {self.path!r} must be of one length. Got "
                f"{error}: leave it out by --feature-columns."
            ) from None

    def cell(self, name: str, row: int) -> str:
        """Return what is in a cell, for messages."""
        value = self._table[name][row].as_py()
        return "a row with NaN" if isinstance(value, list) else repr(value)

    def holds_images(self, name: str) -> bool:
        """Return whether a column holds the files of images."""
        return _holds_bytes(self._table.schema.field(name).type)

    def images(self, name: str) -> list[str | EncodedImage | None]:
        """Return the files of images in a column, or their paths; None where there is none."""
        return [self._image(row, value) for row, value in enumerate(self._table[name].to_pylist())]

    def _image(self, row: int, value: Any) -> str | EncodedImage | None:
        found: dict[str, Any] = {"bytes": value} if isinstance(value, bytes) else value or {}
        if found.get("bytes") is None:
            return found.get("path")
        return EncodedImage(found["bytes"], f"{self.place(row)} of {self.path}")


class _RaggedError(ValueError):
    """Rows of different lengths."""


def _numbers(array: Any) -> np.ndarray[Any, Any] | None:
    pa = parquet()
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    types = pa.types
    if types.is_list(array.type) or types.is_large_list(array.type):
        return _rows(array, {*array.drop_null().value_lengths().to_pylist()})
    if types.is_fixed_size_list(array.type):
        return _rows(array, {array.type.list_size})
    if types.is_decimal(array.type) or types.is_boolean(array.type):
        array = array.cast(pa.float64())
    elif not (types.is_integer(array.type) or types.is_floating(array.type)):
        return None
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _rows(array: Any, sizes: set[int]) -> np.ndarray[Any, Any] | None:
    """Return rows of numbers, (n, d), from an array of lists of these lengths."""
    flat = _numbers(array.flatten())
    if flat is None or len(sizes) == 0:
        return None
    if len(sizes) > 1:
        raise _RaggedError(" and ".join(map(str, sorted(sizes)[:2])))
    there = array.is_valid().to_numpy(zero_copy_only=False)
    dtype = flat.dtype if flat.dtype.kind == "f" else np.float64
    rows = np.full((len(array), sizes.pop(), *flat.shape[1:]), np.nan, dtype=dtype)
    rows[there] = flat.reshape(int(there.sum()), *rows.shape[1:])
    return rows


def _holds_bytes(kind: Any) -> bool:
    types = parquet().types
    if types.is_struct(kind):
        return any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _label(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return int(value) if value.is_integer() else value
    return value


def open_parquet(paths: Sequence[Path], name: str) -> ArrowTable:
    """Open parquet files of the same columns as one table, in this order.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, or of different columns.

    """
    parts = [read_parquet(path) for path in paths]
    try:
        table = parquet().concat_tables(parts) if parts[1:] else parts[0]
    except ValueError as error:
        raise ValueError(f"The files of {name!r} differ in their columns ({error}).") from error
    return ArrowTable(name, paths[0].parent, table, class_names(table))


def open_jsonl(path: Path) -> ArrowTable:
    """Open a file of one JSON object a line.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a line that is no object; a column of several types.

    """
    lines: list[int] = []
    rows: list[dict[str, Any]] = []
    with path.open(encoding="utf-8-sig") as file:
        try:
            for number, line in enumerate(file, 1):
                if line.strip():
                    rows.append(_object(line))
                    lines.append(number)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"The file {str(path)!r}, line {len(lines) + 1}: this is no JSON object ({error})."
            ) from error
    names = dict.fromkeys(name for row in rows for name in row)
    pa = parquet()
    try:
        table = pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})
    except Exception as error:  # pyarrow raises anything, by what it cannot hold
        raise ValueError(
            f"The file {str(path)!r} has a column of several types ({error})."
        ) from error
    return ArrowTable(str(path), path.parent, table, {}, lines)


def _object(line: str) -> dict[str, Any]:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError(f"it is {type(found).__name__}")  # noqa: TRY004 (of the file)
    return found
