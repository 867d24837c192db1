"""Policies that draw, by chance alone or by the scores; a seed decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.inputs.labels import Labels, encode_labels
from torch_cgprune.policies.quotas import (
    checked,
    groups_of,
    lowest,
    places,
    take,
    total_kept,
)
from torch_cgprune.utils.checks import check_integer, check_real
from torch_cgprune.utils.seeds import stream

# What :func:`stratified` cuts and how many strata it has, if not told otherwise.
CUT, STRATA = 0.1, 50


def random(labels: Labels, keep: float, *, balanced: bool = True, seed: int = 0) -> Tensor:
    """Keep a random share: the control that every other policy has to beat.

    Args:
        labels: n integers or strings.
        keep: share of the examples to keep, in (0, 1].
        balanced: inside every class, or over all examples.
        seed: of the draw.

    Returns:
        (m,) int64 sorted indices, ``m = max(round(keep n), k)``.

    Raises:
        TypeError, ValueError: a bad ``keep`` or ``seed``, or bad labels.

    Example:
        >>> len(random([0] * 10, keep=0.3))
        3

    """
    codes, _ = encode_labels(labels)
    order = torch.from_numpy(_generator("random", seed).permutation(len(codes)))
    return take(order, codes, total_kept("random", keep, codes), balanced=balanced)


def stratified(
    values: Any,
    labels: Labels,
    keep: float,
    *,
    cut: float = CUT,
    strata: int = STRATA,
    balanced: bool = True,
    seed: int = 0,
) -> Tensor:
    """Cut the hardest examples, then draw as many from every stratum of the scores.

    Keeps the coverage that low-first loses where most of the data goes: strata of equal width get
    equal shares of the budget, and what a small one cannot use goes to the others.

    Args:
        values: (n,) finite scores, higher for harder.
        labels: n integers or strings.
        keep: share of the examples to keep, in (0, 1].
        cut: share of the examples dropped for being hardest, in [0, 1); never more than has to go.
        strata: number of them between the lowest and the highest score left, at least 1.
        balanced: inside every class, or over all examples.
        seed: of the draws.

    Returns:
        (m,) int64 sorted indices, ``m = max(round(keep n), k)``.

    Raises:
        TypeError, ValueError: scores that are not finite or not one per label, or a bad option.

    References:
        Zheng, Liu, Lai, Prakash (ICLR 2023), "Coverage-centric coreset selection for high pruning
        rates", Algorithm 1.

    Example:
        >>> stratified(range(8), [0] * 8, keep=0.5, cut=0.25, strata=2, seed=1)
        tensor([0, 1, 4, 5])

    """
    cut = check_real("cut", "stratified", cut, "[0, 1)")
    strata = check_integer("strata", "stratified", strata, minimum=1)
    scores, codes = checked(values, labels)
    total = total_kept("stratified", keep, codes)
    groups, sizes, quotas = groups_of(codes, total, balanced=balanced)
    drawn = torch.from_numpy(_generator("stratified", seed).permutation(len(codes)))
    by_group = drawn[groups[drawn].argsort(stable=True)].split(sizes.tolist())
    chosen = torch.cat(
        [
            from_strata(members, scores[members].double(), quota, cut, strata)
            for members, quota in zip(by_group, quotas.tolist(), strict=True)
        ]
    )
    others = torch.ones(len(codes), dtype=torch.bool, device="cpu").index_fill(
        0, chosen, value=False
    )
    return take(torch.cat([chosen, drawn[others[drawn]]]), codes, total, balanced=balanced)


def soft(
    values: Any,
    labels: Labels,
    keep: float,
    *,
    balanced: bool = True,
    seed: int = 0,
    epoch: int = 0,
) -> Tensor:
    """Draw a share without replacement, harder examples more likely, another one every epoch.

    An example's weight is the share of its class (of all examples, if not ``balanced``) that is no
    harder than it. So any score will do, whatever its scale, every example has its chance, and the
    epochs together cover more and more of the data.

    Args:
        values: (n,) finite scores, higher for harder.
        labels: n integers or strings.
        keep: share of the examples to keep, in (0, 1].
        balanced: inside every class, or over all examples.
        seed: of the draws.
        epoch: which draw.

    Returns:
        (m,) int64 sorted indices, ``m = max(round(keep n), k)``.

    Raises:
        TypeError, ValueError: scores that are not finite or not one per label, or a bad option.

    References:
        Efraimidis, Spirakis (2006), "Weighted random sampling with a reservoir": the m smallest of
        exponential times over weights.

    Example:
        >>> [soft(range(8), [0] * 8, keep=0.25, epoch=epoch).tolist() for epoch in range(3)]
        [[4, 6], [2, 3], [1, 6]]

    """
    scores, codes = checked(values, labels)
    total = total_kept("soft", keep, codes)
    groups, sizes, _ = groups_of(codes, total, balanced=balanced)
    epoch = check_integer("epoch", "soft", epoch, minimum=0)
    times = torch.from_numpy(_generator("soft", seed, epoch).exponential(size=len(codes)))
    waiting = times / shares_below(scores, groups, sizes)
    return lowest(waiting, codes, total, balanced=balanced)


def _generator(owner: str, seed: int, *more: int) -> np.random.Generator:
    seed = check_integer("seed", owner, seed, minimum=0)
    return np.random.default_rng(stream(seed, *more))


def even_shares(sizes: Tensor, quota: int) -> Tensor:
    """Split ``quota`` over strata evenly, the smallest first: what it cannot use goes on."""
    shares = torch.zeros_like(sizes)
    ascending = sizes.argsort(stable=True).tolist()
    for waiting, stratum in zip(range(len(ascending), 0, -1), ascending, strict=True):
        shares[stratum] = min(int(sizes[stratum]), quota // waiting)
        quota -= int(shares[stratum])
    return shares


def shares_below(scores: Tensor, groups: Tensor, sizes: Tensor) -> Tensor:
    """Return for every example the share of its group that scores no higher."""
    _, levels = scores.unique(return_inverse=True)
    _, members, counts = (groups * (int(levels.max()) + 1) + levels).unique(
        return_inverse=True, return_counts=True
    )
    before = (sizes.cumsum(0) - sizes)[groups]
    no_higher = counts.cumsum(0)[members] - before
    return torch.div(no_higher.double(), sizes[groups])


def uncut(size: int, quota: int, cut: float) -> int:
    """Return how many of a group are left once its hardest are cut: enough for its quota."""
    return size - min(int(cut * size), size - quota)


def strata_of(scores: Tensor, strata: int) -> Tensor:
    """Return which stratum of equal width between the lowest and the highest each score is in."""
    low, high = scores.aminmax()
    heights = (scores - low) / (high - low).clamp(min=torch.finfo(scores.dtype).tiny)
    return (heights * strata).long().clamp(max=strata - 1)


def from_strata(members: Tensor, scores: Tensor, quota: int, cut: float, strata: int) -> Tensor:
    """Take ``quota`` of the members, which are in random order, as :func:`stratified` does."""
    left = uncut(len(members), quota, cut)
    easy = scores.argsort(stable=True)[:left].sort().values
    stratum = strata_of(scores[easy], strata)
    shares = even_shares(stratum.bincount(), quota)
    taken = places(torch.arange(left, device="cpu"), stratum) < shares[stratum]
    return members[easy[taken]]
