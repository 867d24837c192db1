"""Figure 4: ten groups by score, in training: loss, accuracy and kernel velocity (eq. 13, App. I).

High-scoring examples should be learned late, and turn the network's tangent kernel more.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from image_training import Hook, Training
from matplotlib import colormaps
from matplotlib.ticker import LogLocator, NullFormatter
from torch import Tensor
from torch.nn import functional

from paper.data import Data
from paper.pruned import STEPS, train
from paper.results import Cell, Row, spearman
from paper.scored import exact_scores
from paper.shown import (
    SEE_PAPER,
    legend_beside,
    linked,
    measured,
    picture,
    picture_file,
    sized,
    table,
    with_missing,
)
from paper.training import begin
from paper.velocity import cosine_distance, tangent_gram

DATA = ("cifar10",)
RELATIVE = "velocity over the median"
LABELS = {
    "loss": "cross-entropy",
    "accuracy": "training accuracy, %",
    "velocity": "kernel velocity per epoch",
    RELATIVE: "velocity over the groups' median",
}
GROUPS = 10
CONSECUTIVE = 125  # examples of a group, in the middle of it, whose kernel is followed
# After how many epochs; from one to the next, the velocity is the distance over the epochs between.
KERNELS = (1, 2, 3, 5, 8, 12, 16, 20, 30, 50, 80, 120, 160, 200)


def cells(data: Data, _: Path) -> Iterator[Cell]:
    for name in data.names(*DATA):
        yield Cell({"data": name}, partial(followed, data, name))


def followed(data: Data, name: str) -> Row:
    """Train on all examples, and return what the groups came to."""
    examples = data.examples(name)
    hook = Groups(by_score(exact_scores(data, name).values))
    run = begin(data, name, examples.labels, seed=0, steps=STEPS)
    train(run, data, name, torch.arange(len(examples)), 0, [hook], what="groups")
    return {"n": len(examples), **hook.found}


def by_score(values: Tensor) -> list[Tensor]:
    """Return the indices of ten groups of equal size, each from low to high, the lowest first."""
    return [*values.argsort(stable=True).tensor_split(GROUPS)]


def middle(group: Tensor) -> Tensor:
    """Return the consecutive examples in the middle of a group, of a small one half of it."""
    size = min(CONSECUTIVE, len(group) // 2)
    start = (len(group) - size) // 2
    return group[start : start + size]


def losses_and_hits(
    logits: Tensor, labels: Tensor, groups: list[Tensor]
) -> tuple[list[float], list[float]]:
    """Return the mean cross-entropy of each group, and its accuracy in percent."""
    losses = functional.cross_entropy(logits, labels, reduction="none")
    hits = 100 * (logits.argmax(1) == labels).double()
    means = [[float(each[group].mean()) for group in groups] for each in (losses, hits)]
    return means[0], means[1]


class Groups(Hook):
    """Loss, accuracy and kernel velocity of groups of the examples that are trained on.

    Args:
        groups: indices of each.

    Attributes:
        found: ``"loss"`` and ``"accuracy"``, of each epoch a list over the groups; ``"velocity"``,
            the same of the epochs ``"until"``.

    """

    def __init__(self, groups: list[Tensor]) -> None:
        self.groups = groups
        self.found: Row = {"loss": [], "accuracy": [], "velocity": [], "until": []}
        self.grams: list[Tensor] = []
        self.last = 0

    def epoch(self, epoch: int, training: Training) -> None:
        """Measure the groups, and their kernels where it is time."""
        logits = training.logits(training.images)
        measured = losses_and_hits(logits, training.images.labels, self.groups)
        for what, values in zip(("loss", "accuracy"), measured, strict=True):
            self.found[what].append([round(value, 4) for value in values])
        if epoch + 1 in KERNELS:
            self._turn(epoch + 1, training)

    def _turn(self, epoch: int, training: Training) -> None:
        pixels = training.images.pixels
        grams = [tangent_gram(training.network, pixels[middle(group)]) for group in self.groups]
        if self.grams:
            turned = map(cosine_distance, self.grams, grams)
            self.found["velocity"].append([each / (epoch - self.last) for each in turned])
            self.found["until"].append(epoch)
        self.grams, self.last = grams, epoch

    def state_dict(self) -> dict[str, Any]:
        """Return what was found, and the kernels that the next are compared with."""
        return {name: vars(self)[name] for name in ("found", "grams", "last")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        vars(self).update(state)


def render(rows: list[Row], data: Data, folder: Path) -> str:
    parts = []
    for row in rows:
        path = picture_file(folder, data, "figure4", row["data"])
        _draw(row, path)
        parts += [linked(path, f"{row['data']}: ten groups in training"), _table(row)]
    _, absent = measured(rows, data, *DATA)
    return (
        "## Figure 4\n\nTen groups of equal size by the exact score of the pixels, while a network "
        "is trained on all of them: mean loss, accuracy, and velocity of the tangent kernel of "
        f"{CONSECUTIVE} consecutive examples of each (eq. 13), per epoch. Networks are evaluated "
        "without augmentation. The paper has plots only; which of a group's examples it takes is "
        f"not known, here those in its middle.\n\n{with_missing(parts, absent, data)}"
    )


def measures(row: Row) -> dict[str, list[list[float]]]:
    """Return what is shown: by epochs a list over the groups, of each of ``LABELS``.

    The velocity falls by orders of magnitude in a training: its mean over epochs is that of the
    first ones, unless it is divided by the median of the groups.
    """
    shares = [[each / median(epoch) for each in epoch] for epoch in row["velocity"]]
    found: dict[str, list[list[float]]] = {**row, RELATIVE: shares}
    return {what: found[what] for what in LABELS}


def over_epochs(epochs: list[list[float]]) -> list[float]:
    """Return the mean of each group over the epochs."""
    return [fmean(group) for group in zip(*epochs, strict=True)]


def rank(epochs: list[list[float]]) -> float:
    """Return the rank correlation of the groups' figures with their order, mean over the epochs."""
    return fmean(spearman(epoch, range(len(epoch))) for epoch in epochs)


