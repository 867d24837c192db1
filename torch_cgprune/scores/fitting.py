"""Fit the posterior of leave-one-out outputs to the labels that are given."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.scores.posterior import TINY, Posterior
from torch_cgprune.scores.transition import off, shrunk, stacked, uniform

# The likelihood has several maxima: temperatures and noise rates to start from.
_TEMPERATURES, _RATES = (0.01, 0.05, 0.15, 0.4), (0.1, 0.5)
# Examples and outputs to look for the best start on, and to fit from there.
_COARSE, _FINE = (3_000, 2**19), (10_000, 2**22)
_COARSE_STEPS, _FINE_STEPS = 12, 40
# Of the sample. Not 0: who spoils labels for a trial draws them so, and they would be the sample.
_SAMPLE_SEED = 0x5A3D_17E9
# Examples of every class that a sample has at least, if there are so many.
_OF_EACH = 5


def fit_posterior(outputs: Tensor, codes: Tensor, n: int | None = None) -> Posterior:
    """Fit temperature, bias and transition to the given labels, each left out.

    The marginal likelihood of the labels rises by turns of expectation maximisation (T) and of
    L-BFGS (temperature and bias), on a sample if there are many examples. The likeliest of several
    starts is taken.

    Args:
        outputs: (m, k) of one-hot targets, k at least 2.
        codes: (m,) int64 given classes.
        n: examples that these m stand for; None for m.

    References:
        Patrini, Rozza, Menon, Nock, Qu (CVPR 2017), for such a transition of labels.

    """
    total, k = len(codes) if n is None else n, outputs.shape[1]
    coarse, fine = (_sample(codes, k, *limits) for limits in (_COARSE, _FINE))
    starts = [_Fit.begin(t, rate, k) for rate in _RATES for t in _TEMPERATURES]
    tried = [_climb(outputs[coarse], codes[coarse], s, _COARSE_STEPS, 1e-4, total) for s in starts]
    tried.sort(key=lambda fit: fit.loss)
    # Two, where that costs little: the best on few examples need not be the best on more.
    best = tried[: 2 if len(fine) * k <= 2**18 else 1]
    ended = [_climb(outputs[fine], codes[fine], s, _FINE_STEPS, 1e-5, total) for s in best]
    fit = min(ended, key=lambda fit: fit.loss)
    return _described(fit, outputs[fine], codes[fine], total)


class _Fit(NamedTuple):
    """Where the fit is: the parameters, the transition, and the loss there, in nats a label."""

    log_temperature: Tensor
    bias: Tensor
    transition: Tensor
    joint: Tensor
    loss: float = math.inf

    @staticmethod
    def begin(temperature: float, rate: float, k: int) -> _Fit:
        rates = torch.full((k,), rate * (k - 1) / k, dtype=torch.float64)
        transition = stacked(rates, uniform(k))
        log = torch.tensor(math.log(temperature), dtype=torch.float64)
        return _Fit(log, torch.zeros(k, dtype=torch.float64), transition, transition / k)


def _climb(outputs: Tensor, codes: Tensor, fit: _Fit, steps: int, least: float, n: int) -> _Fit:
    """Maximise by turns, until a turn gains less than ``least`` nats a label."""
    for _ in range(steps):
        before, fit = fit, _turn(outputs, codes, fit, n)
        if before.loss - fit.loss < least:
            break
    return fit


def _turn(outputs: Tensor, codes: Tensor, fit: _Fit, n: int) -> _Fit:
    m, k = outputs.shape
    log = fit.log_temperature.clone().requires_grad_()
    bias = fit.bias.clone().requires_grad_()
    kept = fit.transition[:, codes].T
    log_kept = kept.clamp(min=TINY).log()
    present = codes.bincount(minlength=k) > 0
    # A class of which the sample has nothing to say keeps the bias of the others.
    held = min(1.0, k * k / m) / (2 * m)

    def logits() -> Tensor:
        centred = bias - bias[present].mean()
        return (outputs + centred.where(present, torch.zeros_like(bias))) / log.exp()

    def loss() -> Tensor:
        optimiser.zero_grad()
        likelihoods = torch.logsumexp(torch.log_softmax(logits(), 1) + log_kept, 1)
        spread = (((bias - bias.mean()) / log.exp()) ** 2).sum()
        found: Tensor = held * spread - likelihoods.mean()
        found.backward()
        return found

    optimiser = torch.optim.LBFGS([log, bias], max_iter=10, line_search_fn="strong_wolfe")
    with torch.enable_grad():
        optimiser.step(loss)
    with torch.no_grad():
        probs = torch.softmax(logits(), 1) * kept
        mass = probs.sum(1, keepdim=True).clamp(min=TINY)
        joint = torch.zeros(k, k, dtype=torch.float64).index_add_(1, codes, (probs / mass).T) / m
        transition = stacked(*shrunk(off(joint) * n, joint.sum(1) * n))
        centred = bias - bias[present].mean()
        return _Fit(
            log.detach(),
            centred.where(present, torch.zeros_like(centred)).detach(),
            transition,
            joint,
            float(-mass.log().mean()),
        )


def _described(fit: _Fit, outputs: Tensor, codes: Tensor, n: int) -> Posterior:
    """Return the posterior, with what tells noise from natural confusion."""
    k = len(fit.bias)
    temperature = float(fit.log_temperature.exp())
    probs = torch.softmax((outputs + fit.bias) / temperature, 1)
    kept = probs * fit.transition[:, codes].T
    shares = kept / kept.sum(1, keepdim=True).clamp(min=TINY)
    confused = (shares.T @ probs).fill_diagonal_(torch.inf)
    least = confused.argsort(1)[:, : max(1, (k - 1) // 3)]
    return Posterior(
        temperature=temperature,
        bias=fit.bias,
        joint=fit.joint,
        background=fit.joint.gather(1, least).mean(1),
        certainty=float(probs.max(1).values.mean()),
        gain=n * (_entropy(codes) - fit.loss),
        examples=n,
    )


def _entropy(codes: Tensor) -> float:
    """Return the loss, in nats a label, of who knows the class shares alone."""
    shares = codes.bincount().double() / len(codes)
    return float(torch.special.entr(shares).sum())


def _sample(codes: Tensor, k: int, most: int, numbers: int) -> Tensor:
    """Return indices of as many examples as may be, at random, with some of every class."""
    n = len(codes)
    size = min(n, most, max(numbers // k, 1000))
    if size == n:
        return torch.arange(n)
    drawn = torch.from_numpy(np.random.default_rng(_SAMPLE_SEED).permutation(n))
    by_class = drawn[codes[drawn].argsort(stable=True)]
    counts = codes.bincount()
    place = torch.arange(n) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    chosen: Tensor = torch.cat([drawn[:size], by_class[place < _OF_EACH]]).unique()
    return chosen
