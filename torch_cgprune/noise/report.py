"""What the noise filter drops, class by class, before training on the rest."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor

from torch_cgprune import lists
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
        spared: (k,) int64 how many of them are kept though the rule says that they are wrong: the
            least suspicious one of a class of which nothing would be left.
        rate: the estimated share of wrong labels, None where there is no reliable one.

    """

    selection: Tensor
    classes: tuple[str, ...]
    counts: Tensor
    dropped: Tensor
    spared: Tensor
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
        if self.spared.any():
            last = [repr(self.classes[c]) for c in self.spared.nonzero().flatten().tolist()]
            lines.append(f"  kept as the last of their class: one of {', '.join(last)}")
        return "\n".join(lines)


def noise_report(
    scores: CGScores,
    rule: str | None = None,
    *,
    fraction: float | None = None,
    balanced: bool = False,
    reviewed: str | os.PathLike[str] | None = None,
) -> NoiseReport:
    """Return what ``PrunedSampler(policy="noise-filter")`` with the same arguments would drop.

    Args:
        scores: of the dataset, ``train.scores``.
        rule: see :func:`torch_cgprune.noise.evidence`.
        fraction: see :func:`torch_cgprune.policies.noise_filter`, as is ``balanced``.
        balanced: inside every class, or over all examples.
        reviewed: the CSV of the report's page: what is ``fine`` there is not dropped.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a bad rule or fraction, or a file of other data.

    Example:
        >>> import torch
        >>> from torch_cgprune import cg_scores
        >>> x = torch.eye(2).repeat_interleave(5, 0) + torch.arange(20).view(10, 2) / 100
        >>> labels = ["cat"] * 4 + ["dog"] * 6  # the fifth is a cat
        >>> scores = cg_scores(x, labels, ridge=0.1, progress=False)
        >>> noise_report(scores).dropped, noise_report(scores).selection
        (tensor([0, 1]), tensor([0, 1, 2, 3, 5, 6, 7, 8, 9]))

    """
    if reviewed is not None:
        scores = lists.reviewed(scores, reviewed)
    names = scores.class_names
    against, codes = evidence(scores, rule), scores.labels
    kept = policies.noise_filter(against, codes, fraction=fraction, balanced=balanced)
    k = len(names)
    counts, left = codes.bincount(minlength=k), codes[kept].bincount(minlength=k)
    spared = torch.zeros_like(counts)
    if fraction is None and not balanced:
        spared = codes[kept[against[kept] > 0]].bincount(minlength=k)
    rate = None if scores.wrong_probability is None else estimate_noise_rate(scores)
    return NoiseReport(kept, names, counts, counts - left, spared, rate)
