"""One sweep over a positive definite matrix: solutions and the diagonal of the inverse."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from torch_cgprune.errors import NotPositiveDefiniteError

# Fills rows start:stop, columns 0:stop of the matrix into the last argument.
FillTile = Callable[[int, int, Tensor], None]


class Solution(NamedTuple):
    """What the sweep returns.

    Attributes:
        alpha: (n, k) solutions, same as ``torch.linalg.solve(H, targets)``.
        diagonal: (n,) diagonal of the inverse, same as ``torch.linalg.inv(H).diagonal()``.

    """

    alpha: Tensor
    diagonal: Tensor


def default_tile_rows(n: int) -> int:
    """Return a tile height that keeps the working memory at 0.55 n^2 numbers.

    Half the matrix takes ``n^2/2 + n b/2`` numbers in tiles of ``b`` rows and the panel ``n b``. No
    fewer than 192 rows (n < 6,144), where the matrix is small and its products would be too thin.
    """
    return min(max(n // 32, 192), 768)


def flops(n: int) -> int:
    """Return the floating-point operations of a sweep over ``n`` rows: 2/3 n^3."""
    return _done(n, n)


def numbers(n: int) -> int:
    """Return how many numbers a sweep over ``n`` rows works on: the tiles and the panel."""
    return n**2 // 2 + 3 * n * default_tile_rows(n) // 2


def _done(stop: int, n: int) -> int:
    """Return the operations of a sweep up to pivot row ``stop``: early pivots have most to do."""
    return n**2 * stop - stop**3 // 3


def sweep(
    fill: FillTile,
    targets: Tensor,
    *,
    tile_rows: int | None = None,
    advance: Callable[[int], object] | None = None,
) -> Solution:
    r"""Solve :math:`H \alpha = Y` and take the diagonal of :math:`H^{-1}`, in place, in one pass.

    Block Cholesky and the inverse of its factor advance together: after step k the row tiles below
    hold, left of column block k, the rows of :math:`L^{-1}` still to be finished, and right of it
    the Schur complement still to be factored. Two matrix products per tile and step,
    :math:`\frac{2}{3} n^3` operations in all.

    Args:
        fill: writes the lower row tile ``H[start:stop, :stop]`` into the tensor it is given. Called
            once per tile.
        targets: (n, k) right-hand sides Y; their dtype and device are those of the work.
        tile_rows: rows per tile; changes speed and memory, the result only by rounding.
        advance: told the operations done since its last call, :func:`flops` in total.

    Returns:
        The :class:`Solution`.

    Raises:
        NotPositiveDefiniteError: a pivot is not positive at this precision.

    Example:
        >>> H = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
        >>> sweep(lambda start, stop, out: out.copy_(H[start:stop, :stop]), torch.ones(2, 1))
        Solution(alpha=tensor([[0.3333],
                [0.3333]]), diagonal=tensor([0.6667, 0.6667]))

    """
    n = len(targets)
    height = min(tile_rows or default_tile_rows(n), n)
    tiles = _fill_tiles(fill, targets, height)
    rest = targets.clone()
    alpha = torch.zeros_like(targets)
    diagonal = targets.new_zeros(n)
    panel = targets.new_empty(n, height)
    while tiles:
        start, stop, pivot = tiles.popleft()
        factor_inverse = _inverse_factor(pivot[:, start:], start)
        pivot[:, :start] = factor_inverse @ pivot[:, :start]
        pivot[:, start:] = factor_inverse  # the pivot now holds finished rows of L^-1
        solved = factor_inverse @ rest[start:stop]
        alpha[:stop].addmm_(pivot.T, solved)
        diagonal[:stop] += torch.linalg.vector_norm(pivot, dim=0).square_()
        columns = panel[:, : stop - start]
        for first, last, tile in tiles:
            torch.mm(tile[:, start:stop], factor_inverse.T, out=columns[first:last])
            _eliminate(tile, pivot, columns[stop:last])
            rest[first:last].addmm_(columns[first:last], solved, alpha=-1)
        if advance:
            advance(_done(stop, n) - _done(start, n))
    return Solution(alpha, diagonal)


def _fill_tiles(fill: FillTile, like: Tensor, height: int) -> deque[tuple[int, int, Tensor]]:
    """Return the row tiles (first row, one past the last, numbers up to the diagonal)."""
    n = len(like)
    tiles: deque[tuple[int, int, Tensor]] = deque()
    for start in range(0, n, height):
        stop = min(start + height, n)
        tile = like.new_empty(stop - start, stop)
        fill(start, stop, tile)
        tiles.append((start, stop, tile))
    return tiles


def _inverse_factor(block: Tensor, start: int) -> Tensor:
    """Return the inverse of the Cholesky factor of a diagonal block whose first row is ``start``.

    The block is small, so multiplying with its inverse costs no accuracy worth a triangular solve
    and runs at the speed of a matrix product.
    """
    factor, failed = torch.linalg.cholesky_ex(block)
    inverse: Tensor = torch.linalg.solve_triangular(
        factor, torch.eye(len(block), dtype=block.dtype, device=block.device), upper=False
    )
    if failed or not torch.isfinite(inverse).all():
        row = start + max(int(failed) - 1, 0)
        raise NotPositiveDefiniteError(
            f"The Gram matrix is not positive definite in {block.dtype} (pivot of row {row}): some "
            "examples are copies, or nearly so, of others. Pass ridge=1e-3 or more, "
            "dtype=torch.float64, or leave the copies out."
        )
    return inverse


def _eliminate(tile: Tensor, pivot: Tensor, columns: Tensor) -> None:
    """Subtract the pivot's share from a later tile, in place.

    Args:
        tile: (b, last) rows of a later tile.
        pivot: (p, stop) finished rows of the inverse factor.
        columns: (last - stop, p) column block of the Cholesky factor, down to the tile's last row.

    """
    height, stop = pivot.shape
    own = columns[len(columns) - len(tile) :]
    tile[:, stop - height : stop] = 0
    tile[:, :stop].addmm_(own, pivot, alpha=-1)
    tile[:, stop:].addmm_(own, columns.T, alpha=-1)
