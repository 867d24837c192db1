"""Which rows are scored together: a plan is a list of blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Block:
    """Rows that share one Gram matrix.

    Attributes:
        rows: (b,) int64 row indices, ascending.
        codes: (b,) int64 classes of these rows, as positions in ``classes``.
        classes: (c,) int64 the data's class code of each of the block's classes; -1 stands for
            "all the others".
        scored: (m,) int64 positions in ``rows`` of those that receive a score.

    """

    rows: Tensor
    codes: Tensor
    classes: Tensor
    scored: Tensor


def exact(codes: Tensor, k: int) -> list[Block]:
    """Return the one block of all rows, which is the definition of the score.

    Args:
        codes: (n,) int64 class codes.
        k: number of classes.

    """
    everyone = torch.arange(len(codes))
    return [Block(everyone, codes, torch.arange(k), everyone)]


def stochastic(
    codes: Tensor, k: int, *, ratio: float, runs: Sequence[int], seed: int
) -> list[Block]:
    """Return the paper's blocks: each class against a random draw of the others.

    Every block holds all m rows of one class (code 0, the rows that score) and ``ratio * m`` rows
    of other classes (code 1), or all of these if there are fewer, drawn without replacement.

    Args:
        codes: (n,) int64 class codes.
        k: number of classes.
        ratio: rows of other classes per row of the class.
        runs: how many blocks to draw for each of the k classes.
        seed: each block's draw depends on (seed, class, run) alone.

    References:
        Ki, Choi, Chung (ICLR 2023), App. A.2.

    """
    blocks = []
    for c in range(k):
        own, others = (codes == c).nonzero().squeeze(1), (codes != c).nonzero().squeeze(1)
        drawn = min(round(ratio * len(own)), len(others))
        classes = torch.tensor([c, -1] if drawn else [c])
        for run in range(runs[c]):
            rng = np.random.default_rng([seed, c, run])
            choice = torch.from_numpy(rng.permutation(len(others))[:drawn])
            rows = torch.cat([own, others[choice]]).sort().values
            is_other = codes[rows] != c
            blocks.append(Block(rows, is_other.long(), classes, (~is_other).nonzero().squeeze(1)))
    return blocks


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
