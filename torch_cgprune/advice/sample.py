"""Which rows selections are graded on: as many as there is time for, in folds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.advice.grading import flops_together
from torch_cgprune.policies import random
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


def folds(
    codes: Tensor, copies: Tensor, rounds: int, *, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the rows that may be kept, and those held out, of each round; neither is empty.

    Rows that are copies are held out together, whatever their labels: one that stayed would tell
    the others' labels. Of every class some rows stay, so those of a class in one part never go.

    Args:
        codes: (m,) int64 class codes.
        copies: (m,) int64, equal for rows that are copies.
        rounds: at most ``PARTS``; there are fewer where not so many parts can be held out.
        seed: of the split.

    """
    part = _parts(codes, copies, seed=seed)
    staying = _staying(codes, part)
    part[torch.isin(copies, copies[staying])] = -1
    for held in part[part >= 0].unique()[:rounds]:
        out = part == held
        yield (~out).nonzero().flatten(), out.nonzero().flatten()


def _parts(codes: Tensor, copies: Tensor, *, seed: int) -> Tensor:
    """Return (m,) the part of each row: that with the fewest rows of the classes in its group.

    Groups of copies are dealt from the last part backwards, the largest first, and single rows fill
    up the others from the first on: where not all parts are held out, large groups are not either.
    """
    generator = np.random.default_rng(stream(seed))
    drawn = generator.permutation(len(codes))
    _, group, sizes = np.unique(copies.numpy()[drawn], return_inverse=True, return_counts=True)
    groups = np.split(drawn[group.argsort(kind="stable")], sizes.cumsum()[:-1])
    place = np.empty_like(drawn)
    place[drawn] = np.arange(len(drawn))
    groups.sort(key=lambda members: (-len(members), place[members[0]]))
    part, filled = np.empty_like(drawn), np.zeros((PARTS, int(codes.max()) + 1), np.int64)
    for members in groups:
        of = codes.numpy()[members]
        alike = filled[:, of].sum(1)
        least = alike.argmin() if len(members) == 1 else PARTS - 1 - alike[::-1].argmin()
        np.add.at(filled[least], of, 1)
        part[members] = least
    return torch.from_numpy(part)


def _staying(codes: Tensor, part: Tensor) -> Tensor:
    """Return (m,) bool, the rows of classes that are in one part alone."""
    k = int(codes.max()) + 1
    there = (codes * PARTS + part).bincount(minlength=k * PARTS).view(k, PARTS) > 0
    return (there.sum(1) == 1)[codes]
