"""Leave-one-out predictions as class probabilities, and how well these are calibrated."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# Temperatures between which the fit looks; beyond, probabilities are the priors, or 0 and 1.
_COLDEST, _HOTTEST = 1e-4, 1e4
_STEPS = 40
# Numbers to fit it to: of more predictions, evenly spaced rows.
_FITTED_TO = 2**24
_BINS = 15


class Calibration(NamedTuple):
    """How :meth:`CGScores.pred_probs` agree with the given labels, each left out.

    Attributes:
        temperature: fitted, in units of the leave-one-out predictions.
        log_loss: mean negative log-likelihood of the given labels, in nats.
        accuracy: share of the examples whose most probable class is the given one.
        error: expected calibration error, between 0 and 1: the mean difference between the highest
            probability and the accuracy, in 15 bins of equally many examples.

    """

    temperature: float
    log_loss: float
    accuracy: float
    error: float


def fit_temperature(loo: Tensor, codes: Tensor, priors: Tensor) -> float:
    r"""Return the temperature at which the probabilities of the given labels are likeliest.

    The likelihood of a label is leave-one-out, since its own prediction does not know it. Its
    logarithm is concave in :math:`1 / T`, so that the sign of its derivative leads there.

    Args:
        loo: (n, k) prior-centred predictions.
        codes: (n,) int64 given classes.
        priors: (k,) class shares.

    """
    rows = slice(None, None, -(-loo.numel() // _FITTED_TO))
    loo, codes = loo[rows], codes[rows]
    own = loo.gather(1, codes[:, None]).squeeze(1).double().mean()
    low, high = _COLDEST, _HOTTEST
    for _ in range(_STEPS):
        middle = (low * high) ** 0.5
        expected = (probabilities(loo, priors, middle) * loo).sum(1).mean()
        low, high = (middle, high) if expected > own else (low, middle)
    return float((low * high) ** 0.5)


def probabilities(loo: Tensor, priors: Tensor, temperature: float) -> Tensor:
    r"""Return the (n, k) float64 softmax of ``loo / temperature``, weighted by the class shares.

    .. math:: P_{ic} \propto p_c \exp(\mu_{ic} / T)

    Where nothing is known of an example (:math:`\mu_i = 0`), these are the shares :math:`p`.
    """
    return torch.softmax(loo.double() / temperature + priors.log(), dim=1)


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
