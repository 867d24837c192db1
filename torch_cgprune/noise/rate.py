"""How many labels are wrong, estimated without knowing any that is right."""

from __future__ import annotations

import logging
from typing import NamedTuple

import torch
from torch import Tensor

from torch_cgprune.scores import CGScores

_log = logging.getLogger(__name__)

# Examples that the smallest class must have, and how far leave-one-out predictions must be from
# chance, as a share of the way to no error.
_FEWEST, _ABOVE_CHANCE = 20, 0.1
# No estimate is surer than this: natural confusion is told from noise by a rule of thumb.
_SUREST = 0.01
# Of the rate, its error from the examples of a class: as if they were so many times fewer.
_FEWER = 10.0
# An estimate whose error exceeds it says something only if the error is below this.
_SMALL = 0.05


class NoiseRate(NamedTuple):
    """An estimate of the share of wrong labels.

    Attributes:
        rate: of all labels.
        error: of the rate: how much of the labels' disagreement with the predictions might be noise
            or natural confusion, the sampling error of all labels and of a class's, and 1 %, added
            in quadrature.
        per_class: (k,) float64 the same share among the labels of each class.
        transition: (k, k) float64, ``[j, c]`` the share of the examples of class j labelled c.

    """

    rate: float
    error: float
    per_class: Tensor
    transition: Tensor

    def __str__(self) -> str:
        return f"{self.rate:.1%} ± {self.error:.1%}"


def estimate_noise_rate(scores: CGScores) -> NoiseRate | None:
    """Estimate the share of wrong labels, or say nothing where it would not be reliable.

    The posterior that the scores are judged by knows how often a class carries which label; what
    of it is noise and what natural confusion, says
    :attr:`~torch_cgprune.scores.posterior.Posterior.noise`.

    Args:
        scores: of a method that predicts all classes (exact, local).

    Returns:
        None, and the reason in the log, where a class has fewer than 20 examples, the predictions
        are hardly better than chance, or the error is as large as the rate, and above 5 %.

    Raises:
        ValueError: the predictions of all classes are not there.

    """
    rate = rates(scores)
    why = _unreliable(scores, rate)
    if why is not None:
        _log.info("no estimate of the share of wrong labels: %s", why)
        return None
    return rate


def rates(scores: CGScores) -> NoiseRate:
    """Estimate the share of wrong labels, however unreliable; see :func:`estimate_noise_rate`."""
    posterior = scores.posterior("the noise rate")
    joint, noise, n = posterior.joint, posterior.noise, posterior.examples
    rate = float(noise.sum())
    undecided = posterior.fitted_rate - rate
    sampling = rate * (1 - rate) / n + rate**2 * _FEWER * len(joint) / n
    kept = torch.diag(joint.sum(1) - noise.sum(1)) + noise
    given = kept.sum(0).clamp(min=1e-300)
    return NoiseRate(
        rate=rate,
        error=(undecided**2 + sampling + _SUREST**2) ** 0.5,
        per_class=noise.sum(0) / given,
        transition=kept / kept.sum(1, keepdim=True).clamp(min=1e-300),
    )


def _unreliable(scores: CGScores, rate: NoiseRate) -> str | None:
    """Return why an estimate is not to be relied on."""
    if len(scores.classes) == 1:
        return "there is one class alone"
    fewest = int(scores.labels.bincount().min())
    if fewest < _FEWEST:
        return f"the smallest class has {fewest} examples, and {_FEWEST} are needed"
    posterior = scores.posterior("the noise rate")
    if not posterior.credible or posterior.gain <= posterior.cost or _near_chance(scores):
        return "the labels are predicted hardly better than by the shares of the classes"
    if rate.error > max(rate.rate, _SMALL):
        return f"it would be {rate}: wrong labels cannot be told from classes that look alike"
    return None


def _near_chance(scores: CGScores) -> bool:
    """Return whether the likeliest label is seldom the given one; False where nobody knows."""
    if scores.loo is None:
        return False
    chance = float((scores.priors**2).sum())
    return scores.calibration.accuracy - chance < _ABOVE_CHANCE * (1 - chance)
