"""How well predicted probabilities agree with the labels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_BINS = 15


class Calibration(NamedTuple):
    """How the predicted probabilities of the given labels, each left out, agree with them.

    Attributes:
        temperature: of the posterior, in units of the leave-one-out predictions.
        log_loss: mean negative log-likelihood of the given labels, in nats.
        accuracy: share of the examples whose most probable class is the given one.
        error: expected calibration error, between 0 and 1: the mean difference between the highest
            probability and the accuracy, in 15 bins of equally many examples.

    """

    temperature: float
    log_loss: float
    accuracy: float
    error: float


def measure(probs: Tensor, codes: Tensor, temperature: float) -> Calibration:
    """Compare (n, k) probabilities with the (n,) given classes.

    References:
        Guo, Pleiss, Sun, Weinberger (ICML 2017), "On calibration of modern neural networks".

    """
    top, best = probs.max(1)
    right = (best == codes).double()
    own = probs.gather(1, codes[:, None]).clamp(min=torch.finfo(probs.dtype).tiny)
    bins = top.argsort(stable=True).tensor_split(min(_BINS, len(codes)))
    gaps = [len(b) * (top[b].mean() - right[b].mean()).abs() for b in bins]
    return Calibration(
        temperature=temperature,
        log_loss=float(-own.log().mean()),
        accuracy=float(right.mean()),
        error=float(sum(gaps)) / len(codes),
    )
