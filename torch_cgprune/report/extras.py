"""The packages of the extra ``report``, imported where they are needed."""

from __future__ import annotations

from typing import Any

from torch_cgprune.utils.extras import needed


def matplotlib() -> Any:
    """Return matplotlib, with its colours and figures."""
    for part in ("colors", "figure"):
        _needed(f"matplotlib.{part}")
    return _needed("matplotlib")


def jinja2() -> Any:
    """Return jinja2."""
    return _needed("jinja2")


def _needed(name: str) -> Any:
    return needed(name, "Plots and reports need", "'torch-cgprune[report]'")