def _table(row: Row) -> str:
    lines = []
    for what, epochs in measures(row).items():
        if epochs:
            means = over_epochs(epochs)
            shown = [f"{means[i]:#.3g}" for i in (0, 4, -1)]
            lines.append(
                [f"{what}, mean over the epochs", SEE_PAPER, *shown, f"{rank(epochs):.2f}"]
            )
    header = ["the paper", "lowest tenth", "fifth", "highest", "Spearman over the ten"]
    return table([sized(row), *header], lines)


def _draw(row: Row, path: Path) -> None:
    colours = colormaps["viridis"](np.linspace(0, 0.92, GROUPS))
    with picture(path, columns=len(LABELS), beside=1.4) as axes:
        for ax, (what, epochs) in zip(axes[0], measures(row).items(), strict=True):
            sparse = len(epochs) == len(row["until"])
            at = row["until"] if sparse else range(1, len(epochs) + 1)
            for i, colour in enumerate(colours):
                label = {0: "lowest tenth", GROUPS - 1: "highest tenth"}.get(i, f"tenth {i + 1}")
                line = [epoch[i] for epoch in epochs]
                ax.plot(at, line, ".-" if sparse else "-", color=colour, label=label)
            ax.set(xlabel="epoch", ylabel=LABELS[what])
        if row["velocity"]:
            axes[0, 2].set_yscale("log")
            axes[0, 2].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes[0, 2].yaxis.set_major_formatter("{x:g}")
            axes[0, 2].yaxis.set_minor_formatter(NullFormatter())
        handles, labels = axes[0, 0].get_legend_handles_labels()
        legend_beside(axes[0, -1], handles=handles[::-1], labels=labels[::-1])
