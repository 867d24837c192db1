"""Optional packages, imported where they are needed."""

from __future__ import annotations

import importlib
from typing import Any

_TABLES = "'torch-cgprune[tables]'"


def needed(name: str, what: str, install: str) -> Any:
    """Return a module of an optional package.

    Args:
        name: of the module.
        what: needs it, for the message: "Parquet files need".
        install: what pip installs to have it.

    Raises:
        ImportError: it is not installed; the message says how to.

    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(f"{what} {package}: pip install {install}.") from error


def pandas() -> Any:
    """Return pandas."""
    return needed("pandas", "Data frames need", _TABLES)


def parquet() -> Any:
    """Return pyarrow, with its reader and writer of parquet files."""
    needed("pyarrow.parquet", "Parquet files need", _TABLES)
    return needed("pyarrow", "Parquet files need", _TABLES)
