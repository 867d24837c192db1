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
    ranking, codes = _ranked(values, labels, descending=True)
    return _take(ranking, codes, _total("low_first", keep, codes), balanced=balanced)


def high_first(values: Any, labels: Labels, keep: float, *, balanced: bool = True) -> Tensor:
    """Drop the highest-scoring (most irregular) examples first.

    Arguments, result, errors and source are those of :func:`low_first`.

    Example:
        >>> high_first([3.0, 1.0, 2.0, 5.0], ["a", "a", "b", "b"], keep=0.5)
        tensor([1, 2])

    """
    ranking, codes = _ranked(values, labels)
    return _take(ranking, codes, _total("high_first", keep, codes), balanced=balanced)


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
    rng = np.random.default_rng(check_integer("seed", "random", seed, minimum=0))
    order = torch.from_numpy(rng.permutation(len(codes)))
    return _take(order, codes, _total("random", keep, codes), balanced=balanced)


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
    start = check_real("start", "window", start, "[0, 1)")
    width = check_real("width", "window", width, "(0, 1]")
    if start + width > 1 + 1e-9:
        raise ValueError(
            f"The 'start' and 'width' parameters of window must add up to 1 at most. "
            f"Got {start} + {width} instead."
        )
    ranking, codes = _ranked(values, labels)
    total = _total("window", width, codes)
    if balanced:
        counts = codes.bincount()
        sizes, places, groups = _quotas(counts, total), _places(ranking, codes), codes[ranking]
    else:
        counts, sizes = (
            torch.tensor([len(codes)], device="cpu"),
            torch.tensor([total], device="cpu"),
        )
        places, groups = torch.arange(len(codes), device="cpu"), torch.zeros_like(codes)
    first = torch.minimum((start * counts).round().long(), counts - sizes)
    twice_from_centre = (2 * places - (2 * first + sizes - 1)[groups]).abs()
    nearest = ranking[twice_from_centre.argsort(stable=True)]
    return _take(nearest, codes, total, balanced=balanced)


def noise_filter(suspicion: Any, labels: Labels, *, balanced: bool = False) -> Tensor:
    """Drop the examples whose label looks wrong.

    Args:
        suspicion: (n,) finite numbers, positive where the label looks wrong, as
            :attr:`CGScores.suspicion` gives them.
        labels: n integers or strings.
        balanced: False drops exactly the suspects (a class of suspects alone keeps its least
            suspicious example). True drops as many in all, the most suspicious of every class in
            proportion to its size, so that class proportions stay.

    Returns:
        (m,) int64 sorted indices.

    Raises:
        TypeError, ValueError: numbers that are not finite or not one per label.

    References:
        Ki, Choi, Chung (ICLR 2023), App. B and Table 2, for the sign of the partial score.

    Example:
        >>> noise_filter([-1.0, 2.0, -3.0, -0.5], [0, 0, 1, 1])
        tensor([0, 2, 3])

    """
    ranking, codes = _ranked(suspicion, labels)
    clean = _numbers(suspicion)[ranking] <= 0
    if balanced:
        return _take(ranking, codes, max(int(clean.sum()), int(codes.max()) + 1), balanced=True)
    return ranking[clean | (_places(ranking, codes) == 0)].sort().values


def _ranked(values: Any, labels: Labels, *, descending: bool = False) -> tuple[Tensor, Tensor]:
    """Return all indices ordered by value, ties by index, and the class codes."""
    codes, _ = encode_labels(labels)
    numbers = _numbers(values)
    if numbers.shape != codes.shape:
        raise ValueError(
            f"The scores must be one per label. Got shape {tuple(numbers.shape)} for {len(codes)} "
            "labels instead."
        )
    if not torch.isfinite(numbers).all():
        i = int((~torch.isfinite(numbers)).nonzero()[0])
        raise ValueError(f"The scores must be finite. Got {float(numbers[i])} for example {i}.")
    return numbers.argsort(descending=descending, stable=True), codes


def _numbers(values: Any) -> Tensor:
    if isinstance(values, np.ndarray):
        values = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    return torch.as_tensor(values, device="cpu").detach()


def _total(owner: str, keep: float, codes: Tensor) -> int:
    keep = check_real("width" if owner == "window" else "keep", owner, keep, "(0, 1]")
    return max(round(keep * len(codes)), int(codes.max()) + 1)


def _quotas(counts: Tensor, total: int) -> Tensor:
    """Split ``total`` over classes in proportion, by largest remainder, at least one each."""
    shares = total * counts
    quotas, remainders = shares // counts.sum(), shares % counts.sum()
    left = total - int(quotas.sum())
    quotas[remainders.argsort(descending=True, stable=True)[:left]] += 1
    for c in (quotas == 0).nonzero().flatten().tolist():
        quotas[quotas.argmax()] -= 1
        quotas[c] = 1
    return quotas


def _places(order: Tensor, codes: Tensor) -> Tensor:
    """Return for every entry of ``order`` how many of its class come before it."""
    classes = codes[order]
    by_class = classes.argsort(stable=True)
    counts = codes.bincount()
    places = torch.empty_like(order)
    places[by_class] = (
        torch.arange(len(order), device="cpu") - (counts.cumsum(0) - counts)[classes[by_class]]
    )
    return places


def _take(order: Tensor, codes: Tensor, total: int, *, balanced: bool) -> Tensor:
    """Take ``total`` indices from the front of ``order``: in every class its quota, or one."""
    places = _places(order, codes)
    if balanced:
        chosen = order[places < _quotas(codes.bincount(), total)[codes[order]]]
    else:
        first, others = order[places == 0], order[places > 0]
        chosen = torch.cat([first, others[: total - len(first)]])
    return chosen.sort().values
