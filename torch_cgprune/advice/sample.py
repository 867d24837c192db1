"""Which rows selections are graded on: as many as there is time for, in folds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.advice.grading import flops_together
from torch_cgprune.policies import random
from torch_cgprune.policies.quotas import places
from torch_cgprune.utils.seeds import stream

# A part of so many is held out, in so many rounds: all parts where the data are few.
PARTS = 5
_ROUNDS = (5, 2)
# Floating-point operations that one share may cost: a minute or so of two cores. A number, not
# what the machine can do, so that the advice is the same everywhere.
_FLOPS = 4e12
# Selections that are compared at such a share.
_CHOICES = 17
# Their Gram matrix takes 2.3 GB.
_MOST = 24_000


def sample(codes: Tensor, *, seed: int) -> tuple[Tensor, int]:
    """Return which examples are graded on, and in how many rounds.

    Args:
        codes: (n,) int64 class codes.
        seed: of the draw.

    Returns:
        (m,) sorted indices, of each class in proportion; the number of rounds.

    """
    n, k = len(codes), int(codes.max()) + 1
    rounds = next((r for r in _ROUNDS if affordable(k, r) >= n), _ROUNDS[-1])
    m = max(min(n, affordable(k, rounds)), min(n, 2 * k))
    return random(codes, m / n, seed=seed), rounds


def affordable(k: int, rounds: int) -> int:
    """Return the most rows of k classes on which a share can be graded in so many rounds.

    Half of them cost most: of a larger share there are fewer selections.
    """
    flops = _FLOPS / (_CHOICES * rounds)
    by_factors = (3 * flops) ** (1 / 3) / (0.5 * (1 - 1 / PARTS))
    by_steps = (flops / flops_together(1, k)) ** 0.5
    return min(_MOST, int(max(by_factors, by_steps)))


def folds(codes: Tensor, rounds: int, *, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the rows that may be kept, and those held out, of each round.

    Args:
        codes: (m,) int64 class codes. The only example of a class is never held out.
        rounds: at most ``PARTS``.
        seed: of the split.

    """
    generator = np.random.default_rng(stream(seed))
    drawn = torch.from_numpy(generator.permutation(len(codes)))
    part = torch.empty_like(codes)
    part[drawn] = places(drawn, codes) % PARTS
    part[codes.bincount()[codes] == 1] = -1
    for held in range(rounds):
        out = part == held
        yield (~out).nonzero().flatten(), out.nonzero().flatten()
