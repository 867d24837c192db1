"""Which rows are scored together: a plan is a list of runs, a run a list of blocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.utils.aligned import ALIGNED
from torch_cgprune.utils.seeds import stream

# Where the sweep is the sooner way: up to so many parts, or so many rows a class. A dozen products
# of the classes' columns with the matrix then cost what it does.
_SWEPT_PARTS, _SWEPT_ROWS_A_CLASS = 4, 48
# Rows whose sketches are projected at a time.
_PROJECTED = 2**17


@dataclass(frozen=True)
class Block:
    """Rows that share one Gram matrix.

    Attributes:
        rows: (b,) int64 row indices, ascending, or part by part.
        codes: (b,) int64 classes of these rows, as positions in ``classes``.
        classes: (c,) int64 the data's class code of each of the block's classes; -1 stands for
            "all the others".
        scored: (m,) int64 positions in ``rows`` of those that receive a score.
        parts: (first, one past the last) position in ``rows`` of each part of neighbours, where
            the matrix is solved by iteration; else none.
        seed: of the iteration.

    """

    rows: Tensor
    codes: Tensor
    classes: Tensor
    scored: Tensor
    parts: tuple[tuple[int, int], ...] = ()
    seed: int = 0


class Plan(NamedTuple):
    """A plan.

    Attributes:
        runs: runs of blocks, made as they are asked for. A row scores once a run at most.
        sizes: rows of every block, run by run, in any order: what the work ahead follows from.
        predicts: whether blocks predict all classes.
        whole: whether a block is of all rows: then ranks solve it together, and do not share out
            blocks.
        parted: whether its rows come part by part, and it is solved by iteration.

    """

    runs: Iterator[Iterable[Block]]
    sizes: Sequence[Sequence[int]]
    predicts: bool = True
    whole: bool = False
    parted: bool = False

    @property
    def largest(self) -> int:
        """Rows of the largest block."""
        return max(itertools.chain(*self.sizes))


def planned(
    codes: Tensor, points: Tensor, k: int, options: dict[str, Any], *, part_rows: int
) -> Plan:
    """Return the plan of the options' method.

    Args:
        codes: (m,) int64 class codes.
        points: (m, s) sketch of the rows, for :func:`local`.
        k: number of classes.
        options: as :func:`~torch_cgprune.scoring.options.resolve_options` returns them.
        part_rows: as for :func:`iterative`.

    """
    method = options["method"]
    if method == "exact":
        return exact(codes, k)
    if method == "iterative":
        return iterative(points, codes, k, part_rows=part_rows, seed=options["seed"])
    drawn = {name: options[name] for name in ("runs", "seed")}
    if method == "local":
        return local(points, codes, block_size=options["block_size"], **drawn)
    return stochastic(codes, k, ratio=options["ratio"], **drawn)


def exact(codes: Tensor, k: int) -> Plan:
    """Return one run of one block of all rows, which is the definition of the score.

    Args:
        codes: (n,) int64 class codes.
        k: number of classes.

    """
    everyone = torch.arange(len(codes))
    block = Block(everyone, codes, torch.arange(k), everyone)
    return Plan(iter([[block]]), [[len(codes)]], whole=True)


def iterative(sketch: Tensor, codes: Tensor, k: int, *, part_rows: int, seed: int) -> Plan:
    """Return one run of one block of all rows, in parts of neighbours, to be solved by iteration.

    Few rows, or of many classes (a thousand of 50,000), are solved sooner as :func:`exact` does.

    Args:
        sketch: (n, s) float32 or float16 coordinates in which near rows are near.
        codes: (n,) int64 class codes.
        k: number of classes.
        part_rows: rows per part at most.
        seed: of the parts, as for :func:`local`, and of the iteration.

    """
    n = len(codes)
    if n <= max(_SWEPT_PARTS * part_rows, _SWEPT_ROWS_A_CLASS * k):
        return exact(codes, k)
    points, count = sketch.numpy(), -(-n // part_rows)
    size = min(part_rows, ALIGNED * -(-n // (count * ALIGNED)))
    halves = _halve(points, np.arange(n), count, _rng(seed, 0), size)
    parts = [torch.from_numpy(part) for part in halves]
    stops = [*itertools.accumulate(map(len, parts))]
    bounds = tuple(zip([0, *stops], stops, strict=False))
    rows = torch.cat(parts)
    block = Block(rows, codes[rows], torch.arange(k), torch.arange(n), bounds, seed)
    return Plan(iter([[block]]), [[n]], whole=True, parted=True)


def stochastic(codes: Tensor, k: int, *, ratio: float, runs: Sequence[int], seed: int) -> Plan:
    """Return the paper's blocks: each class against a random draw of the others.

    Every block holds all m rows of one class (code 0, the rows that score) and ``ratio * m`` rows
    of other classes (code 1), at least one, or all of these if there are fewer, drawn without
    replacement.

    Args:
        codes: (n,) int64 class codes.
        k: number of classes.
        ratio: rows of other classes per row of the class.
        runs: how many blocks to draw for each of the k classes.
        seed: each block's draw depends on (seed, class, run) alone.

    References:
        Ki, Choi, Chung (ICLR 2023), App. A.2.

    """
    counts = codes.bincount(minlength=k).tolist()
    drawn = [min(max(round(ratio * m), 1), len(codes) - m) for m in counts]
    blocks = (
        (_against_others(codes, c, drawn[c], (seed, c, run)) for c in range(k) if run < runs[c])
        for run in range(max(runs))
    )
    sizes = [[counts[c] + drawn[c] for c in range(k) if run < runs[c]] for run in range(max(runs))]
    return Plan(blocks, sizes, predicts=False)


def _against_others(codes: Tensor, c: int, drawn: int, seed: Sequence[int]) -> Block:
    own, others = (codes == c).nonzero().squeeze(1), (codes != c).nonzero().squeeze(1)
    choice = torch.from_numpy(_rng(*seed).choice(len(others), drawn, replace=False))
    rows = torch.cat([own, others[choice]]).sort().values
    is_other = codes[rows] != c
    classes = torch.tensor([c, -1] if drawn else [c])
    return Block(rows, is_other.long(), classes, (~is_other).nonzero().squeeze(1))


def local(sketch: Tensor, codes: Tensor, *, block_size: int, runs: int, seed: int) -> Plan:
    """Return partitions into blocks of neighbours, all of whose rows score.

    A part is halved at the median of the projection on the difference of two of its rows, drawn at
    random, until it holds ``block_size`` rows at most; parts differ in size by a row.

    Args:
        sketch: (n, s) float32 or float16 coordinates in which near rows are near.
        codes: (n,) int64 class codes. A block has the classes of its rows: an absent one is
            predicted from the vector of ones.
        block_size: rows per block at most.
        runs: partitions, each drawn afresh from (seed, run).
        seed: of the draws.

    """
    n = len(codes)
    points, count = sketch.numpy(), -(-n // block_size)
    blocks = (
        (_neighbours(codes, part) for part in _halve(points, np.arange(n), count, _rng(seed, run)))
        for run in range(runs)
    )
    return Plan(blocks, [[n // count + (i < n % count) for i in range(count)]] * runs)


def _rng(*seeds: int) -> np.random.Generator:
    return np.random.default_rng(stream(*seeds))


def _halve(
    points: np.ndarray[Any, Any],
    rows: np.ndarray[Any, Any],
    count: int,
    rng: np.random.Generator,
    size: int | None = None,
) -> Iterator[np.ndarray[Any, Any]]:
    """Yield ``count`` parts of ``rows``, of equal size up to one; or of ``size``, but the last."""
    if count == 1:
        yield np.sort(rows)
        return
    first, second = rng.choice(rows, size=2, replace=False)
    lower = count // 2
    cut = len(rows) * lower // count if size is None else lower * size
    # Nothing else is kept while the halves are halved in turn: there are many millions of rows.
    projection = _projected(points, rows, points[first] - points[second])
    rows = rows[np.argpartition(projection, cut)]
    del projection
    yield from _halve(points, rows[:cut], lower, rng, size)
    yield from _halve(points, rows[cut:], count - lower, rng, size)


def _projected(
    points: np.ndarray[Any, Any], rows: np.ndarray[Any, Any], direction: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Return (m,) float32 products of the rows' points with a direction; not all are copied."""
    direction = direction.astype(np.float32)
    found = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _PROJECTED):
        part = slice(start, start + _PROJECTED)
        found[part] = points[rows[part]].astype(np.float32, copy=False) @ direction
    return found


def _neighbours(codes: Tensor, part: np.ndarray[Any, Any]) -> Block:
    rows = torch.from_numpy(part)
    classes, inside = codes[rows].unique(return_inverse=True)
    return Block(rows, inside, classes, torch.arange(len(rows)))


def recommended_runs(counts: Sequence[int], ratio: float) -> list[int]:
    """Return the runs that draw half of the other classes' rows at least once, by expectation.

    A run draws the share ``s = ratio * m / (n - m)`` of them, so ``1 - (1 - s)^runs >= 1/2``.

    Args:
        counts: rows in each of the k classes.
        ratio: rows of other classes per row of the class.

    References:
        Ki, Choi, Chung (ICLR 2023), App. A.3.

    Example:
        >>> recommended_runs([5000] * 10, ratio=1), recommended_runs([5000] * 10, ratio=4)
        ([6, 6, 6, 6, 6, 6, 6, 6, 6, 6], [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])

    """
    n = sum(counts)
    runs = []
    for m in counts:
        share = min(ratio * m / (n - m), 1) if n > m else 1
        runs.append(1 if share >= 0.5 else math.ceil(math.log(0.5) / math.log1p(-share)))
    return runs
