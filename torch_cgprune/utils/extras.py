"""Packages of the extras, imported where they are needed."""

from __future__ import annotations

import importlib
from typing import Any


def needed(module: str, purpose: str, extra: str) -> Any:
    """Return a module of an optional package.

    Args:
        module: its name, with those that it is in.
        purpose: what needs it, in the plural.
        extra: of ours, which brings the package.

    Raises:
        ImportError: the package is not installed; the message says how to.

    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"{purpose} need {package}: pip install 'torch-cgprune[{extra}]'."
        ) from error


def pandas() -> Any:
    """Return pandas."""
    return needed("pandas", "Data frames", "tables")


def parquet() -> Any:
    """Return pyarrow, with its reader and writer of parquet files."""
    needed("pyarrow.parquet", "Parquet files", "tables")
    return needed("pyarrow", "Parquet files", "tables")
