"""The ridge at which the given labels are likeliest, each predicted from the others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.scoring.asked import asked_blocks, shown, solve_asked
from torch_cgprune.scoring.blocks import Solved
from torch_cgprune.scoring.plans import Block
from torch_cgprune.scoring.problem import Problem

GRID = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def choose_ridge(
    problem: Problem, points: Tensor, *, progress: bool = False
) -> tuple[float, dict[str, Any]]:
    r"""Choose a ridge of the grid by the leave-one-out likelihood of the labels.

    The labels' prior-centred targets are taken as a Gaussian process with kernel
    :math:`s^2 H` and noise :math:`s^2 \lambda`; then target c of example i, left out, has the
    density :math:`N(\mu_{ic}, s^2 / d_i)`, and the best scale is
    :math:`s^2 = \text{mean}\, d_i (y_{ic} - \mu_{ic})^2`.

    Eight blocks of up to 1,024 neighbours stand for all: a noise does not depend on how many
    examples there are. Their Gram matrices are shared by the values of the grid.

    Args:
        problem: what is scored; its ranks share the blocks.
        points: (m, s) sketch of the kept rows, as
            :func:`~torch_cgprune.scoring.plans.local` takes it.
        progress: show a progress bar, in rows.

    Returns:
        The ridge, and what the metadata record: it, the grid, and the mean log-likelihoods in nats.

    References:
        Rasmussen, Williams (2006), Gaussian Processes for Machine Learning, eq. 5.10 to 5.12.

    """
    ranks = problem.ranks
    with ranks.together():
        asked = asked_blocks(problem, points, size=problem.limits.asked_rows)
        sums = torch.zeros(2 * len(GRID) + 1, dtype=torch.float64)
        for block in shown(ranks.mine(asked), "Choosing the ridge", show=progress):
            sums += torch.tensor([*_statistics(problem, block), len(block.rows)])
    ranks.sum(sums)
    squares, logs = (part / sums[-1] for part in sums[:-1].split(len(GRID)))
    scale = squares / len(problem.priors)
    likelihoods = 0.5 * (logs - scale.log() - 1 - math.log(2 * math.pi))
    chosen = GRID[int(likelihoods.argmax())]
    return chosen, {"chosen": chosen, "grid": [*GRID], "log_likelihoods": likelihoods.tolist()}


def _statistics(problem: Problem, block: Block) -> Iterator[float]:
    """Yield the sum of d (y - mu)^2 over rows and classes for every ridge, then those of log d."""
    solved = solve_asked(problem, block, GRID)
    yield from (_squares(block, solution, problem.priors) for solution in solved)
    yield from (float(solution.diagonal.double().log().sum()) for solution in solved)


def _squares(block: Block, solved: Solved, priors: Tensor) -> float:
    """Return the sum over all classes of alpha^2 / d, for prior-centred targets."""
    alpha, priors = solved.alpha.double(), priors.to(solved.alpha.device).double()
    ones = alpha.sum(1)  # the solution for a class that the block lacks is - p_c times this
    expected = alpha @ priors[block.classes.to(priors.device)]
    squares = (alpha**2).sum(1) - 2 * ones * expected + ones**2 * (priors @ priors)
    return float((squares / solved.diagonal.double()).sum())
