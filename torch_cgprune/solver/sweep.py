"""One sweep over positive definite matrices: solutions and the diagonals of the inverses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from torch_cgprune.solver.factors import singular
from torch_cgprune.solver.tiles import FillTile, Storage, Tiles
from torch_cgprune.utils.aligned import ALIGNED
from torch_cgprune.utils.ranks import ALONE, Ranks


class Solution(NamedTuple):
    """What the sweep returns, for one matrix or, with a leading axis, for a batch.

    Attributes:
        alpha: (n, k) solutions, same as ``torch.linalg.solve(H, targets)``.
        diagonal: (n,) diagonal of the inverse, same as ``torch.linalg.inv(H).diagonal()``.

    """

    alpha: Tensor
    diagonal: Tensor


def default_tile_rows(n: int, *, apart: bool = False, ranks: int = 1) -> int:
    """Return a tile height that keeps the working memory at 0.55 n^2 numbers.

    Half the matrix takes ``n^2/2 + n b/2`` numbers in tiles of ``b`` rows and the panel ``n b``. No
    fewer than 192 rows (n < 6,144), where the matrix is small and its products would be too thin;
    a multiple of ``ALIGNED``.

    Args:
        n: rows of the matrix.
        apart: whether tiles live apart from the device: every step moves all of them, and higher
            tiles make fewer steps.
        ranks: that share the tiles. All wait for the one that finishes the first tile left.

    """
    return min(max(ALIGNED * round(n / 32 / ranks / ALIGNED), 192), 2048 if apart else 768)


def flops(n: int) -> int:
    """Return the floating-point operations of a sweep over ``n`` rows: 2/3 n^3."""
    return _done(n, n)


def numbers(n: int, *, apart: bool = False) -> int:
    """Return how many numbers a sweep over ``n`` rows takes: the tiles and the panel.

    Args:
        n: rows of the matrix.
        apart: do not count the tiles, but what of them is in work at a time: three buffers, the
            pivot and its product, the panel.

    """
    height = min(default_tile_rows(n, apart=apart), n)
    return 6 * n * height if apart else n**2 // 2 + 3 * n * height // 2


def _done(stop: int, n: int) -> int:
    """Return the operations of a sweep up to pivot row ``stop``: early pivots have most to do."""
    return n**2 * stop - stop**3 // 3


def sweep(
    fill: FillTile,
    targets: Tensor,
    *,
    tile_rows: int | None = None,
    storage: Storage | None = None,
    ranks: Ranks = ALONE,
    advance: Callable[[int], object] | None = None,
) -> Solution:
    r"""Solve :math:`H \alpha = Y` and take the diagonal of :math:`H^{-1}`, in place, in one pass.

    Block Cholesky and the inverse of its factor advance together: after step k the row tiles below
    hold, left of column block k, the rows of :math:`L^{-1}` still to be finished, and right of it
    the Schur complement still to be factored. Two matrix products per tile and step,
    :math:`\frac{2}{3} n^3` operations in all. Within a step no tile needs another, so tiles may
    live apart from the device, and ranks may share them.

    Args:
        fill: writes the lower row tile ``H[:, start:stop, :stop]`` into the (B, stop - start, stop)
            tensor it is given. Called once per tile, on the rank that owns it.
        targets: (n, k) right-hand sides Y, or (B, n, k) of B matrices; their dtype and device are
            those of the work.
        tile_rows: rows per tile; changes speed and memory, the result only by rounding.
        storage: where the tiles live; None keeps them on the device.
        ranks: who shares the work; tiles are dealt out in turn, the result is the same on all.
        advance: told the operations done since its last call, ``B * flops(n)`` in total.

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
    batch = targets.reshape(-1, *targets.shape[-2:])
    b, n, k = batch.shape
    default = default_tile_rows(n, apart=storage is not None, ranks=ranks.size)
    height = min(tile_rows or default, n)
    height = ranks.tell(height)  # ranks may have different room, but must have the same tiles
    bounds = [(start, min(start + height, n)) for start in range(0, n, height)]
    with ranks.together():
        tiles = Tiles(ranks.mine(bounds), fill, batch, storage)
        rest = batch.clone()
        alpha = torch.zeros_like(batch)
        diagonal = batch.new_zeros(b, n)
        panels = batch.new_empty(b * n * height)
    for step, (start, stop) in enumerate(bounds):
        owner = step % ranks.size
        # The first tile left becomes rows of L^-1, whose part of the results can be taken at once:
        # alpha = L^-T (L^-1 Y), and column i of L^-1 squared sums up to the diagonal's i-th.
        with ranks.together():
            if ranks.rank == owner:
                pivot = _finish(tiles.pop(), start)
                solved = pivot[..., start:] @ rest[:, start:stop]
                alpha[:, :stop].baddbmm_(pivot.mT, solved)
                diagonal[:, :stop] += torch.linalg.vector_norm(pivot, dim=1).square_()
            else:
                pivot = batch.new_empty(b, stop - start, stop)
                solved = batch.new_empty(b, stop - start, k)
        ranks.broadcast(pivot, owner)
        ranks.broadcast(solved, owner)
        # The panel: column block k of L below the pivot, of which all ranks need all rows.
        panel = panels[: b * (n - stop) * (stop - start)].view(b, n - stop, stop - start)
        with ranks.together():
            for first, last, columns in tiles.columns(start, stop):
                panel[:, first - stop : last - stop] = columns @ pivot[..., start:].mT
        _exchange(
            panel,
            [(first - stop, last - stop) for first, last in bounds[step + 1 :]],
            step + 1,
            ranks,
        )
        # What the pivot explains is taken from every later tile, and from the right-hand sides.
        with ranks.together():
            for first, last, tile in tiles.each():
                _eliminate(tile, pivot, panel[:, : last - stop])
                rest[:, first:last].baddbmm_(panel[:, first - stop : last - stop], solved, alpha=-1)
            del pivot
            if advance:
                advance(b * (_done(stop, n) - _done(start, n)))
    ranks.sum(alpha)
    ranks.sum(diagonal)
    return Solution(alpha.view_as(targets), diagonal.view(targets.shape[:-1]))


