"""Figure 1: two Gaussians whose first coordinate alone tells them apart (sec. 3.3).

Samples near the boundary should score high, and so should those whose label is flipped.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from sklearn.metrics import roc_auc_score

from paper.data import Data
from paper.results import Cell, Row, spearman
from paper.shown import COLOURS, NOT_YET, linked, mean, pick, picture, picture_file, table
from torch_cgprune import cg_scores

FLIPPED = 0.1
SHOWN = 600  # samples in the picture


def cells(data: Data, _: Path) -> Iterator[Cell]:
    for seed in range(data.scale.seeds):
        yield Cell({"seed": seed}, partial(two_gaussians, data, seed))


def two_gaussians(data: Data, seed: int) -> Row:
    """Score samples of means +-1 and deviation 0.5, with true labels and with some flipped."""
    rng = torch.Generator().manual_seed(seed)
    n, dimensions = 2 * data.scale.samples, data.scale.dimensions
    labels = torch.arange(n) % 2
    x = 0.5 * torch.randn(n, dimensions, generator=rng)
    x[:, 0] += 2 * labels - 1
    flipped = torch.randperm(n, generator=rng) < FLIPPED * n
    clean = cg_scores(x, labels, ridge=0, progress=False)
    noisy = cg_scores(x, torch.where(flipped, 1 - labels, labels), ridge=0, progress=False)
    shown = torch.stack([x[:, 0], x[:, 1], labels, clean.values, noisy.values, flipped], 1)[:SHOWN]
    return {
        "n": n,
        "dimensions": dimensions,
        "near": spearman(clean.values, x[:, 0].abs()),
        "score": float(roc_auc_score(flipped, noisy.values)),
        "partial": float(roc_auc_score(flipped, noisy.partial)),
        "points": [[round(value, 4) for value in point] for point in shown.tolist()],
    }


def render(rows: list[Row], data: Data, folder: Path) -> str:
    if not rows:
        return f"## Figure 1\n\n{NOT_YET.capitalize()}."
    path = picture_file(folder, data, "figure1")
    _draw(pick(rows, seed=0)[0]["points"], path)
    about = {
        "Spearman correlation of score and distance to the boundary": "near",
        "AUROC of flipped labels by the score": "score",
        "the same by the partial score": "partial",
    }
    lines = [
        [said, "as a plot only", mean([row[name] for row in rows])] for said, name in about.items()
    ]
    return (
        f"## Figure 1\n\nTwo Gaussians of {rows[0]['dimensions']:,} dimensions, "
        f"{rows[0]['n']:,} samples, means ±1 in the first, covariance 0.25 I; "
        f"{FLIPPED:.0%} of the labels are flipped in the last panel.\n\n"
        f"{linked(path, 'scores of two Gaussians')}\n\n{table(['', 'the paper', 'ours'], lines)}"
    )


def _draw(points: list[list[float]], path: Path) -> None:
    x1, x2, label, clean, noisy, flipped = torch.tensor(points).T
    with picture(path, columns=3) as axes:
        first, second, third = axes[0]
        dots = first.scatter(x1, x2, c=clean, s=8, cmap="viridis")
        first.figure.colorbar(dots, ax=first, label="CG-score")
        first.set(xlabel="x₁", ylabel="x₂")
        for code, name in enumerate(("class -1", "class +1")):
            second.scatter(
                *(part[label == code] for part in (x1, clean)), s=8, color=COLOURS[code], label=name
            )
        for is_flipped, name in enumerate(("right label", "flipped label")):
            part = flipped == is_flipped
            third.scatter(x1[part], noisy[part], s=8, color=COLOURS[(4, 1)[is_flipped]], label=name)
        for ax in (second, third):
            ax.set(xlabel="x₁", ylabel="CG-score")
            ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
