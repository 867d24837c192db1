"""Progress bars of steps that take seconds, or none where they are done sooner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tqdm.auto import tqdm

# Seconds after which a bar appears: many steps are as short as that on small data.
_DELAY = 0.5


def progress_bar(says: str, total: int | None, unit: str, *, show: bool) -> Any:
    """Return a bar of a step, which appears if that takes long.

    Args:
        says: what is done.
        total: how much there is to do; None where that is not known before.
        unit: of it, in the singular.
        show: False for no bar.

    """
    return tqdm(total=total, desc=says, unit=unit, delay=_DELAY, disable=not show)


def in_parts(n: int, size: int, says: str, *, show: bool) -> Iterator[slice]:
    """Yield n rows in parts of ``size`` at most, and show how far they are.

    Example:
        >>> [*in_parts(5, 2, "Counting", show=False)]
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]

    """
    with progress_bar(says, n, "row", show=show) as bar:
        for start in range(0, n, size):
            stop = min(start + size, n)
            yield slice(start, stop)
            bar.update(stop - start)
