"""Figures 15 and 17: how soon wrong labels are found, beside methods that train.

The scores that need no training are those of ``noise.py``, of the same labels.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from paper.data import Data
from paper.noise import EXAMINED, RANKINGS, SHARES, Shown, found_by, found_curves, line_of
from paper.results import Cell, Row, rows_of
from paper.scored import mislabelled
from paper.shown import (
    COLOURS,
    legend_beside,
    linked,
    mean,
    measured,
    pick,
    picture,
    picture_file,
    sized,
    table,
    with_missing,
)
from paper.trained import baseline

DATA = ("fashion-mnist", "cifar10", "cifar100")
NOISES = SHARES[1:]
TRAINED = {
    "aum": Shown("AUM", "#1f1f1f", "--"),
    "forgetting": Shown("forgetting", COLOURS[3], "--"),
    "el2n": Shown("EL2N", "#b8862b", "--"),
    "tracin-self": Shown("TracIn, self", "#c2456b", "--"),
    "grand-last": Shown("GraNd, last layer", "#5fb7c4", "--"),
}
STYLES = RANKINGS | TRAINED


def cells(data: Data, _: Path) -> Iterator[Cell]:
    for seed in range(data.scale.seeds):
        for name in data.names(*DATA):
            for share in NOISES:
                for method in TRAINED:
                    key = {"data": name, "noise": share, "seed": seed, "method": method}
                    yield Cell(key, partial(measure, data, name, share, seed, method))


def measure(data: Data, name: str, share: float, seed: int, method: str) -> Row:
    """Return how many wrong labels are among those that a method finds most suspicious."""
    given, wrong = mislabelled(data, name, share, seed)
    values = baseline(data, name, method, given, seed)
    auroc = float(roc_auc_score(wrong, values))
    return {"n": len(given), "found": found_by(values, wrong), "auroc": auroc}


def rankings(rows: list[Row], others: list[Row], name: str, share: float) -> dict[str, list[Row]]:
    """Return, by ranking, what it found and its AUROC for every seed there is.

    Args:
        rows: of this module.
        others: of ``noise.py``.
        name: of the data set.
        share: of the labels that are wrong.

    """
    ours = pick(others, data=name, noise=share)
    found = {
        how: [{"found": row["found"][how], "auroc": row["auroc"][how]} for row in ours]
        for how in RANKINGS
    }
    found |= {how: pick(rows, data=name, noise=share, method=how) for how in TRAINED}
    return {how: these for how, these in found.items() if these}


def render(rows: list[Row], data: Data, folder: Path) -> str:
    others = rows_of(folder / "results" / "noise.jsonl", data.scale.name)
    names, absent = measured(rows, data, *DATA)
    parts = [
        _part(name, rows, others, picture_file(folder, data, "figure15", name)) for name in names
    ]
    return (
        "## Figures 15, 17\n\nSymmetric noise, the most suspicious first: by scores without a "
        "training (lines) and by methods that train on the wrong labels (dashes); grey is from "
        "what is met at random to the best possible. The paper has plots only. What a table calls "
        "found is the share of the wrong labels that is met when as many are examined as are wrong."
        f"\n\n{with_missing(parts, absent, data)}"
    )


def _part(name: str, rows: list[Row], others: list[Row], path: Path) -> str:
    by_share = {share: rankings(rows, others, name, share) for share in NOISES}
    _draw(by_share, path)
    lines = []
    for how, style in STYLES.items():
        line = [style.label]
        for share, found in by_share.items():
            these, at = found.get(how, []), EXAMINED.index(share)
            line.append(mean([row["auroc"] for row in these]))
            line.append(mean([row["found"][at] for row in these], ".2f"))
        lines.append(line)
    columns = [f"{share:.0%} wrong: {what}" for share in NOISES for what in ("AUROC", "found")]
    header = [sized(pick(rows, data=name)[0]), *columns]
    said = f"{name}: wrong labels found, by share examined"
    return f"{linked(path, said)}\n\n{table(header, lines)}"


def _draw(by_share: dict[float, dict[str, list[Row]]], path: Path) -> None:
    with picture(path, columns=len(by_share), beside=1.2) as axes:
        for ax, (share, found) in zip(axes[0], by_share.items(), strict=True):
            middle = {how: np.mean([row["found"] for row in found[how]], 0) for how in found}
            found_curves(ax, share, middle, STYLES)
            ax.set_title(f"{share:.0%} of the labels wrong", fontsize=10)
        for ax in axes[0, 1:]:
            ax.set_yticklabels([])
            ax.set_ylabel("")
        drawn = [how for how in STYLES if any(how in found for found in by_share.values())]
        legend_beside(axes[0, -1], handles=[line_of(STYLES[how]) for how in drawn])
