"""What the noise filter drops, class by class, before training on the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from torch_cgprune.noise.rate import NoiseRate, estimate_noise_rate
from torch_cgprune.noise.rules import evidence
from torch_cgprune.policies import ranked as policies
from torch_cgprune.scores import CGScores


@dataclass(frozen=True, eq=False)
class NoiseReport:
    """What a noise rule would drop; ``print`` shows it as a table.

    Attributes:
        selection: (m,) int64 sorted indices of what is kept.
        classes: k class names, ``scores.class_names``.
        counts: (k,) int64 examples of each class, by their given labels.
        dropped: (k,) int64 how many of them are dropped.
        rate: the estimated share of wrong labels, None where the method predicts no classes.

    """

    selection: Tensor
    classes: tuple[str, ...]
    counts: Tensor
    dropped: Tensor
    rate: NoiseRate | None

    @property
    def mostly_dropped(self) -> list[str]:
        """Return the classes that lose more than half of their examples."""
        most = 2 * self.dropped > self.counts
        return [name for name, lost in zip(self.classes, most.tolist(), strict=True) if lost]

    def __str__(self) -> str:
        n, dropped = int(self.counts.sum()), int(self.dropped.sum())
        lines = [f"noise filter: drops {dropped} of {n} examples ({dropped / n:.1%})"]
        if self.rate is not None:
            lines[0] += f"; estimated share of wrong labels {self.rate}"
        width = max(len(name) for name in self.classes)
        rows = zip(self.classes, self.dropped.tolist(), self.counts.tolist(), strict=True)
        lines += [f"  {name:<{width}}  {d:>7} of {c:>7}  {d / c:6.1%}" for name, d, c in rows]
        return "\n".join(lines)


def noise_report(
    scores: CGScores,
    rule: str | None = None,
    *,
    fraction: float | None = None,
    balanced: bool = False,
) -> NoiseReport:
    """Return what ``PrunedSampler(policy="noise-filter")`` with the same arguments would drop.

    Args:
        scores: of the dataset, ``train.scores``.
        rule: see :func:`torch_cgprune.noise.evidence`.
        fraction: see :func:`torch_cgprune.policies.noise_filter`, as is ``balanced``.
        balanced: inside every class, or over all examples.

    Raises:
        ValueError: a bad rule or fraction, or a class of which nothing would be left.

    Example:
        >>> import torch
        >>> from torch_cgprune import cg_scores
        >>> x = torch.eye(2).repeat_interleave(5, 0) + torch.arange(20).view(10, 2) / 100
        >>> labels = ["cat"] * 4 + ["dog"] * 6  # the fifth is a cat
        >>> scores = cg_scores(x, labels, ridge=0.1, progress=False)
        >>> noise_report(scores).dropped, noise_report(scores).selection
        (tensor([0, 1]), tensor([0, 1, 2, 3, 5, 6, 7, 8, 9]))

    """
    names = scores.class_names
    kept = policies.noise_filter(
        evidence(scores, rule),
        np.asarray(names)[scores.labels.numpy()],
        fraction=fraction,
        balanced=balanced,
    )
    counts = scores.labels.bincount(minlength=len(names))
    left = scores.labels[kept].bincount(minlength=len(names))
    rate = None if scores.loo is None else estimate_noise_rate(scores)
    return NoiseReport(kept, names, counts, counts - left, rate)
