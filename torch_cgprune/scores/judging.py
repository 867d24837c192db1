"""Decisions from a posterior: how likely each label is wrong, and what it should be."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from torch_cgprune.scores.fitting import fit_posterior
from torch_cgprune.scores.posterior import Outputs, Posterior, with_labels

# A label is called wrong from a probability on that lies between these.
_THRESHOLDS = (0.2, 0.5)
# What is left of the probabilities that a label is wrong, where the posterior is not credible: the
# order. By outputs that predict worse than chance, most labels would be.
_NOT_BELIEVED = 0.01


class Judgement(NamedTuple):
    """What the posterior says of n labels.

    Attributes:
        wrong: (n,) float64 probability that the given label is wrong.
        suggested: (n,) int64 the likeliest other class, by the other examples.
        doubted: (n,) bool, whether that class is likelier than the given one, by a posterior
            that is credible.
        threshold: of ``wrong``, above which a label is called wrong.
        posterior: that says so.

    """

    wrong: Tensor
    suggested: Tensor
    doubted: Tensor
    threshold: float
    posterior: Posterior

    @property
    def evidence(self) -> Tensor:
        """(n,) float64, positive where a label is called wrong, larger where more likely so."""
        above = self.wrong - self.threshold
        # Below 0, and still in order.
        return above.where(self.doubted, above.clamp(max=0) - 1e-9 * (2 - self.wrong))


class Verdicts(NamedTuple):
    """``wrong``, ``suggested`` and ``doubted`` of a :class:`Judgement`, for some examples."""

    wrong: Tensor
    suggested: Tensor
    doubted: Tensor


def judge(loo: Tensor, codes: Tensor, priors: Tensor, *, progress: bool = False) -> Judgement:
    """Return what the posterior of (n, k) prior-centred outputs says of (n,) given classes.

    The fit shows a progress bar, if asked for.
    """
    n, k = loo.shape
    if k == 1:
        nothing = torch.zeros(n, dtype=torch.float64)
        posterior = Posterior(
            temperature=1.0,
            bias=torch.zeros(1, dtype=torch.float64),
            joint=torch.ones(1, 1, dtype=torch.float64),
            background=torch.zeros(1, dtype=torch.float64),
            certainty=1.0,
            gain=0.0,
            agreement=0.0,
            examples=n,
        )
        return Judgement(nothing, codes.clone(), nothing > 0, _THRESHOLDS[1], posterior)
    outputs = Outputs(loo, codes, priors, n)
    posterior = fit_posterior(outputs, progress=progress)
    return concluded(verdicts(posterior, outputs), posterior)


def concluded(found: Verdicts, posterior: Posterior) -> Judgement:
    """Return the judgement of all examples, from what the posterior says of each."""
    return Judgement(*found, _threshold(found.wrong), posterior)


def verdicts(posterior: Posterior, outputs: Outputs) -> Verdicts:
    """Return what a posterior says of some examples, by their outputs and given classes."""
    kept = posterior.transition.T.contiguous()
    parts = [
        _verdicts(posterior, outputs[rows], outputs.codes[rows], kept) for rows in outputs.parts()
    ]
    return Verdicts(*map(torch.cat, zip(*parts, strict=True)))


def _verdicts(posterior: Posterior, outputs: Tensor, codes: Tensor, kept: Tensor) -> Verdicts:
    probs = posterior.probabilities(outputs)
    own = probs.gather(1, codes[:, None]).squeeze(1)
    best, suggested = probs.scatter(1, codes[:, None], -1.0).max(1)
    shares, _ = with_labels(probs, kept[codes])
    wrong = 1 - shares.gather(1, codes[:, None]).squeeze(1)
    believed = 1.0 if posterior.credible else _NOT_BELIEVED
    return Verdicts(believed * wrong.clamp(0, 1), suggested, (best > own) & posterior.credible)


def _threshold(wrong: Tensor) -> float:
    """Return half of the highest F1 that (n,) probabilities promise, between 0.2 and 0.5.

    References:
        Lipton, Elkan, Naryanaswamy (ECML 2014), "Optimal thresholding of classifiers to maximize F1
        measure": the best threshold of calibrated probabilities is half of the F1 it reaches.

    """
    falling = wrong.sort(descending=True).values
    examined, expected = torch.arange(1, len(wrong) + 1, dtype=torch.float64), falling.sum()
    found = falling.cumsum_(0)  # in place, as what follows: wrong labels of so many examined
    promised = found.div_(examined.add_(expected))  # half of F1
    low, high = _THRESHOLDS
    return min(max(float(promised.max()), low), high)
