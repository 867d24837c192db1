"""The runs of a plan: blocks solved, sums taken, the finished ones kept."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from torch_cgprune.averages import Sums
from torch_cgprune.blocks import Solved, solve_blocks
from torch_cgprune.checkpoint import Checkpoint
from torch_cgprune.copies import Copies
from torch_cgprune.kernel import unit_rows
from torch_cgprune.memory import available_on
from torch_cgprune.plans import Block, Plan
from torch_cgprune.ranks import ALONE, Ranks
from torch_cgprune.solver import flops, numbers
from torch_cgprune.storage import Storage

# Added to the diagonal where copies have different labels: their scores come out near 2 / ridge.
CONFLICT_RIDGE = 1e-3

# Unit rows are kept for all blocks up to this many numbers (1 GB in float32), else made by block.
UNIT_ROWS_UP_TO = 2**28

# Blocks of equal size are solved in batches of up to this many numbers. Two cores are busy with one
# block of 2,048 rows (batches of 17 MB gain on smaller ones); a GPU takes 1 GB of float32.
BATCH_ON_CPU, BATCH_ON_GPU = 2**22, 2**28


def sum_runs(work: Work, plan: Plan, finished: Checkpoint, *, show: bool) -> Sums:
    """Solve all runs of a plan that a checkpoint has not finished.

    Args:
        work: the features, the options and the ranks that share them.
        plan: of the kept examples.
        finished: where sums over finished runs are kept, by rank 0.
        show: a progress bar, on rank 0.

    Returns:
        The sums, whole on rank 0 only.

    """
    ranks = work.ranks
    with ranks.together():
        total = work.sums()
        done = finished.load_into(total) if ranks.rank == 0 else 0
    done = ranks.tell(done)
    show = show and ranks.rank == 0
    with _progress_bar(plan, done, work.options["method"], show=show) as advance:
        for number, blocks in enumerate(itertools.islice(plan.runs, done, None), done + 1):
            run = work.run(blocks, advance)
            with ranks.together():
                if ranks.rank == 0:
                    total = total.plus(run)
                    if number < len(plan.sizes):
                        finished.save(total, number)
    return total


@dataclass(frozen=True)
class Work:
    """What all blocks share: the features, which of them are kept, where and how to compute."""

    matrix: Tensor
    copies: Copies
    codes: Tensor
    options: dict[str, Any]
    dtype: torch.dtype
    device: torch.device
    ridge: float = 0.0
    storage: Storage | None = None
    ranks: Ranks = ALONE

    @functools.cached_property
    def priors(self) -> Tensor:
        """(k,) class shares."""
        return self.codes.bincount().to(self.dtype) / len(self.codes)

    @functools.cached_property
    def weights(self) -> Tensor:
        """(m,) how many examples each kept one stands for."""
        return self.copies.stand_in.bincount()

    @functools.cached_property
    def ridges(self) -> Tensor:
        """(m,) the ridge of each kept example."""
        return self.ridges_at(self.ridge)

    def ridges_at(self, ridge: float) -> Tensor:
        """(m,) the ridge of each kept example: copies in conflict need some."""
        ridges = torch.full((len(self.copies.kept),), ridge, dtype=torch.float64)
        ridges[self.copies.conflicts[self.copies.kept]] = max(ridge, CONFLICT_RIDGE)
        return ridges

    def sums(self) -> Sums:
        """Return the sums over no run."""
        predictions = self.options["method"] != "stochastic"
        return Sums(len(self.copies.kept), self.priors, predictions=predictions)

    def run(self, blocks: Iterable[Block], advance: Callable[[int], object]) -> Sums:
        """Solve the blocks of one run, shared by the ranks; the sums are the same on all."""
        if self.options["method"] == "exact":
            return self._share_tiles(blocks, advance)
        return self._share_blocks(blocks, advance)

    def _share_tiles(self, blocks: Iterable[Block], advance: Callable[[int], object]) -> Sums:
        """Solve one block after the other, each with all ranks."""
        ranks = self.ranks
        with ranks.together():
            sums = self.sums()
        for block in blocks:
            with ranks.together():
                rows = self.rows(block)[None]  # as a batch of one, without a copy
            solved = self._solve(rows, [block], advance, ranks)
            with ranks.together():
                sums.add_block(block, *solved)
        return sums

    def _share_blocks(self, blocks: Iterable[Block], advance: Callable[[int], object]) -> Sums:
        """Solve this rank's share of the blocks by itself."""
        ranks = self.ranks
        with ranks.together():
            sums = self.sums()
            for batch in _batches(ranks.mine(blocks), self._blocks_at_once):
                rows = torch.stack([self.rows(block) for block in batch])
                solved = self._solve(rows, batch, lambda done: advance(done * ranks.size), ALONE)
                for block, solution in zip(batch, solved, strict=True):
                    sums.add_block(block, solution)
        for tensor in sums.tensors.values():
            ranks.sum(tensor)
        return sums

    def _solve(
        self, rows: Tensor, batch: list[Block], advance: Callable[[int], object], ranks: Ranks
    ) -> list[Solved]:
        with ranks.together():
            of = torch.stack([block.rows for block in batch])
            ridges, weights = self.ridges[of], self.weights[of]
        return solve_blocks(
            rows,
            batch,
            ridges,
            weights,
            storage=self.storage,
            ranks=ranks,
            advance=advance,
        )

    def _blocks_at_once(self, size: int) -> int:
        """Return how many blocks of ``size`` rows make a batch."""
        return max(1, self._batch_limit // (numbers(size) + size * self.matrix.shape[1]))

    @functools.cached_property
    def _batch_limit(self) -> int:
        """Numbers in a batch; a quarter of what a GPU has left, since there are temporaries."""
        if self.device.type == "cpu":
            return BATCH_ON_CPU
        room = available_on(self.device)
        return BATCH_ON_GPU if room is None else min(BATCH_ON_GPU, room // 4 // self.dtype.itemsize)

    @property
    def keeps_unit_rows(self) -> bool:
        """Whether the unit rows of all examples are made once, not anew for every block."""
        return self.options["method"] == "exact" or self.matrix.numel() <= UNIT_ROWS_UP_TO

    @functools.cached_property
    def unit(self) -> Tensor | None:
        """(m, d) unit rows of all kept examples, or None where they are too many to keep."""
        if not self.keeps_unit_rows:
            return None
        return self.normalise(
            None if len(self.copies.kept) == len(self.matrix) else self.copies.kept
        )

    def rows(self, block: Block) -> Tensor:
        """(b, d) unit rows of a block."""
        if self.unit is None:
            return self.normalise(self.copies.kept[block.rows])
        everyone = len(block.rows) == len(self.unit)
        return self.unit if everyone else self.unit[block.rows.to(self.device)]

    def normalise(self, chosen: Tensor | None) -> Tensor:
        """(b, d) unit rows of the chosen examples."""
        return unit_rows(self.matrix, dtype=self.dtype, device=self.device, chosen=chosen)


def _batches(blocks: Iterable[Block], limit: Callable[[int], int]) -> Iterator[list[Block]]:
    """Yield lists of blocks of equal size, of as many as ``limit`` says of that size."""
    waiting: dict[int, list[Block]] = {}
    for block in blocks:
        size = len(block.rows)
        batch = waiting.setdefault(size, [])
        batch.append(block)
        if len(batch) >= limit(size):
            yield waiting.pop(size)
    yield from waiting.values()


@contextlib.contextmanager
def _progress_bar(
    plan: Plan, done: int, method: str, *, show: bool
) -> Iterator[Callable[[int], object]]:
    work = [sum(flops(size) for size in sizes) for sizes in plan.sizes]
    description = f"CG-scores ({method})"
    with tqdm(
        total=sum(work),
        initial=sum(work[:done]),
        desc=description,
        unit="flop",
        unit_scale=True,
        disable=not show,
    ) as bar:
        yield bar.update
