"""The packages of the extra ``report``, imported where they are needed."""

from __future__ import annotations

import importlib
from typing import Any


def matplotlib() -> Any:
    """Return matplotlib, with its colours and figures."""
    for part in ("colors", "figure"):
        _needed(f"matplotlib.{part}")
    return _needed("matplotlib")


def jinja2() -> Any:
    """Return jinja2."""
    return _needed("jinja2")


def _needed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"Plots and reports need {package}: pip install 'torch-cgprune[report]'."
        ) from error
