"""Fit the posterior of leave-one-out outputs to the labels that are given."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.scores.posterior import TINY, Outputs, Posterior, with_labels
from torch_cgprune.scores.transition import off, shrunk, stacked, uniform
from torch_cgprune.utils.progress import progress_bar

# The likelihood has several maxima: temperatures and noise rates to start from.
_TEMPERATURES, _RATES = (0.01, 0.05, 0.15, 0.4), (0.1, 0.5)
# Examples and outputs to look for the best start on, and to fit from there.
_COARSE, _FINE = (3_000, 2**18), (10_000, 2**21)
# Turns of all starts, and of the better half of them.
_FIRST_TURNS, _COARSE_TURNS = 3, 9
# Turns from the best ones on more examples, all together of so many outputs; and nats a label and
# output that are no change: few outputs often leave it nearly open how much of them is noise.
_FEWEST_TURNS, _MOST_TURNS, _OUTPUTS, _STANDS = 6, 100, 4_000_000, 2e-11
# Of the sample. Not 0: who spoils labels for a trial draws them so, and they would be the sample.
_SAMPLE_SEED = 0x5A3D_17E9
# Examples of every class that the sample for the end has at least, if there are so many.
_OF_EACH = 2


def fit_posterior(outputs: Outputs, n: int | None = None, *, progress: bool = False) -> Posterior:
    """Fit temperature, bias and transition to the given labels, each left out.

    The marginal likelihood of the labels rises by turns of expectation maximisation (T) and of
    L-BFGS (temperature and bias), on a sample if there are many examples. The likeliest of several
    starts is taken.

    Args:
        outputs: of m examples and k classes, at least 2.
        n: examples that these m stand for; None for m.
        progress: show a progress bar, in examples, each counted as often as it is gone through.

    References:
        Patrini, Rozza, Menon, Nock, Qu (CVPR 2017), for such a transition of labels.

    """
    codes, k = outputs.codes, outputs.classes
    total = len(codes) if n is None else n
    coarse, fine = _sample(codes, k, *_COARSE), _sample(codes, k, *_FINE, of_each=_OF_EACH)

    tried = [_Fit.begin(t, rate, k) for rate in _RATES for t in _TEMPERATURES]
    half = len(tried) // 2
    # The best on few examples need not be the best on more.
    numbers = len(fine) * k
    turns = min(max(_OUTPUTS // numbers, _FEWEST_TURNS), _MOST_TURNS)
    best = 2 if turns > _FEWEST_TURNS else 1
    gone = len(coarse) * (len(tried) * _FIRST_TURNS + half * _COARSE_TURNS)
    with progress_bar(
        "Judging labels", gone + len(fine) * best * turns, "example", show=progress
    ) as bar:

        def climb(rows: Tensor, starts: list[_Fit], turns: int, least: float) -> list[_Fit]:
            part, given = outputs[rows], codes[rows]
            ended = [_climb(part, given, start, turns, least, total, bar) for start in starts]
            return sorted(ended, key=lambda fit: fit.loss)

        tried = climb(coarse, tried, _FIRST_TURNS, 1e-4)
        tried = climb(coarse, tried[:half], _COARSE_TURNS, 1e-4)
        fit, *_ = climb(fine, tried[:best], turns, _STANDS * numbers)
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


def _climb(
    outputs: Tensor, codes: Tensor, fit: _Fit, turns: int, least: float, n: int, bar: Any
) -> _Fit:
    """Take turns, until the loss changes by less than ``least`` nats a label, and tell the bar.

    It may rise: shrinking the transition is no part of it.
    """
    for left in reversed(range(turns)):
        before, fit = fit, _turn(outputs, codes, fit, n)
        if abs(before.loss - fit.loss) < least:
            bar.update((1 + left) * len(codes))
            break
        bar.update(len(codes))
    return fit


def _turn(outputs: Tensor, codes: Tensor, fit: _Fit, n: int) -> _Fit:
    """Improve temperature and bias by L-BFGS, then the transition by expectation maximisation."""
    m, k = outputs.shape
    log, bias = fit.log_temperature.clone(), fit.bias.clone()
    kept = fit.transition.T.contiguous()[codes]
    logits, probs = torch.empty(2, m, k, dtype=torch.float64)
    present = codes.bincount(minlength=k) > 0
    # A class of which the sample has nothing to say keeps the bias of the others.
    held = min(1.0, k * k / m) / (2 * m)

    def loss() -> float:
        scaled = bias / log.exp()
        # In place, as all that is of this size: new memory costs more than what is computed in it.
        torch.div(outputs, log.exp(), out=logits).add_(scaled)
        torch.softmax(logits, 1, out=probs)
        shares, likelihoods = with_labels(probs, kept)
        pull = probs.sub_(shares).div_(m)  # the gradient by the logits
        log.grad = -logits.mul_(pull).sum() - 2 * held * (scaled**2).sum()
        by_bias = (pull.sum(0) + 2 * held * scaled) / log.exp()
        # Biases of the classes that are present add up to 0, as they do at the start.
        bias.grad = (by_bias - by_bias[present].mean()) * present
        return float(held * (scaled**2).sum() - likelihoods.log().mean())

    optimiser = torch.optim.LBFGS([log, bias], max_iter=10, line_search_fn="strong_wolfe")
    with torch.no_grad():
        optimiser.step(loss)
        torch.softmax(torch.add(outputs, bias, out=logits).div_(log.exp()), 1, out=probs)
        shares, likelihoods = with_labels(probs, kept)
        joint = torch.zeros(k, k, dtype=torch.float64).index_add_(1, codes, shares.T) / m
        transition = stacked(*shrunk(off(joint) * n, joint.sum(1) * n))
        return _Fit(log, bias, transition, joint, float(-likelihoods.log().mean()))


def _described(fit: _Fit, outputs: Tensor, codes: Tensor, n: int) -> Posterior:
    """Return the posterior, with what tells noise from natural confusion."""
    k = len(fit.bias)
    temperature = float(fit.log_temperature.exp())
    probs = torch.softmax((outputs + fit.bias) / temperature, 1)
    shares, _ = with_labels(probs, fit.transition.T.contiguous()[codes])
    top, likeliest = probs.max(1)
    hits = float((likeliest == codes).double().mean())
    chance = float(codes.bincount().max()) / len(codes)
    confused = (shares.T @ probs).fill_diagonal_(torch.inf)
    least = confused.argsort(dim=1, stable=True)[:, : max(1, (k - 1) // 3)]
    return Posterior(
        temperature=temperature,
        bias=fit.bias,
        joint=fit.joint,
        background=fit.joint.gather(1, least).mean(1),
        certainty=float(top.mean()),
        gain=n * (_entropy(codes) - fit.loss),
        agreement=(hits - chance) / math.sqrt(max(chance * (1 - chance), TINY) / len(codes)),
        examples=n,
    )


def _entropy(codes: Tensor) -> float:
    """Return the loss, in nats a label, of who knows the class shares alone."""
    shares = codes.bincount().double() / len(codes)
    return float(torch.special.entr(shares).sum())


def _sample(codes: Tensor, k: int, most: int, numbers: int, of_each: int = 0) -> Tensor:
    """Return indices of as many examples as may be, at random, and ``of_each`` of every class."""
    n = len(codes)
    size = min(n, most, max(numbers // k, 500))
    if size == n:
        return torch.arange(n)
    drawn = torch.from_numpy(np.random.default_rng(_SAMPLE_SEED).permutation(n))
    by_class = drawn[codes[drawn].argsort(stable=True)]
    counts = codes.bincount()
    place = torch.arange(n) - (counts.cumsum(0) - counts)[codes[by_class]]
    chosen: Tensor = torch.cat([drawn[:size], by_class[place < of_each]]).unique()
    return chosen
