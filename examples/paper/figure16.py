"""Figures 16 and 18: scores in the feature space of a network trained for some epochs (App. H).

The features are what its last linear layer takes. Their exact scores have the ridge at which the
labels are likeliest: the features of a class come so close that the Gram matrix alone is singular.
"""

import functools
import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from image_training import Hook, Training
from torch import Tensor

from paper.baselines.last_layer import last_layer
from paper.cache import kept
from paper.data import Data
from paper.figure2 import AT_TWO, HIGH, LOW, SCORES, STYLES, UNPUBLISHED, curves, shares
from paper.pruned import STEPS, train, trained_on
from paper.results import Cell, Row, rows_of, spearman
from paper.shown import (
    NOT_YET,
    legend_beside,
    linked,
    measured,
    pick,
    picture,
    picture_file,
    sized,
    table,
    with_missing,
)
from paper.training import begin
from torch_cgprune import cg_scores, policies

DATA = ("cifar10", "cifar100")
EPOCHS = (1, 2, 5, 10, 20)  # after which the features are scored
PRUNED_AFTER = 10  # epochs, or the last before
FEATURES = "CG-score of features"


def cells(data: Data, _: Path) -> Iterator[Cell]:
    for name in data.names(*DATA):
        for other in SCORES:
            if (other, name) not in UNPUBLISHED and other not in AT_TWO:
                yield Cell({"data": name, "other": other}, partial(correlations, data, name, other))
    for pruned in shares(data):
        for name, end in itertools.product(data.names(*DATA), (LOW, HIGH)):
            key = {"data": name, "order": end, "pruned": pruned}
            yield Cell(key, partial(pruned_by_features, data, name, end, pruned))


def correlations(data: Data, name: str, other: str) -> Row:
    """Return rank correlations of the scores after each epoch with those of pixels or a method."""
    against = SCORES[other](data, name)
    found = {epoch: spearman(each, against) for epoch, each in feature_scores(data, name).items()}
    return {"n": len(against), "epochs": [*found], "spearman": [*found.values()]}


def pruned_by_features(data: Data, name: str, end: str, pruned: float) -> Row:
    """Train on what pruning by the scores in the feature space leaves."""
    scores = feature_scores(data, name)
    after = max(epoch for epoch in scores if epoch <= PRUNED_AFTER)
    policy = policies.low_first if end == LOW else policies.high_first
    left = policy(scores[after], data.examples(name).labels, 1 - pruned)
    return {**trained_on(data, name, left), "after": after}


@functools.lru_cache(maxsize=4)
def feature_scores(data: Data, name: str) -> dict[int, Tensor]:
    """Return (n,) scores of the features after each of ``EPOCHS`` that a training has."""
    path = data.file("trained", name, "features", 0, data.examples(name).labels)
    found = kept(path, lambda: _scored(data, name))
    return {int(epoch): values for epoch, values in found.items()}


def _scored(data: Data, name: str) -> dict[str, Tensor]:
    labels = data.examples(name).labels
    hook, run = FeatureScores(), begin(data, name, labels, 0, steps=STEPS)
    steps = min(run.recipe.steps, max(EPOCHS) * run.recipe.epoch_steps(len(labels)))
    train(run, data, name, torch.arange(len(labels)), 0, [hook], what="features", steps=steps)
    return hook.found


class FeatureScores(Hook):
    """Scores in the feature space after some epochs.

    Attributes:
        found: (n,) scores by epochs, in words.

    """

    def __init__(self) -> None:
        self.found: dict[str, Tensor] = {}

    def epoch(self, epoch: int, training: Training) -> None:
        """Score the features of all that is trained on."""
        if epoch + 1 in EPOCHS:
            images = training.images
            features = last_layer(training.network, images.pixels, images.labels)[0]
            scores = cg_scores(features, images.labels, method="exact", progress=False)
            self.found[str(epoch + 1)] = scores.values

    def state_dict(self) -> dict[str, Any]:
        """Return what was found."""
        return {"found": self.found}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.found = state["found"]


def render(rows: list[Row], data: Data, folder: Path) -> str:
    names, absent = measured(rows, data, *DATA)
    parts = []
    if names:
        path = picture_file(folder, data, "figure16")
        pixels = rows_of(folder / "results" / "figure2.jsonl", data.scale.name)
        _draw(rows, pixels, names, path)
        tables = [part for name in names for part in _tables(pick(rows, data=name))]
        parts = [linked(path, "scores in a feature space"), *tables]
    said = with_missing(parts, absent, data)
    return (
        "## Figures 16, 18\n\nScores in the feature space of a network after some epochs: rank "
        "correlations with the scores of pixels and of methods that train, and test accuracy in "
        "percent after pruning by them, as in Figure 2. The paper has plots only; after how many "
        f"epochs it prunes is not known, here after {PRUNED_AFTER}.\n\n{said}"
    )


def _tables(rows: list[Row]) -> Iterator[str]:
    about = sized(rows[0])
    if related := [row for row in rows if "other" in row]:
        lines = [[row["other"], *(f"{each:.3f}" for each in row["spearman"])] for row in related]
        header = [f"epoch {epoch}" for epoch in related[0]["epochs"]]
        yield table([f"{about}: Spearman with", *header], lines)
    if trained := [row for row in rows if "pruned" in row]:
        at = sorted({row["pruned"] for row in trained})
        lines = []
        for end in (LOW, HIGH):
            found = [pick(trained, order=end, pruned=share) for share in at]
            lines.append(
                [end, *(f"{each[0]['accuracy']:.1f}" if each else NOT_YET for each in found)]
            )
        header = [f"{share:.0%}" for share in at]
        yield table([f"{about}: pruned after {trained[0]['after']} epochs", *header], lines)


def _draw(rows: list[Row], pixels: list[Row], names: list[str], path: Path) -> None:
    trained = [*pixels, *({**row, "method": FEATURES} for row in rows if "pruned" in row)]
    with picture(path, rows=len(names), columns=3, beside=1.4) as axes:
        for line, name in zip(axes, names, strict=True):
            line[1].sharey(line[0])
            for ax, end in zip(line, (LOW, HIGH), strict=False):
                methods = [(FEATURES, end), ("CG-score", end), ("random", "")]
                curves(ax, pick(trained, data=name), methods)
                ax.set(xlabel="share pruned", title=f"{name}: {end}")
            line[0].set_ylabel("test accuracy, %")
            _correlations(line[2], [row for row in pick(rows, data=name) if "other" in row])
            line[2].set_title(f"{name}: correlations")
        axes[0, 0].legend(frameon=False, fontsize=7, loc="lower left")
        legend_beside(axes[0, 2], title="with scores of")


def _correlations(ax: Any, rows: list[Row]) -> None:
    for row in rows:
        colour, style = STYLES[row["other"]]
        label = "pixels" if row["other"] == "CG-score" else row["other"]
        ax.plot(row["epochs"], row["spearman"], style, ms=4, color=colour, label=label)
    at = sorted({epoch for row in rows for epoch in row["epochs"]})
    ax.set(xlabel="epochs", ylabel="Spearman", xscale="log")
    ax.set_xticks(at, [*map(str, at)])
    ax.minorticks_off()
