"""The exceptions of the library."""

from __future__ import annotations


class NotPositiveDefiniteError(ArithmeticError):
    """The Gram matrix has no Cholesky factor at the working precision."""


class UnstableDatasetError(ValueError):
    """A dataset gave two different items for one index."""


class CacheError(OSError):
    """A score file cannot be read: truncated, or not written by this library."""


class CacheMismatchError(ValueError):
    """A score file is sound but belongs to other data or other options."""


class UnreadableImageError(OSError):
    """A file is truncated, or no image."""
