"""Policies that draw, by chance alone or by the scores; a seed decides."""

from __future__ import annotations

from collections.abc import Callable
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
    taking,
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
    order = shuffled("random", len(codes), seed)
    return take(order, codes, total_kept("random", keep, codes), balanced=balanced)


def redrawn(
    labels: Labels, keep: float, *, balanced: bool = True, seed: int = 0, epoch: int = 0
) -> Tensor:
    """Keep a random share, another one every epoch: over the epochs all examples get their turn.

    Args:
        labels: n integers or strings.
        keep: share of the examples to keep, in (0, 1].
        balanced: inside every class, or over all examples.
        seed: of the draws.
        epoch: which draw.

    Returns:
        (m,) int64 sorted indices, ``m = max(round(keep n), k)``.

    Raises:
        TypeError, ValueError: a bad ``keep``, ``seed`` or ``epoch``, or bad labels.

    References:
        Okanovic, Waleffe, Mageirakos, Nikolakakis, Karbasi, Kalogerias, Guerel, Rekatsinas (ICLR
        2024), "Repeated random sampling for minimizing the time-to-accuracy of learning".

    Example:
        >>> [redrawn([0] * 8, keep=0.25, seed=1, epoch=epoch).tolist() for epoch in range(3)]
        [[4, 7], [3, 6], [0, 2]]

    """
    codes, _ = encode_labels(labels)
    total = total_kept("redrawn", keep, codes)
    epoch = check_integer("epoch", "redrawn", epoch, minimum=0)
    order = shuffled("redrawn", len(codes), seed, epoch)
    return take(order, codes, total, balanced=balanced)


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
    kept = from_strata(scores, codes, cut, strata, balanced=balanced, seed=seed)
    return kept(total).nonzero().flatten()


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
    epoch = check_integer("epoch", "soft", epoch, minimum=0)
    waiting = waiting_times(scores, codes, balanced=balanced, seed=seed, epoch=epoch)
    return lowest(waiting, codes, total, balanced=balanced)


def waiting_times(
    scores: Tensor, codes: Tensor, *, balanced: bool, seed: int, epoch: int = 0
) -> Tensor:
    """Return (n,) float64, of which :func:`soft` keeps the lowest."""
    groups = codes if balanced else torch.zeros_like(codes)
    times = torch.from_numpy(_generator("soft", seed, epoch).exponential(size=len(codes)))
    return times / shares_below(scores, groups, groups.bincount())


def shuffled(owner: str, n: int, seed: int, *more: int) -> Tensor:
    """Return n indices in the random order of a policy."""
    return torch.from_numpy(_generator(owner, seed, *more).permutation(n))


def _generator(owner: str, seed: int, *more: int) -> np.random.Generator:
    seed = check_integer("seed", owner, seed, minimum=0)
    return np.random.default_rng(stream(seed, *more))


def even_shares(sizes: Tensor, quotas: Tensor) -> Tensor:
    """Split a quota over strata evenly, the smallest first: what it cannot use goes on.

    Args:
        sizes: (..., s) int64 of strata, of one group or of several.
        quotas: (...) int64, at most what the strata have in all.

    Example:
        >>> even_shares(torch.tensor([4, 1, 4]), torch.tensor(6))
        tensor([2, 1, 3])

    """
    ascending, order = sizes.sort(dim=-1, stable=True)
    place = torch.arange(sizes.shape[-1], device="cpu").expand_as(sizes)
    waiting = sizes.shape[-1] - place
    left = quotas[..., None] - (ascending.cumsum(-1) - ascending)
    # From the first on that has enough, all have: they differ by one at most.
    enough = left // waiting < ascending
    first = torch.where(enough, place, place[..., -1:]).amin(-1, keepdim=True)
    left, waiting = left.gather(-1, first), waiting.gather(-1, first)
    even = left // waiting + (place - first >= waiting - left % waiting)
    return torch.empty_like(sizes).scatter_(-1, order, even.where(place >= first, ascending))


def shares_below(scores: Tensor, groups: Tensor, sizes: Tensor) -> Tensor:
    """Return for every example the share of its group that scores no higher."""
    _, levels = scores.unique(return_inverse=True)
    _, members, counts = (groups * (int(levels.max()) + 1) + levels).unique(
        return_inverse=True, return_counts=True
    )
    before = (sizes.cumsum(0) - sizes)[groups]
    no_higher = counts.cumsum(0)[members] - before
    return torch.div(no_higher.double(), sizes[groups])


def uncut(sizes: Tensor, quotas: Tensor, cut: float) -> Tensor:
    """Return how many of groups are left once their hardest are cut: enough for their quotas."""
    return sizes - torch.minimum((cut * sizes.double()).long(), sizes - quotas)


def strata_of(scores: Tensor, groups: Tensor, k: int, strata: int) -> Tensor:
    """Return which stratum each score is in, of equal width from the lowest to the highest.

    Args:
        scores: (n,) float64.
        groups: (n,) int64 in [0, k), each of which has strata of its own, and a score at least.
        k: how many groups.
        strata: of each.

    """
    spread = scores.new_empty(k)
    low, high = (
        spread.scatter_reduce(0, groups, scores, end, include_self=False)
        for end in ("amin", "amax")
    )
    widths = (high - low).clamp(min=torch.finfo(scores.dtype).tiny)
    return ((scores - low[groups]) / widths[groups] * strata).long().clamp(max=strata - 1)


def from_strata(
    scores: Tensor, codes: Tensor, cut: float, strata: int, *, balanced: bool, seed: int
) -> Callable[[int], Tensor]:
    """Return what marks, as (n,) bool, what :func:`stratified` keeps of any total."""
    drawn = shuffled("stratified", len(codes), seed)
    groups = codes[drawn] if balanced else torch.zeros_like(codes)
    drawn = drawn[groups.argsort(stable=True)]
    groups, found = groups.sort().values, scores[drawn].double()
    place = torch.empty_like(drawn)
    ranking = found.argsort(stable=True)
    place[ranking] = places(ranking, groups)

    def marked(total: int) -> Tensor:
        _, sizes, quotas = groups_of(codes, total, balanced=balanced)
        easy = (place < uncut(sizes, quotas, cut)[groups]).nonzero().flatten()
        cells = groups[easy] * strata + strata_of(found[easy], groups[easy], len(sizes), strata)
        filled = cells.bincount(minlength=len(sizes) * strata).view(-1, strata)
        shares = even_shares(filled, quotas).flatten()
        taken = easy[places(torch.arange(len(easy), device="cpu"), cells) < shares[cells]]
        kept = torch.zeros(len(codes), dtype=torch.bool, device="cpu").index_fill(
            0, drawn[taken], value=True
        )
        if balanced:
            return kept
        order = torch.cat([drawn[taken], drawn[~kept[drawn]]])  # for classes that were not drawn
        return taking(order, codes, balanced=False)(total)

    return marked
