"""How many labels are wrong, estimated without knowing any that is right."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from torch_cgprune.scores import CGScores

# Anchors of a class: this share of as many examples as carry its label, and no fewer than these.
_SHARE, _FEWEST = 0.02, 20
# An estimate is told to people where every class has this many times as many examples.
_ENOUGH = 5
# Of expectation maximisation, for the classes' true shares.
_STEPS = 20
# The drift is that to this many times as many anchors.
_FARTHER = 4


class NoiseRate(NamedTuple):
    """An estimate of the share of wrong labels.

    Attributes:
        rate: of all labels.
        error: of the rate: the sampling error (one standard deviation), and how far the estimate
            moves when anchors are four times as many, added in quadrature.
        per_class: (k,) float64 the same share among the labels of each class.
        transition: (k, k) float64, ``[j, c]`` the share of the examples of class j labelled c.

    """

    rate: float
    error: float
    per_class: Tensor
    transition: Tensor

    def __str__(self) -> str:
        return f"{self.rate:.1%} ± {self.error:.1%}"


def can_estimate(scores: CGScores) -> bool:
    """Return whether there are predictions of all classes, and anchors are few of each class."""
    counts = scores.labels.bincount()
    return scores.loo is not None and len(counts) > 1 and int(counts.min()) >= _ENOUGH * _FEWEST


def estimate_noise_rate(scores: CGScores) -> NoiseRate:
    """Estimate the share of wrong labels from anchors, examples that are surely of one class.

    The anchors of a class are those for which the others predict it most strongly. Since an
    example's leave-one-out prediction does not know its label, the labels of the anchors are a fair
    sample of what becomes of that class. Where classes overlap so much that even anchors are
    mixed, the estimate is too high, and moves with their number, which ``error`` tells.

    Args:
        scores: of a method that predicts all classes (exact, local).

    Raises:
        ValueError: the predictions of all classes are not there.

    References:
        Patrini, Rozza, Menon, Nock, Qu (CVPR 2017), "Making deep neural networks robust to label
        noise: a loss correction approach", eq. 12 and 13.

    """
    loo = scores.needed("the noise rate", "loo")
    counts = scores.labels.bincount(minlength=loo.shape[1])
    transition, sizes = _transition(loo, scores.labels, counts, 1)
    farther, _ = _transition(loo, scores.labels, counts, _FARTHER)
    priors = scores.priors
    stay = transition.diagonal()
    rate, far = (float(1 - priors @ t.diagonal()) for t in (transition, farther))
    variance = float((priors**2 * stay * (1 - stay) / sizes).sum())
    return NoiseRate(
        rate=rate,
        error=(variance + (far - rate) ** 2) ** 0.5,
        per_class=_among_labels(transition, priors),
        transition=transition,
    )


def _transition(loo: Tensor, codes: Tensor, counts: Tensor, times: int) -> tuple[Tensor, Tensor]:
    """Return (k, k) shares of the labels among each class's anchors, and (k,) their number."""
    k = len(counts)
    sizes = (times * _SHARE * counts).long().clamp(min=times * _FEWEST).clamp(max=len(codes))
    rows = [
        codes[loo[:, c].topk(size).indices].bincount(minlength=k).double() / size
        for c, size in enumerate(sizes.tolist())
    ]
    return torch.stack(rows), sizes


def _among_labels(transition: Tensor, priors: Tensor) -> Tensor:
    """Return (k,) the share of wrong ones among the labels of each class, by Bayes' rule.

    The classes' true shares, which the transition turns into those of the labels, are found by
    expectation maximisation from the labels' own: few steps, since where anchors are few or much
    is noise the exact solution is wild.
    """
    true = priors
    for _ in range(_STEPS):
        true = true * (transition @ (priors / (true @ transition).clamp(min=1e-300)))
    joint = true[:, None] * transition
    return 1 - joint.diagonal() / joint.sum(0).clamp(min=1e-300)
