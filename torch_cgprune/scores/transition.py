"""How classes become labels: rates of wrong labels and their patterns, from counts of examples."""

from __future__ import annotations

import torch
from torch import Tensor

# Pseudo-examples that draw a class's rate of wrong labels to that of all, and their pattern to the
# uniform one, at most: with fewer, hard examples are called noise, with more, one-sided noise is
# missed. They are no more than a share of the mean class.
_RATE_PRIOR, _PATTERN_PRIOR, _OF_A_CLASS = 500.0, 100.0, 0.5
# Of the rate at which labels say nothing, the share that a fit reaches at most: beyond, two classes
# are explained as well by calling most labels wrong.
_HIGHEST_RATE = 0.9


def shrunk(wrong: Tensor, of_class: Tensor) -> tuple[Tensor, Tensor]:
    """Return (k,) rates of wrong labels and (k, k) their pattern, drawn to what is common to all.

    Args:
        wrong: (k, k) float64 examples of a class (row) that are labelled otherwise.
        of_class: (k,) float64 examples of each class.

    """
    k = len(of_class)
    common = max(float(wrong.sum() / of_class.sum()), 1e-4)
    part = min(1.0, _OF_A_CLASS * float(of_class.sum()) / k / _RATE_PRIOR)
    prior, pattern_prior = part * _RATE_PRIOR, part * _PATTERN_PRIOR
    rates = (wrong.sum(1) + prior * common) / (of_class + prior)
    patterns = wrong + pattern_prior * common * uniform(k)
    highest = _HIGHEST_RATE * (k - 1) / k
    return rates.clamp(max=highest), patterns / patterns.sum(1, keepdim=True)


def stacked(rates: Tensor, patterns: Tensor) -> Tensor:
    """Return the (k, k) transition of these rates and patterns; its rows add up to 1."""
    return rates[:, None] * patterns + torch.diag(1 - rates)


def uniform(k: int) -> Tensor:
    """Return the (k, k) pattern that prefers no other class."""
    return (1 - torch.eye(k, dtype=torch.float64, device="cpu")) / (k - 1)


def off(counts: Tensor) -> Tensor:
    """Return (k, k) counts without their diagonal."""
    return counts - torch.diag(counts.diagonal())


def one_sided(counts: Tensor) -> float:
    """Return which share of the wrong labels goes one way more than the other, over chance."""
    wrong = off(counts)
    sides = (wrong - wrong.T).abs() - (wrong + wrong.T).sqrt()
    return float(sides.clamp(min=0).sum() / wrong.sum().clamp(min=1e-12))
