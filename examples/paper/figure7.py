"""Figures 7, 8 and 9: the lowest and highest of each class, and how scores differ by class."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from paper.data import SHOWN, Data, Examples
from paper.results import Cell, Row
from paper.shown import COLOURS, linked, measured, picture, picture_file, sized, with_missing
from torch_cgprune import CGScores, cg_scores

DATA = ("fashion-mnist", "cifar10", "imagenet")
CLASSES, ENDS, BINS = 10, 5, 40  # classes shown, images at either end, bars


def cells(data: Data, folder: Path) -> Iterator[Cell]:
    for name in data.names(*DATA):
        yield Cell({"data": name}, partial(by_class, data, name, folder))


def by_class(data: Data, name: str, folder: Path) -> Row:
    """Return how the scores of each class are distributed, and draw its lowest and highest."""
    examples = data.examples(name)
    # Many examples (ImageNet) are scored by what the library takes for them.
    scores = cg_scores(examples.pixels, examples.labels, ridge=0, progress=False)
    inside = [scores.values[examples.labels == code] for code in range(len(examples.classes))]
    high = float(scores.values.quantile(0.995))
    path = picture_file(folder, data, "figure7", name)
    shown = may_be_shown(name, folder)
    if shown:
        _images(examples, scores, path)
    return {
        "n": len(examples),
        "classes": list(examples.classes),
        "means": [float(part.mean()) for part in inside],
        "deviations": [float(part.std()) for part in inside],
        "high": high,
        "counts": torch.histc(scores.values, BINS, 0, high).int().tolist(),
        "picture": shown,
    }


def may_be_shown(name: str, folder: Path) -> bool:
    """Return whether images may be drawn into a folder: photographs never into the repository."""
    return (
        name in SHOWN or Path(__file__).resolve().parents[2] not in (folder.resolve() / "x").parents
    )


def render(rows: list[Row], data: Data, folder: Path) -> str:
    parts = [_part(row, folder, data) for row in rows]
    _, absent = measured(rows, data, *DATA)
    return (
        "## Figures 7, 8, 9\n\nThe lowest and the highest scores of each class, means and "
        f"deviations of the classes, and all scores. The paper has plots only."
        f"\n\n{with_missing(parts, absent, data)}"
    )


def _part(row: Row, folder: Path, data: Data) -> str:
    name, path = row["data"], picture_file(folder, data, "figure8", row["data"])
    _classes(row, path)
    order = sorted(zip(row["means"], row["classes"], strict=True))
    (low, regular), (high, irregular) = order[0], order[-1]
    means = f"means of {low:.2f} ({regular}) to {high:.2f} ({irregular})"
    said = [
        f"{sized(row)}: {means}.",
        linked(path, f"{name}: means of the classes, and all scores"),
    ]
    images = picture_file(folder, data, "figure7", name)
    if row["picture"] and may_be_shown(name, folder):
        said.append(linked(images, f"{name}: the lowest (left) and the highest of each class"))
    else:
        said.append("Its images are drawn where `--results` is a folder outside of the repository.")
    return "\n\n".join(said)


def _classes(row: Row, path: Path) -> None:
    order = np.argsort(row["means"])
    if len(order) > 3 * CLASSES:
        order = np.concatenate([order[: CLASSES + 5], order[-CLASSES - 5 :]])
    with picture(path, columns=2) as axes:
        means, bars = axes[0]
        places = range(len(order))
        deviations = np.array(row["deviations"])[order]
        means.errorbar(
            np.array(row["means"])[order], places, xerr=deviations, fmt="o", ms=4, color=COLOURS[0]
        )
        small = {"fontsize": 6} if len(order) > CLASSES else {}
        means.set_yticks(places, [row["classes"][i] for i in order], **small)
        means.set(xlabel="CG-score, mean ± standard deviation")
        bars.stairs(
            row["counts"], np.linspace(0, row["high"], BINS + 1), fill=True, color=COLOURS[0]
        )
        bars.set(xlabel="CG-score (without the highest 0.5%)", ylabel="examples")


def _images(examples: Examples, scores: CGScores, path: Path) -> None:
    codes = range(min(CLASSES, len(examples.classes)))
    with picture(path) as axes:
        ax = axes[0, 0]
        ax.figure.set_size_inches(7, 0.6 * len(codes) + 0.6)
        rows = [_ends(examples, scores, code) for code in codes]
        grid = torch.cat(rows, -2).movedim(0, -1)
        side = rows[0].shape[-2]
        ax.imshow(grid.squeeze(-1).numpy(), cmap="gray", aspect="equal")
        ax.set_yticks([side * (i + 0.5) for i in codes], [examples.classes[i] for i in codes])
        places = [grid.shape[1] * share for share in (0.25, 0.75)]
        ax.set_xticks(places, ["lowest scores", "highest scores"])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)


def _ends(examples: Examples, scores: CGScores, code: int) -> Tensor:
    """Return (c, h, w) the images of a class with the lowest scores, a gap, and the highest."""
    framed = functional.pad(examples.pixels, [1] * 4, value=255)
    inside = (examples.labels == code).nonzero().flatten()
    order = inside[scores.values[inside].argsort()]
    ends: list[Any] = [torch.cat([*framed[part]], -1) for part in (order[:ENDS], order[-ENDS:])]
    gap = torch.full((*ends[0].shape[:2], ends[0].shape[-1] // 10), 255, dtype=torch.uint8)
    return torch.cat([ends[0], gap, ends[1]], -1)