def _exchange(panel: Tensor, parts: list[tuple[int, int]], first: int, ranks: Ranks) -> None:
    """Give all ranks all rows of a panel, by one message of each rank: each costs a wait.

    Args:
        panel: (B, m, p), of which each rank has the rows of its tiles.
        parts: (first row, one past the last) of those of every tile.
        first: the number of the first of these tiles, which are dealt out in turn.
        ranks: that share them.

    """
    if ranks.size == 1:
        return
    dealt = [parts[(rank - first) % ranks.size :: ranks.size] for rank in range(ranks.size)]
    with ranks.together():
        packed = [
            torch.cat([panel[:, :0], *(panel[:, start:stop] for start, stop in rows)], 1)
            for rows in dealt
        ]
    for rank, (rows, message) in enumerate(zip(dealt, packed, strict=True)):
        ranks.broadcast(message, rank)
        sizes = [stop - start for start, stop in rows]
        for (start, stop), part in zip(rows, message.split(sizes, 1), strict=True):
            panel[:, start:stop] = part


def _finish(tile: Tensor, start: int) -> Tensor:
    """Turn the first tile, whose first row is ``start``, into rows of the inverse factor."""
    factor_inverse = _inverse_factor(tile[..., start:], start)
    tile[..., :start] = factor_inverse @ tile[..., :start]
    tile[..., start:] = factor_inverse
    return tile


def _inverse_factor(blocks: Tensor, start: int) -> Tensor:
    """Return the inverses of the Cholesky factors of diagonal blocks whose first row is ``start``.

    A block is small, so multiplying with its inverse costs no accuracy worth a triangular solve
    and runs at the speed of a matrix product.
    """
    factors, failed = torch.linalg.cholesky_ex(blocks)
    eye = torch.eye(blocks.shape[-1], dtype=blocks.dtype, device=blocks.device)
    inverses: Tensor = torch.linalg.solve_triangular(factors, eye, upper=False)
    if failed.any() or not torch.isfinite(inverses).all():
        row = start + max(int(failed.max()) - 1, 0)
        raise singular(
            "The Gram matrix is not positive definite in %s (pivot of row %d): some examples are "
            "copies, or nearly so, of others.",
            blocks.dtype,
            row,
        )
    return inverses


def _eliminate(tile: Tensor, pivot: Tensor, panel: Tensor) -> None:
    """Subtract the pivot's share from a later tile, in place.

    Args:
        tile: (B, b, last) rows of a later tile.
        pivot: (B, p, stop) finished rows of the inverse factor.
        panel: (B, last - stop, p) column block of the Cholesky factor, down to the tile's last row.

    """
    height, stop = pivot.shape[1:]
    own = panel[:, panel.shape[1] - tile.shape[1] :]
    tile[..., stop - height : stop] = 0
    tile[..., :stop].baddbmm_(own, pivot, alpha=-1)
    tile[..., stop:].baddbmm_(own, panel.mT, alpha=-1)
