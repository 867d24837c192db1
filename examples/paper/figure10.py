"""Figures 10 and 11: pruning curves of DenseNet-BC-100, and of a ViT that is fine-tuned.

A training of them takes hours on two cores: not at scale small.
"""

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from paper.data import Data, MissingError
from paper.figure2 import HIGH, LOW, Method, curves, left, shares, table_of
from paper.results import Cell, Row
from paper.shown import linked, measured, pick, picture, picture_file, with_missing

DATA = ("cifar10", "cifar100")
NETWORKS = {"densenet": "DenseNet-BC-100", "vit": "ViT-B/16"}
METHODS: tuple[Method, ...] = (("CG-score", LOW), ("CG-score", HIGH), ("random", ""))


def cells(data: Data, _: Path) -> Iterator[Cell]:
    if data.scale.name == "small":
        return
    # For the tests, one that takes seconds.
    networks = [*NETWORKS] if data.scale.data is None else ["fast"]
    for name, network in itertools.product(data.names(*DATA), networks):
        yield _cell(data, name, network, ("all", ""), 0.0)
        for share, method in itertools.product(shares(data), METHODS):
            yield _cell(data, name, network, method, share)


def _cell(data: Data, name: str, network: str, method: Method, pruned: float) -> Cell:
    how, order = method
    key = {"data": name, "network": network, "method": how, "order": order, "pruned": pruned}
    return Cell(key, partial(left_to, data, name, network, method, pruned))


def left_to(data: Data, name: str, network: str, method: Method, pruned: float) -> Row:
    """Train a network on what a method leaves of a data set.

    Raises:
        MissingError: the data, or the weights that a ViT starts from, are not here.

    """
    try:
        return left(data, name, *method, pruned, network=network)
    except RuntimeError as error:
        if "pretrained weights" not in str(error):
            raise
        raise MissingError(str(error)) from error


def render(rows: list[Row], data: Data, folder: Path) -> str:
    said = (
        "## Figures 10, 11\n\nPruning curves as in Figure 2, of DenseNet-BC-100 and of a ViT that "
        "is fine-tuned. The paper has plots only."
    )
    drawn = [*dict.fromkeys((row["data"], row["network"]) for row in rows)]
    if not drawn:
        return f"{said}\n\nNot run here: `--scale paper figure10`, for a GPU."
    path = picture_file(folder, data, "figure10")
    parts = [linked(path, "pruning curves of other networks")]
    with picture(path, rows=2, columns=len(drawn)) as axes:
        for column, (name, network) in zip(axes.T, drawn, strict=True):
            these = pick(rows, data=name, network=network)
            about = f"{name}, {NETWORKS.get(network, network)}"
            parts.append(table_of(these, METHODS, about, data))
            for ax, order in zip(column, (LOW, HIGH), strict=True):
                curves(ax, these, [("CG-score", order), ("random", "")])
                ax.set(title=about, xlabel="share pruned", ylabel="test accuracy, %")
                ax.legend(frameon=False, fontsize=7, loc="lower left")
    _, absent = measured(rows, data, *DATA)
    return f"{said}\n\n{with_missing(parts, absent, data)}"
