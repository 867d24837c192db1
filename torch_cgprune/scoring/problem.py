"""What is solved: the rows, how they become blocks' sums, and where the numbers live meanwhile."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from torch_cgprune.errors import Argument, Message
from torch_cgprune.kernel import Scaling, unit_rows
from torch_cgprune.kernel.near import PAIRS_PER_EXAMPLE, Closest, Finder
from torch_cgprune.scores.posterior import Posterior
from torch_cgprune.scoring.blocks import Solved, solve_blocks
from torch_cgprune.scoring.copies import Copies
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.plans import Block, Plan
from torch_cgprune.scoring.sums import Sums
from torch_cgprune.solver import Kept, Storage, iterative_numbers, numbers
from torch_cgprune.utils.devices import available_on, check_fits
from torch_cgprune.utils.ranks import ALONE, Ranks

_log = logging.getLogger(__name__)

# Added to the diagonal where copies have different labels: their scores come out near 2 / ridge.
CONFLICT_RIDGE = 1e-3

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Problem:
    """What all blocks share: the features, which of them are kept, where and how to compute."""

    matrix: Tensor
    copies: Copies
    codes: Tensor
    plan: Plan
    dtype: torch.dtype
    device: torch.device
    limits: Limits
    scaling: Scaling | None = None
    ridge: float = 0.0
    storage: Storage | None = None
    ranks: Ranks = ALONE
    posterior: Posterior | None = None
    near: float | None = None

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
        m = len(self.copies.kept)
        limit = PAIRS_PER_EXAMPLE * len(self.codes)
        return Sums(
            m,
            self.priors,
            predictions=self.plan.predicts,
            posterior=self.posterior,
            closest=None if self.near is None else Closest(self.near, limit),
        )

    @property
    def keeps_predictions(self) -> bool:
        """Whether the predictions of all classes are kept, not only what is concluded of them."""
        return self.plan.predicts and self.limits.keeps_predictions(
            len(self.copies.kept), len(self.priors)
        )

    def run(
        self, blocks: Iterable[Block], advance: Callable[[int], object], kept: Kept | None = None
    ) -> Sums:
        """Solve the blocks of one run, shared by the ranks; the sums are the same on all.

        ``kept`` is where an iteration is taken up.
        """
        if self.plan.whole:
            sums = self._share_tiles(blocks, advance, kept)
        else:
            sums = self._share_blocks(blocks, advance)
        if sums.closest is not None:
            sums.closest.share(self.ranks)
        return sums

    def _share_tiles(
        self, blocks: Iterable[Block], advance: Callable[[int], object], kept: Kept | None
    ) -> Sums:
        """Solve one block after the other, each with all ranks."""
        ranks = self.ranks
        with ranks.together():
            sums = self.sums()
        for block in blocks:
            with ranks.together():
                rows = self.rows(block)[None]  # as a batch of one, without a copy
            solved = self._solve(rows, [block], advance, sums.closest, ranks, kept)
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
                solved = self._solve(
                    rows, batch, lambda done: advance(done * ranks.size), sums.closest, ALONE
                )
                for block, solution in zip(batch, solved, strict=True):
                    sums.add_block(block, solution)
        for tensor in sums.tensors.values():
            ranks.sum(tensor)
        return sums

    def _solve(
        self,
        rows: Tensor,
        batch: list[Block],
        advance: Callable[[int], object],
        closest: Closest | None,
        ranks: Ranks,
        kept: Kept | None = None,
    ) -> list[Solved]:
        with ranks.together():
            of = torch.stack([block.rows for block in batch])
            ridges, weights = self.ridges[of], self.weights[of]
            stand_for = self.copies.first[self.copies.kept]
            finder = None if closest is None else Finder(closest, stand_for[of])
        return solve_blocks(
            rows,
            batch,
            ridges,
            weights,
            finder=finder,
            storage=self.storage,
            ranks=ranks,
            kept=kept,
            advance=advance,
        )

    def _blocks_at_once(self, size: int) -> int:
        """Return how many blocks of ``size`` rows make a batch."""
        return max(1, self._batch_limit // (numbers(size) + size * self.matrix.shape[1]))

    @functools.cached_property
    def _batch_limit(self) -> int:
        """Numbers in a batch."""
        room = available_on(self.device)
        return self.limits.batch_on(
            self.device, None if room is None else room // self.dtype.itemsize
        )

    @property
    def keeps_unit_rows(self) -> bool:
        """Whether the unit rows of all examples are made once, not anew for every block."""
        if self.plan.whole:
            return not self.plan.parted  # one block has them, in its order
        return self.matrix.numel() <= self.limits.unit_rows

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
        return unit_rows(
            self.matrix,
            dtype=self.dtype,
            device=self.device,
            chosen=chosen,
            scaling=self.scaling,
        )


def place_tiles(problem: Problem, folder: str | os.PathLike[str] | None) -> Storage | None:
    """Decide where the Gram matrix of the largest block lives.

    Args:
        problem: the features, the device, the ranks.
        folder: for what finds no room on the device; None is host memory, or nowhere if it is only
            read, by iterations: filling it anew is then about as fast, and always possible.

    Returns:
        None where all fits on the device.

    Raises:
        MemoryError: there is not enough of it; the message has the figures and the cures.

    """
    item, device, rows = problem.dtype.itemsize, problem.device, problem.plan.largest
    taken = _taken(problem)
    beside = (len(problem.matrix) if problem.keeps_unit_rows else rows) * problem.matrix.shape[1]
    # Targets, the sweep's copy of them, its solutions, and four temporaries of what follows.
    beside += 7 * rows * min(rows, len(problem.priors))
    working = (taken(apart=True) + beside) * item
    whole = (taken(apart=False) + beside) * item
    if problem.plan.whole and problem.ranks.size > 1:
        # Each holds its share of the tiles.
        whole = min(whole, taken(apart=False) // problem.ranks.size * item + working)
    sharing = problem.ranks.beside if device.type == "cpu" else 1
    room = available_on(device)
    if room is None or whole * sharing <= room:
        return None
    what = Message("Scoring %d rows together in %s", rows, problem.dtype)
    cure = Message(
        "Pass %s, %s if it is float64, %s to keep tiles of the matrix in a file, or a device with "
        "more memory.",
        Argument("method", "'local'"),
        Argument("dtype", "torch.float32"),
        Argument("storage", "'FOLDER'"),
    )
    anew = problem.plan.parted and folder is None
    if device.type == "cpu" and folder is None and not anew:
        check_fits(whole * sharing, device, what, cure)
    apart = Message("%s, with tiles of the matrix elsewhere,", what)
    check_fits(working * sharing, device, apart, cure)
    if folder is None and not anew:
        # Page-locked memory is handed out in powers of two.
        check_fits(2 * whole * problem.ranks.beside, _CPU, what, cure)
    # What a process can take of the memory is never all that is reported free.
    kept = max(0, int(0.8 * (room / sharing - working)))
    if anew:
        _log.info(
            "%.1f of the %.1f GB of the matrix find no room and are computed anew in every "
            "iteration; storage='FOLDER' keeps them in a file",
            *((whole - working - kept) / 1e9, (whole - working) / 1e9),
        )
    return Storage(kept, folder, anew)


def _taken(problem: Problem) -> Callable[..., int]:
    """Return what counts the numbers that the largest block takes, tiles ``apart`` or not."""
    rows = problem.plan.largest
    if not problem.plan.parted:
        return functools.partial(numbers, rows)
    part = min(rows, problem.limits.part_rows)
    return functools.partial(iterative_numbers, rows, part, len(problem.priors))


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
