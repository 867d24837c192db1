"""Rows that cannot be scored, all of them at once: not finite, or without a direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from torch_cgprune.errors import ArgumentValueError, Message

# Rows read at a time, and how many of the bad ones are named.
_ROWS, _NAMED = 4096, 5
# The cure.
LEAVE_OUT = Message("Repair them or leave them out before scoring.")


def find_bad_rows(
    matrix: Tensor, scale: Callable[[Tensor], Tensor] | None = None
) -> tuple[list[int], list[int]]:
    """Return the indices of the rows that hold NaN or infinity, and of those that are all zeros.

    Args:
        matrix: (n, d) real numbers; read in parts, as a memory-mapped file wants it.
        scale: from (m, d) float64 rows to those that are scored; None where it is these.

    Example:
        >>> find_bad_rows(torch.tensor([[0.0, 0.0], [1.0, 0.0], [torch.nan, 0.0]]))
        ([2], [0])

    """
    parts = (part.to(torch.float64) for part in matrix.split(_ROWS))
    scaled = parts if scale is None else map(scale, parts)
    largest = [part.abs().amax(dim=1).cpu() for part in scaled]
    return sort_out(torch.cat(largest), torch.arange(len(matrix), device="cpu"))


def sort_out(largest: Tensor, indices: Tensor) -> tuple[list[int], list[int]]:
    """Return which of the rows at ``indices`` are not finite, and which are all zeros.

    Args:
        largest: (m,) magnitudes of the rows' largest entries, NaN where there is one.
        indices: (m,) int64.

    """
    largest, indices = largest.cpu(), indices.cpu()
    return indices[~torch.isfinite(largest)].tolist(), indices[largest == 0].tolist()


def bad_rows(
    not_finite: Sequence[int], zeros: Sequence[int], *, centred: bool = False
) -> ArgumentValueError:
    """Return the error that rows cannot be scored; its ``rows`` are all of them.

    Args:
        not_finite: indices of those that hold NaN or infinity.
        zeros: of those that are all zeros.
        centred: whether they are what is left after the mean of all was taken off.

    """
    zero = "the mean of all rows" if centred else "all zeros"
    kinds = (
        (not_finite, "holds NaN or infinity", "hold NaN or infinity"),
        (zeros, f"is {zero} and has no direction", f"are {zero} and have no direction"),
    )
    return ArgumentValueError(
        "%s",
        " ".join(_said(rows, one, many) for rows, one, many in kinds if rows),
        parameter="features",
        rows=sorted((*not_finite, *zeros)),
        cure=LEAVE_OUT,
    )


def _said(rows: Sequence[int], one: str, many: str) -> str:
    if len(rows) == 1:
        return f"Row {rows[0]} of the 'features' {one}."
    return f"{len(rows)} rows of the 'features' {many}: {some_of([*map(str, rows)])}."


def with_names(error: ArgumentValueError, names: Sequence[str]) -> ArgumentValueError:
    """Return the error of bad rows with the names of these examples, n in all."""
    named = [repr(names[row]) for row in error.rows]
    plural = "s" if named[1:] else ""
    return ArgumentValueError(
        f"The image{plural} %s cannot be scored. %s",
        some_of(named),
        error,
        parameter=error.parameter,
        rows=error.rows,
    )


def some_of(names: Sequence[str]) -> str:
    """Return the first few names, and how many there are more."""
    more = f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
    return ", ".join(names[:_NAMED]) + more
