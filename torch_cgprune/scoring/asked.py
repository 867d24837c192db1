"""A few blocks that stand for all: what is chosen or fitted before the scoring asks these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from torch_cgprune.scores.fitting import fit_posterior
from torch_cgprune.scores.posterior import Outputs, Posterior
from torch_cgprune.scoring import plans
from torch_cgprune.scoring.blocks import Solved, solve_blocks
from torch_cgprune.scoring.options import BLOCK_SIZE
from torch_cgprune.scoring.plans import Block
from torch_cgprune.scoring.problem import Problem
from torch_cgprune.scoring.sums import centred_loo
from torch_cgprune.utils.progress import progress_bar

# Blocks that are asked, spread over all.
_ASKED = 8
# Outputs of all classes that a posterior is fitted to at most: 64 MB in float32.
_OUTPUTS_UP_TO = 2**24


def asked_blocks(
    problem: Problem, points: Tensor, *, size: int = BLOCK_SIZE, most: int = _ASKED
) -> list[Block]:
    """Return up to ``most`` blocks of neighbours among the kept rows.

    Args:
        problem: what is scored.
        points: (m, s) sketch of the kept rows, as
            :func:`~torch_cgprune.scoring.plans.local` takes it.
        size: rows per block at most.
        most: how many, at least 1.

    """
    kept = problem.codes[problem.copies.kept]
    plan = plans.local(points, kept, block_size=size, runs=1, seed=0)
    (run,), count = plan.runs, len(plan.sizes[0])
    m = min(most, count)
    wanted = {i * count // m for i in range(m)}
    return [block for i, block in enumerate(run) if i in wanted]  # the others are not kept


def shown(blocks: Iterable[Block], says: str, *, show: bool) -> Iterator[Block]:
    """Yield the blocks, and show in rows how many are done."""
    blocks = [*blocks]
    with progress_bar(says, sum(len(b.rows) for b in blocks), "row", show=show) as bar:
        for block in blocks:
            yield block
            bar.update(len(block.rows))


def solve_asked(problem: Problem, block: Block, ridges: Sequence[float]) -> list[Solved]:
    """Solve a block at every ridge: its Gram matrix is shared."""
    return solve_blocks(
        # Not the unit rows of all, for a few.
        problem.normalise(problem.copies.kept[block.rows])[None],
        [block] * len(ridges),
        torch.stack([problem.ridges_at(ridge)[block.rows] for ridge in ridges]),
        problem.weights[block.rows].expand(len(ridges), -1),
    )


def fit_to_asked(problem: Problem, points: Tensor, *, progress: bool = False) -> Posterior:
    """Fit the posterior where the outputs of all examples are too many to keep.

    Arguments are those of :func:`asked_blocks`, and whether to show progress bars; the ranks share
    the blocks.
    """
    ranks, k = problem.ranks, len(problem.priors)
    with ranks.together():
        blocks = asked_blocks(
            problem, points, most=min(_ASKED, max(1, _OUTPUTS_UP_TO // (BLOCK_SIZE * k)))
        )
        loo = problem.priors.new_zeros(sum(len(block.rows) for block in blocks), k)
        places = loo.split([len(block.rows) for block in blocks])
        mine = shown(ranks.mine(blocks), "Predicting some", show=progress)
        for block, place in zip(mine, ranks.mine(places), strict=True):
            (solved,) = solve_asked(problem, block, [problem.ridge])
            place.copy_(centred_loo(block, solved, problem.priors))
    ranks.sum(loo)
    with ranks.together():
        codes = torch.cat([block.classes[block.codes] for block in blocks])
        n = len(problem.codes)
        outputs = Outputs(loo, codes, problem.priors, n)
        posterior = fit_posterior(outputs, n, progress=progress)
    told: Posterior = ranks.tell(posterior)
    return told
