"""Blocks of rows: their Gram matrices filled and solved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from torch_cgprune.kernel import gram_tile
from torch_cgprune.kernel.gram import twin_angle
from torch_cgprune.kernel.near import Finder
from torch_cgprune.scoring.plans import Block
from torch_cgprune.solver import Storage, sweep
from torch_cgprune.utils.ranks import ALONE, Ranks


class Solved(NamedTuple):
    """A block's solution, on the device."""

    alpha: Tensor  # (b, c) H^-1 E for the one-hot targets E
    diagonal: Tensor  # (b,) of H^-1
    product: Tensor  # (b, c) H E, with E weighted
    twins: Tensor  # (b,) int64, 1 for near copies of an earlier row


def solve_blocks(
    rows: Tensor,
    blocks: Sequence[Block],
    ridges: Tensor,
    weights: Tensor,
    *,
    finder: Finder | None = None,
    storage: Storage | None = None,
    ranks: Ranks = ALONE,
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
        advance: likewise.

    """
    with ranks.together():
        widest = max(len(block.classes) for block in blocks)  # a column too many: a target of zeros
        codes = torch.stack([block.codes for block in blocks]).to(rows.device)
        targets = one_hot(codes, widest).to(rows.dtype)
        weighted = targets * weights.to(rows)[..., None]
        product = torch.zeros_like(targets)
        twins = torch.zeros_like(codes)
        ridges = ridges.to(rows)

    def fill(start: int, stop: int, out: Tensor) -> None:
        near = gram_tile(rows, start, stop, out[: len(rows)], finder)
        out[len(rows) :] = out[:1]
        product[:, start:stop].baddbmm_(out, weighted[:, :stop])
        product[:, :start].baddbmm_(out[..., :start].mT, weighted[:, start:stop])
        own = ridges[:, start:stop]
        added = own.clamp(min=twin_angle(rows.dtype)).where(near, own)
        out[..., start:].diagonal(dim1=1, dim2=2).add_(added)
        twins[:, start:stop] = near

    alpha, diagonal = sweep(fill, targets, storage=storage, ranks=ranks, advance=advance)
    ranks.sum(product)
    ranks.sum(twins)
    return [
        Solved(alpha[i, :, :c], diagonal[i], product[i, :, :c], twins[i])
        for i, c in enumerate(len(block.classes) for block in blocks)
    ]
