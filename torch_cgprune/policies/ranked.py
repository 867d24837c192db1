"""Policies that sort the scores, and the filter that sorts the evidence against labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.inputs.labels import Labels
from torch_cgprune.policies.quotas import (
    checked,
    checked_window,
    downwards,
    foremost,
    groups_of,
    lowest,
    places,
    take,
    total_kept,
)
from torch_cgprune.utils.checks import check_real


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
    total = total_kept("low_first", keep, codes)
    return lowest(downwards(scores), codes, total, balanced=balanced)


def high_first(values: Any, labels: Labels, keep: float, *, balanced: bool = True) -> Tensor:
    """Drop the highest-scoring (most irregular) examples first.

    Arguments, result, errors and source are those of :func:`low_first`.

    Example:
        >>> high_first([3.0, 1.0, 2.0, 5.0], ["a", "a", "b", "b"], keep=0.5)
        tensor([1, 2])

    """
    scores, codes = checked(values, labels)
    return lowest(scores, codes, total_kept("high_first", keep, codes), balanced=balanced)


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
    kept = windows(scores, codes, balanced=balanced)
    return kept(start, total_kept("window", width, codes, name="width")).nonzero().flatten()


def windows(scores: Tensor, codes: Tensor, *, balanced: bool) -> Callable[[float, int], Tensor]:
    """Return what marks, as (n,) bool, the window of any start and number of examples."""
    ranking, place = scores.argsort(stable=True), torch.empty_like(codes)
    place[ranking] = places(ranking, codes) if balanced else torch.arange(len(codes), device="cpu")

    def marked(start: float, total: int) -> Tensor:
        groups, counts, sizes = groups_of(codes, total, balanced=balanced)
        first = torch.minimum((start * counts.double()).round().long(), counts - sizes)
        if balanced:
            return (place >= first[groups]) & (place < (first + sizes)[groups])
        return foremost(_from_the_middle(place, 2 * int(first) + total - 1), codes, total)

    return marked


def _from_the_middle(place: Tensor, centre: int) -> Tensor:
    """Return the places in the order of the distance of ``2 * place`` from a centre.

    Of two at the same distance the lower comes first. So before an example are those between it and
    its mirror image, and of a higher one the mirror image too, as far as there are any.
    """
    mirrored = centre - place
    above = place - mirrored.clamp(min=0)
    below = mirrored.clamp(max=len(place)) - place - 1
    return torch.where(place > mirrored, above, below.clamp(min=0))


def noise_filter(
    evidence: Any, labels: Labels, *, fraction: float | None = None, balanced: bool = False
) -> Tensor:
    """Drop the examples whose label looks wrong.

    Args:
        evidence: (n,) finite numbers, larger where the label looks more wrong and positive where a
            rule says that it is, as :func:`torch_cgprune.noise.evidence` gives them.
        labels: n integers or strings.
        fraction: share of the examples to drop, in (0, 1), whatever the rule says; None drops those
            with positive evidence.
        balanced: False drops the worst of all. True drops as many in all, the worst of every class
            in proportion to its size, so that class proportions stay.

    Returns:
        (m,) int64 sorted indices; the least suspicious example of every class is among them.

    Raises:
        TypeError, ValueError: numbers that are not finite or not one per label.

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
    kept = torch.zeros(len(codes), dtype=torch.bool, device="cpu")
    kept[ranking[:clean]] = True
    kept[ranking[places(ranking, codes) == 0]] = True
    return kept.nonzero().flatten()
