"""Tables of ``datasets``, pandas and others, told by what they can do: none need be installed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def is_table(dataset: Any) -> bool:
    """Return whether this is a ``datasets.Dataset``."""
    return all(hasattr(dataset, name) for name in ("with_format", "select_columns", "column_names"))


def is_column(values: Any) -> bool:
    """Return whether this is a column of a ``datasets.Dataset``, read when it is asked for."""
    return all(hasattr(values, name) for name in ("column_name", "features", "source"))


def names_in(feature: Any) -> list[str] | None:
    """Return the names of the classes of a ``datasets.ClassLabel``; None of another feature."""
    return [*feature.names] if hasattr(feature, "int2str") and feature.names else None


def labels_in(values: Iterable[Any], feature: Any) -> list[Any]:
    """Return the labels in a column, None where a ``ClassLabel`` has -1: it says there is none."""
    if names_in(feature) is None:
        return [*values]
    return [None if value == -1 else value for value in values]
