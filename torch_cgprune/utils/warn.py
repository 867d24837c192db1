"""Warnings that name the user's own line."""

from __future__ import annotations

import inspect
import warnings


def warn_caller(message: str) -> None:
    """Warn of the line outside of this package that has led here, however deep this is."""
    package = __name__.partition(".")[0]
    frame, inside = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, inside = frame.f_back, inside + 1
    warnings.warn(message, stacklevel=inside + 1)
