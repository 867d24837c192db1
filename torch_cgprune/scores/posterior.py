"""What leave-one-out outputs say of the true classes, and how often labels are wrong."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from torch_cgprune.scores.transition import off, one_sided, shrunk, stacked, uniform

# Share of the pattern that is taken for uniform, while at most as much as this of the noise is
# one-sided, and nothing of it from the second on: natural confusion looks like noise.
_UNIFORM, _ONE_SIDED = 0.9, (0.45, 0.6)
# Shares of wrong labels beyond which only outputs that predict the given labels are believed, by
# how many deviations of chance: where something and where nothing is gained by them. Up to there it
# may be the labels of a rare class that are noise, which no output has to tell.
_MANY, _MANY_OF_NOTHING, _BEYOND_CHANCE = 0.3, 0.2, 4.0

TINY = 1e-12
# Outputs that are in work at a time: 8 MB.
_AT_ONCE = 2**20


@dataclass(frozen=True)
class Posterior:
    r"""What is fitted to leave-one-out outputs :math:`f_{ij}`, those of one-hot targets.

    The true class has the probability :math:`P_{ij} \propto \exp((f_{ij} + b_j) / \tau)`; an
    example of class j carries the label g with probability :math:`T_{jg}`.

    Attributes:
        temperature: :math:`\tau`.
        bias: (k,) float64 :math:`b`: outputs of a rare class are shrunk.
        joint: (k, k) float64 share of the examples that are of class j (row) and labelled g.
        background: (k,) float64 share of the examples that are of class j and labelled as each of
            the classes that it is least confused with: noise, since nothing else would do that.
        certainty: mean over the examples of the highest :math:`P_{ij}`.
        gain: nats by which the labels of all examples are likelier than by the class shares alone.
        agreement: how often the likeliest class is the given one, less how often the most frequent
            class is, in standard deviations of the latter.
        examples: how many there are.

    """

    temperature: float
    bias: Tensor
    joint: Tensor
    background: Tensor
    certainty: float
    gain: float
    agreement: float
    examples: int

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return (n, k) float64 P, the class probabilities without the label, of (n, k) outputs."""
        return torch.softmax((outputs.double() + self.bias) / self.temperature, dim=1)

    @property
    def credible(self) -> bool:
        """Whether labels may be called wrong by it.

        To doubt many of them takes outputs that predict the labels better than the most frequent
        class does: what is predicted worse than that is explained best by calling all wrong.
        """
        doubted = max(self.fitted_rate, float(self.noise.sum()))
        many = _MANY if self.gain > self.cost else _MANY_OF_NOTHING
        return self.agreement > _BEYOND_CHANCE or doubted < many

    @property
    def cost(self) -> float:
        """Nats that the k parameters cost by the Bayesian information criterion."""
        return len(self.bias) * math.log(max(self.examples, 2)) / 2

    @property
    def fitted_rate(self) -> float:
        """Share of wrong labels as fitted, in which natural confusion counts as noise."""
        return float(1 - self.joint.trace())

    @functools.cached_property
    def noise(self) -> Tensor:
        """(k, k) float64 the part of ``joint`` off its diagonal that is noise.

        That is the background, and of the rest what exceeds the square of the mean uncertainty:
        on clean Fashion-MNIST and CIFAR-10, by pixels and by an encoder's features, natural
        confusion comes to about as much.
        """
        floor = off(self.background[:, None].expand_as(self.joint))
        rest = off((self.joint - floor).clamp(min=0))
        natural = (1 - self.certainty) ** 2
        return floor + rest * max(0.0, 1 - natural / max(float(rest.sum()), TINY))

    @functools.cached_property
    def transition(self) -> Tensor:
        """(k, k) float64 T for decisions: shrunk, its pattern the more uniform the less sided."""
        k = len(self.joint)
        of_class = self.joint.sum(1) * self.examples
        rates, patterns = shrunk(self.noise * self.examples, of_class)
        low, high = _ONE_SIDED
        sided = min(max((one_sided(self.joint * self.examples) - low) / (high - low), 0), 1)
        share = _UNIFORM * (1 - sided)
        return stacked(rates, (1 - share) * patterns + share * uniform(k))

    def all_probabilities(self, outputs: Outputs) -> Tensor:
        """Return the same of all outputs, with little memory beside the result."""
        probs = torch.empty(len(outputs), outputs.classes, dtype=torch.float64, device="cpu")
        for rows in outputs.parts():
            probs[rows] = self.probabilities(outputs[rows])
        return probs

    def predicted_(self, probs: Tensor) -> Tensor:
        """Turn (n, k) float64 probabilities of the classes into those of the *given* labels."""
        for part in probs.split(max(1, _AT_ONCE // len(self.joint))):
            part.copy_(part @ self.transition)
        return probs


def with_labels(probs: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Return (m, k) how probable every class is with the label, and (m, 1) the labels themselves.

    Args:
        probs: (m, k) probabilities of the classes, without the label.
        kept: (m, k) of the label that is given, by class.

    """
    both = probs * kept
    likelihoods = both.sum(1, keepdim=True).clamp(min=TINY)
    return both.div_(likelihoods), likelihoods


class Outputs:
    """The outputs of one-hot targets, made from prior-centred ones for the rows that are asked for.

    The shares that are added are those without the example: what predicts little else would speak
    against every label that is given, since the others have one less of it.

    Args:
        loo: (m, k) prior-centred leave-one-out predictions.
        codes: (m,) int64 given classes.
        priors: (k,) class shares among all.
        n: how many examples these are.

    Attributes:
        codes: the same.
        classes: k.

    """

    def __init__(self, loo: Tensor, codes: Tensor, priors: Tensor, n: int) -> None:
        self.codes, self.classes = codes, len(priors)
        self._loo, self._counts, self._others = loo, priors.double() * n, max(n - 1, 1)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Return (b, k) float64 outputs of some rows."""
        own = self.codes[rows, None]
        found = self._loo[rows].double()  # a copy, unless they are float64
        of_label = found.gather(1, own) + (self._counts[own] - 1) / self._others
        return (found + self._counts / self._others).scatter_(1, own, of_label)

    def parts(self) -> Iterator[slice]:
        """Yield the rows in turn, so few that what is made of them is small beside all."""
        height = max(1, _AT_ONCE // self.classes)
        for first in range(0, len(self), height):
            yield slice(first, first + height)
