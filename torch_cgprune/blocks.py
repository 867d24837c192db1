"""One block of rows: its Gram matrix solved, and what the scores of its rows are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from torch_cgprune.kernel import gram_tile
from torch_cgprune.plans import Block
from torch_cgprune.solver import sweep


class Solved(NamedTuple):
    """A block's solution, on the device: (b, c), (b,), (b, c)."""

    alpha: Tensor  # H^-1 E for the one-hot targets E
    diagonal: Tensor  # of H^-1
    product: Tensor  # H E


def solve_block(
    unit: Tensor, block: Block, ridge: float, advance: Callable[[int], object]
) -> Solved:
    """Solve the one-hot targets of a block: every other coding is linear in them.

    Args:
        unit: (n, d) unit rows of all examples.
        block: which of them.
        ridge: added to the diagonal of the Gram matrix.
        advance: told the operations done, as by :func:`~torch_cgprune.solver.sweep`.

    """
    # Ascending rows as many as there are is all of them: no second copy of the features.
    rows = unit if len(block.rows) == len(unit) else unit[block.rows.to(unit.device)]
    targets = one_hot(block.codes.to(unit.device), len(block.classes)).to(unit.dtype)
    product = torch.zeros_like(targets)

    def fill(start: int, stop: int, out: Tensor) -> None:
        gram_tile(rows, start, stop, out)
        product[start:stop].addmm_(out, targets[:stop])
        product[:start].addmm_(out[:, :start].T, targets[start:stop])
        out[:, start:].diagonal().add_(ridge)

    return Solved(*sweep(fill, targets, advance=advance), product)


def _own(columns: Tensor, block: Block) -> Tensor:
    """Pick each row's own class, of targets +-1: twice the one-hot column minus that of ones."""
    own = columns.gather(1, block.codes.to(columns.device)[:, None]).squeeze(1)
    return (2 * own.double() - columns.sum(1, dtype=torch.float64)).cpu()[block.scored]


def score_columns(block: Block, solved: Solved) -> Tensor:
    """Return (m, 5): the score, its three terms (paper eq. 6 with y_i = 1) and CG' (sec. 3.2)."""
    alpha = _own(solved.alpha, block)
    d = solved.diagonal.double().cpu()[block.scored]
    excess = alpha - d
    cg_prime = 2 * _own(solved.product, block) - 0.5
    return torch.stack([alpha**2 / d, excess**2 / d, 2 * excess, d, cg_prime], dim=1)


def complexities(block: Block, solved: Solved) -> Tensor:
    """Return (c,) y'H^-1 y of each class of the block against the rest."""
    alpha = solved.alpha.double().cpu()
    ones = alpha.sum(1)
    own = one_hot(block.codes, len(block.classes)).double()
    return 4 * (own * alpha).sum(0) - 2 * own.T @ ones - 2 * alpha.sum(0) + ones.sum()


def centred_loo(block: Block, solved: Solved, priors: Tensor) -> Tensor:
    """Return (m, k) leave-one-out predictions of the one-hot targets minus the class shares."""
    alpha, d = solved.alpha.cpu()[block.scored], solved.diagonal.cpu()[block.scored, None]
    of_ones = 1 - alpha.sum(1, keepdim=True) / d
    loo = -of_ones * priors
    loo[:, block.classes] += one_hot(block.codes[block.scored], len(block.classes)) - alpha / d
    return loo
