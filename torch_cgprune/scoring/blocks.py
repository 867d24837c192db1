"""Blocks of rows: their Gram matrices filled and solved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from torch_cgprune.kernel import gram_tile
from torch_cgprune.kernel.gram import twin_angle
from torch_cgprune.kernel.near import Finder
from torch_cgprune.scoring.plans import Block
from torch_cgprune.scoring.products import Products
from torch_cgprune.solver import Iterated, Kept, Storage, iterate, sweep
from torch_cgprune.utils.ranks import ALONE, Ranks


class Solved(NamedTuple):
    """A block's solution, on the device; ``notes`` are on how it was found, as JSON values."""

    alpha: Tensor  # (b, c) H^-1 E for the one-hot targets E
    diagonal: Tensor  # (b,) of H^-1
    product: Tensor  # (b, c) H E, with E weighted
    twins: Tensor  # (b,) int64, 1 for near copies of an earlier row
    notes: dict[str, Any] = {}  # noqa: RUF012 (never changed)


def solve_blocks(
    rows: Tensor,
    blocks: Sequence[Block],
    ridges: Tensor,
    weights: Tensor,
    *,
    finder: Finder | None = None,
    storage: Storage | None = None,
    ranks: Ranks = ALONE,
    kept: Kept | None = None,
    advance: Callable[[int], object] | None = None,
) -> list[Solved]:
    """Solve the one-hot targets of blocks of equal size: every other coding is linear in them.

    Args:
        rows: (B, b, d) unit rows; (1, b, d) are those of all B, which then share the work of one
            Gram matrix.
        blocks: which examples these are, B of them.
        ridges: (B, b) added to the diagonal of the Gram matrix. Near copies of an earlier row get
            :func:`~torch_cgprune.kernel.gram.twin_angle` at least, below which they cannot be
            told apart.
        weights: (B, b) how many examples each row stands for; they count in H E.
        finder: of near copies; see :func:`~torch_cgprune.kernel.gram.gram_tile`.
        storage: as for :func:`~torch_cgprune.solver.sweep`.
        ranks: likewise.
        kept: as for :func:`~torch_cgprune.solver.iterate`.
        advance: as for :func:`~torch_cgprune.solver.sweep`.

    """
    with ranks.together():
        gram = _Gram(rows, blocks, ridges, weights, finder)
    shared: dict[str, Any] = {"storage": storage, "ranks": ranks, "advance": advance}
    notes: dict[str, Any] = {}
    if blocks[0].parts:
        (block,) = blocks
        found = iterate(
            gram.fill,
            gram.targets[0],
            block.parts,
            shift=gram.ridges[0],
            seed=block.seed,
            kept=kept,
            **shared,
        )
        alpha, diagonal = found.alpha[None], found.diagonal[None]
        notes = _told(found, len(block.parts))
    else:
        alpha, diagonal = sweep(gram.fill, gram.targets, **shared)
    ranks.sum(gram.products.sums)
    ranks.sum(gram.twins)
    return [
        Solved(alpha[i, :, :c], diagonal[i], gram.products.sums[i, :, :c], gram.twins[i], notes)
        for i, c in enumerate(len(block.classes) for block in blocks)
    ]


class _Gram:
    """The Gram matrices of blocks: their targets, and what is seen where their tiles are filled.

    Args are those of :func:`solve_blocks`.
    """

    def __init__(
        self,
        rows: Tensor,
        blocks: Sequence[Block],
        ridges: Tensor,
        weights: Tensor,
        finder: Finder | None,
    ) -> None:
        widest = max(len(block.classes) for block in blocks)  # a column too many: a target of zeros
        codes = torch.stack([block.codes for block in blocks]).to(rows.device)
        self.targets = one_hot(codes, widest).to(rows.dtype)
        self.products = Products(codes, widest, weights.to(rows))
        self.twins = torch.zeros_like(codes)
        self.ridges = ridges.to(rows)
        self._seen: set[int] = set()
        self._rows, self._finder = rows, finder

    def fill(self, start: int, stop: int, out: Tensor) -> None:
        """Fill a tile, as :func:`~torch_cgprune.solver.sweep` asks for it; look at it once."""
        rows, first = self._rows, start not in self._seen
        near = gram_tile(rows, start, stop, out[: len(rows)], self._finder if first else None)
        out[len(rows) :] = out[:1]
        if first:
            self._seen.add(start)
            self.products.add(start, stop, out)
            self.twins[:, start:stop] = near
        own = self.ridges[:, start:stop]
        added = own.clamp(min=twin_angle(rows.dtype)).where(near, own)
        out[..., start:].diagonal(dim1=1, dim2=2).add_(added)


def _told(found: Iterated, parts: int) -> dict[str, Any]:
    """Return what the metadata say of an iteration."""
    converged, k = found.converged, found.alpha.shape[1]
    return {
        "iterative": {
            "iterations": converged.iterations,
            "errors": converged.errors[:k].tolist(),
            "residuals": converged.residuals[:k].tolist(),
            "landmarks": found.landmarks,
            "parts": parts,
            "probes": len(converged.errors) - k,
        }
    }
