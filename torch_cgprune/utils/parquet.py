"""Parquet files, by pyarrow."""

from __future__ import annotations

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
