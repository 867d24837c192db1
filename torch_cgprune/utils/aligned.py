"""Numbers of rows at which products run at full speed."""

from __future__ import annotations

# Products with a matrix whose rows are of an odd length take half as long again on some processors.
ALIGNED = 64


def aligned(n: int) -> int:
    """Return the largest multiple of ``ALIGNED`` up to n, or n itself if there is none."""
    return n // ALIGNED * ALIGNED or n
