"""Which examples to keep: pure functions from scores and labels to sorted indices.

Every policy keeps an exact number of examples, breaks ties by the lower index, and keeps at least
one example of every class. ``balanced=True`` applies the rule inside every class, so that class
proportions stay; numbers per class are rounded by largest remainder.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.errors import check_integer, check_real
from torch_cgprune.labels import Labels, encode_labels
from torch_cgprune.quotas import (
    check_none_empty,
    checked,
    checked_window,
    from_strata,
    groups_of,
    places,
    shares_below,
    take,
    total_kept,
)
from torch_cgprune.seeds import stream


def low_first(values: Any, labels: Labels, keep: float, *, balanced: bool = True) -> Tensor:
    """Drop the lowest-scoring (most regular) examples first.

    Args:
        values: (n,) finite scores.
        labels: n integers or strings.
        keep: share of the examples to keep, in (0, 1].
        balanced: inside every class, or over all examples.

    Returns:
        (m,) int64 sorted indices, ``m = max(round(keep n), k)``.

    Raises:
        TypeError, ValueError: scores that are not finite or not one per label, or a bad ``keep``.

    References:
        Ki, Choi, Chung (ICLR 2023), sec. 4.1.

    Example:
        >>> low_first([3.0, 1.0, 2.0, 5.0], ["a", "a", "b", "b"], keep=0.5)
        tensor([0, 3])

    """
    scores, codes = checked(values, labels)
    hardest_first = scores.argsort(descending=True, stable=True)
    return take(hardest_first, codes, total_kept("low_first", keep, codes), balanced=balanced)


def high_first(values: Any, labels: Labels, keep: float, *, balanced: bool = True) -> Tensor:
    """Drop the highest-scoring (most irregular) examples first.

    Arguments, result, errors and source are those of :func:`low_first`.

    Example:
        >>> high_first([3.0, 1.0, 2.0, 5.0], ["a", "a", "b", "b"], keep=0.5)
        tensor([1, 2])

    """
    scores, codes = checked(values, labels)
    easiest_first = scores.argsort(stable=True)
    return take(easiest_first, codes, total_kept("high_first", keep, codes), balanced=balanced)


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


def window(
    values: Any, labels: Labels, start: float, width: float, *, balanced: bool = True
) -> Tensor:
    """Keep a window of the examples sorted by ascending score.

    Args:
        values: (n,) finite scores.
        labels: n integers or strings.
        start: share of the examples below the window, in [0, 1).
        width: share of the examples in the window, in (0, 1]; ``start + width`` is at most 1.
        balanced: a window inside every class, or one over all examples.

    Returns:
        (m,) int64 sorted indices, ``m = max(round(width n), k)``. The window over all examples
        gives up what is furthest from it for a class that it misses.

    Raises:
        TypeError, ValueError: scores that are not finite or not one per label; a bad window.

    References:
        Ki, Choi, Chung (ICLR 2023), sec. 4.1 (window experiment).

    Example:
        >>> window([0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0], start=0.25, width=0.5)
        tensor([1, 2])

    """
    start, width = checked_window("window", start, width)
    scores, codes = checked(values, labels)
    ranking = scores.argsort(stable=True)
    total = total_kept("window", width, codes, name="width")
    groups, counts, sizes = groups_of(codes, total, balanced=balanced)
    first = torch.minimum((start * counts.double()).round().long(), counts - sizes)
    centre = (2 * first + sizes - 1)[groups[ranking]]
    nearest = ranking[(2 * places(ranking, groups) - centre).abs().argsort(stable=True)]
    return take(nearest, codes, total, balanced=balanced)


def noise_filter(
    evidence: Any, labels: Labels, *, fraction: float | None = None, balanced: bool = False
) -> Tensor:
    """Drop the examples whose label looks wrong.

    Args:
        evidence: (n,) finite numbers, larger where the label looks more wrong and positive where a
            rule says that it is, as :func:`torch_cgprune.rules.evidence` gives them.
        labels: n integers or strings.
        fraction: share of the examples to drop, in (0, 1), whatever the rule says; None drops those
            with positive evidence.
        balanced: False drops the worst of all. True drops as many in all, the worst of every class
            in proportion to its size, so that class proportions stay.

    Returns:
        (m,) int64 sorted indices.

    Raises:
        TypeError, ValueError: numbers that are not finite or not one per label; a class of which
            nothing would be left.

    References:
        Ki, Choi, Chung (ICLR 2023), App. B and Table 2, for the sign of the partial score.

    Example:
        >>> noise_filter([-1.0, 2.0, -3.0, -0.5], [0, 0, 1, 1])
        tensor([0, 2, 3])

    """
    suspicions, codes = checked(evidence, labels)
    ranking = suspicions.argsort(stable=True)
    clean = int((suspicions <= 0).sum())
    if fraction is not None:
        share = check_real("fraction", "noise_filter", fraction, "(0, 1)")
        clean = len(codes) - round(share * len(codes))
    if balanced:
        return take(ranking, codes, max(clean, int(codes.max()) + 1), balanced=True)
    kept = ranking[:clean].sort().values
    check_none_empty("noise_filter", codes, kept, labels)
    return kept


def stratified(
    values: Any,
    labels: Labels,
    keep: float,
    *,
    cut: float = 0.1,
    strata: int = 50,
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
        [[2, 3], [4, 7], [3, 6]]

    """
    scores, codes = checked(values, labels)
    total = total_kept("soft", keep, codes)
    groups, sizes, _ = groups_of(codes, total, balanced=balanced)
    epoch = check_integer("epoch", "soft", epoch, minimum=0)
    times = torch.from_numpy(_generator("soft", seed, epoch).exponential(size=len(codes)))
    drawn = (times / shares_below(scores, groups, sizes)).argsort(stable=True)
    return take(drawn, codes, total, balanced=balanced)


def _generator(owner: str, seed: int, *more: int) -> np.random.Generator:
    seed = check_integer("seed", owner, seed, minimum=0)
    return np.random.default_rng(stream(seed, *more))
