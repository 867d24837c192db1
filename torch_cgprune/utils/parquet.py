"""Parquet files, by pyarrow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch_cgprune.utils.extras import parquet


def read_parquet(path: Path) -> Any:
    """Return the ``pyarrow.Table`` in a file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: truncated, or of another format.
        ImportError: pyarrow is not installed.

    """
    pa = parquet()
    with path.open("rb") as file:
        try:
            return pa.parquet.ParquetFile(file).read()
        except Exception as error:  # pyarrow raises anything on damaged files
            raise ValueError(
                f"The file {str(path)!r} cannot be read as .parquet ({error})."
            ) from error


def class_names(table: Any) -> dict[str, list[str]]:
    """Return the names of the classes that columns of integers number, by column.

    ``datasets`` notes them in the parquet files it writes; what others have noted is left alone.

    Args:
        table: a ``pyarrow.Table``.

    """
    try:
        noted = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        found = {name: kind["names"] for name, kind in noted.items() if "names" in kind}
    except (KeyError, TypeError, ValueError):
        return {}
    return numbering(table, found)


def numbering(table: Any, names: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return those names of classes whose column is there, and holds integers."""
    integer, fields = parquet().types.is_integer, table.schema
    return {
        column: classes
        for column, classes in names.items()
        if column in table.column_names and integer(fields.field(column).type)
    }
