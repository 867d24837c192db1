"""The runs of a plan: blocks solved, sums taken, the finished ones kept."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator

from tqdm.auto import tqdm

from torch_cgprune.scoring.checkpoint import Checkpoint
from torch_cgprune.scoring.plans import Plan
from torch_cgprune.scoring.problem import Problem
from torch_cgprune.scoring.sums import Sums
from torch_cgprune.solver import flops


def sum_runs(problem: Problem, finished: Checkpoint, *, show: str | None) -> Sums | None:
    """Solve all runs of the plan that a checkpoint has not finished.

    Args:
        problem: the features, the plan and the ranks that share the work.
        finished: where sums over finished runs are kept, by rank 0.
        show: what a progress bar says, on rank 0; None for no bar.

    Returns:
        The sums, on rank 0; None on the others.

    """
    ranks, plan = problem.ranks, problem.plan
    with ranks.together():
        total, done = finished.sums(problem.sums) if ranks.rank == 0 else (None, 0)
    done = ranks.tell(done)
    with _progress_bar(plan, done, show if ranks.rank == 0 else None) as advance:
        for number, blocks in enumerate(itertools.islice(plan.runs, done, None), done + 1):
            run = problem.run(blocks, advance, finished.iteration)
            with ranks.together():
                if ranks.rank == 0:
                    # The first run is the total: of many millions that spares a gigabyte.
                    total = run if total is None else total.plus(run)
                    if number < len(plan.sizes):
                        finished.save(total, number)
    return total


@contextlib.contextmanager
def _progress_bar(plan: Plan, done: int, says: str | None) -> Iterator[Callable[[int], object]]:
    """Show the rows of all blocks, each counted by its share of the work, which is not even."""
    operations = [sum(flops(size) for size in sizes) for sizes in plan.sizes]
    whole, worked = sum(operations), sum(operations[:done])
    rows = sum(map(sum, plan.sizes))
    with tqdm(
        total=rows,
        initial=rows * worked // whole,
        desc=says,
        unit="row",
        unit_scale=True,
        disable=says is None,
    ) as bar:

        def advance(operations: int) -> None:
            nonlocal worked
            worked += operations
            bar.update(rows * min(worked, whole) // whole - bar.n)

        yield advance
