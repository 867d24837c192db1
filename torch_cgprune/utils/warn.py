"""Warnings that name the user's own line."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from torch_cgprune.errors import DetailedWarning


def warn_caller(template: str, *values: Any) -> None:
    """Warn of the line outside of this package that has led here, however deep this is.

    Args:
        template: of the message, as of :class:`~torch_cgprune.errors.Message`.
        values: for the template.

    """
    package = __name__.partition(".")[0]
    frame, inside = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, inside = frame.f_back, inside + 1
    warnings.warn(DetailedWarning(template, *values), stacklevel=inside + 1)
