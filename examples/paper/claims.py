"""What the paper claims, what is seen here, and whether it holds."""

from collections.abc import Callable
from statistics import fmean
from typing import NamedTuple

from paper.shown import NOT_RUN, mean, pick, table
from paper.verdicts import (
    CURVES,
    FAILS,
    HOLDS,
    UNTESTED,
    Rows,
    featured,
    grouped,
    high,
    low,
    noisy_windows,
    windows,
)


class Claim(NamedTuple):
    """One claim.

    Attributes:
        place: in the paper.
        said: the claim.
        seen: from all rows to what is seen and the verdict; None where there are none.

    """

    place: str
    said: str
    seen: Callable[[Rows], tuple[str, str] | None]


def render_claims(rows: Rows) -> str:
    """Return the table of claims."""
    lines = []
    for claim in CLAIMS:
        seen, verdict = claim.seen(rows) or (NOT_RUN, UNTESTED)
        lines.append([claim.place, claim.said, seen, verdict])
    header = ["where", "the paper says", "we see", "verdict"]
    return f"## Claims\n\n{table(header, lines, numbers=False)}"


def _boundary(rows: Rows) -> tuple[str, str] | None:
    if not (found := [row["near"] for row in rows["figure1"]]):
        return None
    return f"rank correlation of score and distance {mean(found)}", HOLDS if max(
        found
    ) < -0.5 else FAILS


def _flipped(rows: Rows) -> tuple[str, str] | None:
    if not (found := [row["score"] for row in rows["figure1"]]):
        return None
    return f"AUROC {mean(found)}", HOLDS if min(found) > 0.8 else FAILS


def _approaches(rows: Rows) -> tuple[str, str] | None:
    best = {row["ratio"]: row["exact"][-1] for row in pick(rows["figure5"], data="cifar10")}
    if len(best) < 4:
        return None
    values = [best[ratio] for ratio in sorted(best)]
    said = ", ".join(f"1:{ratio} {best[ratio]:.3f}" for ratio in sorted(best))
    return said, HOLDS if values == sorted(values) and values[-1] > 0.95 else FAILS


def _c_scores(rows: Rows) -> tuple[str, str] | None:
    these = pick(rows["table1"], data="cifar10", other="c-score")
    if not these:
        return None
    low, high = min(row["cg"] for row in these), max(row["cg"] for row in these)
    said = f"{low:.3f} to {high:.3f} by the ways to score, {these[0]['n']:,} examples"
    return said, HOLDS if abs(high - 0.557) < 0.01 else "correlates, by less than printed"


def _sign(
    name: str, way: str, printed: tuple[float, float]
) -> Callable[[Rows], tuple[str, str] | None]:
    def seen(rows: Rows) -> tuple[str, str] | None:
        these = pick(rows["table2"], data=name, scored=way)
        if not these:
            return None
        found = [[row["shares"]["partial-sign"][part] for row in these] for part in (0, 1)]
        near = all(
            abs(sum(values) / len(values) - figure) < 0.05
            for values, figure in zip(found, printed, strict=True)
        )
        said = f"{mean(found[0], '.1%')} and {mean(found[1], '.1%')}, {these[0]['n']:,} examples"
        return said, HOLDS if near else FAILS

    return seen


def _noise_found(name: str) -> Callable[[Rows], tuple[str, str] | None]:
    def seen(rows: Rows) -> tuple[str, str] | None:
        these = pick(rows["noise"], data=name, noise=0.2)
        if not these:
            return None
        found = [row["auroc"]["cg"] for row in these]
        return f"AUROC {mean(found)} at 20 % noise", HOLDS if min(found) > 0.7 else FAILS

    return seen


def _with_training(name: str) -> Callable[[Rows], tuple[str, str] | None]:
    def seen(rows: Rows) -> tuple[str, str] | None:
        others = ("forgetting", "el2n")
        these = pick(rows["table1"], data=name)
        found = [[row["cg"] for row in pick(these, other=other)] for other in others]
        if not all(found):
            return None
        said = [
            f"{other} {min(part):.3f} to {max(part):.3f}"
            for other, part in zip(others, found, strict=True)
        ]
        holds = min(map(min, found)) > 0.2
        return f"{', '.join(said)} by the ways to score", HOLDS if holds else FAILS

    return seen


def _seconds(rows: Rows) -> tuple[str, str] | None:
    these = pick(rows["table4"], data="cifar10")
    if not these:
        return None
    taken = these[-1]["seconds"]
    ours, others = taken["1:4, a draw"], taken["forgetting, AUM"]
    said = f"a draw at 1:4 {ours:.1f} s, a training {others:.1f} s, {these[-1]['n']:,} examples"
    return said, HOLDS if ours < others else FAILS


def _beside(name: str) -> Callable[[Rows], tuple[str, str] | None]:
    def seen(rows: Rows) -> tuple[str, str] | None:
        scored = pick(rows["noise"], data=name, noise=0.2)
        by = {how: [row["auroc"][how] for row in scored] for how in ("cg", "partial")}
        trained: dict[str, list[float]] = {}
        for row in pick(rows["figure15"], data=name, noise=0.2):
            trained.setdefault(row["method"], []).append(row["auroc"])
        if not scored or not trained:
            return None
        by |= {max(trained, key=lambda how: fmean(trained[how])): max(trained.values(), key=fmean)}
        said = ", ".join(f"{how} {mean(values)}" for how, values in by.items())
        *ours, best = map(fmean, by.values())
        holds = HOLDS if max(ours) > best - 0.02 else "finds them, less well than the best training"
        return f"AUROC at 20 % noise: {said}", holds

    return seen


CLAIMS = (
    Claim("Fig. 1", "samples near the boundary score high", _boundary),
    Claim("Fig. 1", "flipped labels score high", _flipped),
    Claim("Table 1", "correlates with C-scores of CIFAR-10: 0.557", _c_scores),
    Claim(
        "Table 2",
        "Fashion-MNIST, 1:3: the sign calls 98 % of wrong and 7 % of right labels wrong",
        _sign("fashion-mnist", "1:3", (0.98, 0.07)),
    ),
    Claim(
        "Table 2",
        "CIFAR-10, 1:4: the sign calls 71 % of wrong and 21 % of right labels wrong",
        _sign("cifar10", "1:4", (0.71, 0.21)),
    ),
    Claim("Fig. 3", "wrong labels of Fashion-MNIST score high", _noise_found("fashion-mnist")),
    Claim("Fig. 3", "wrong labels of CIFAR-10 score high", _noise_found("cifar10")),
    Claim("Table 1", "correlates with forgetting and EL2N (CIFAR-10)", _with_training("cifar10")),
    Claim("Table 4", "takes less time than methods that train", _seconds),
    *(
        Claim("Figs. 15, 17", f"finds wrong labels of {said} without a training", _beside(name))
        for name, said in (("fashion-mnist", "Fashion-MNIST"), ("cifar10", "CIFAR-10"))
    ),
    Claim("App. A.3", "the sampled score approaches the exact one: 0.829 to 0.973", _approaches),
    *(
        Claim(
            "Figs. 2, 12",
            f"low-scoring examples of {said} can be pruned with little loss",
            low(name),
        )
        for name, said in CURVES
    ),
    *(
        Claim(
            "Figs. 2, 12",
            f"high-scoring examples of {said} matter more than random ones",
            high(name),
        )
        for name, said in CURVES
    ),
    Claim("Fig. 4", "high-scoring examples are learned later", grouped("loss")),
    Claim("Fig. 4", "high-scoring examples have a larger kernel velocity", grouped("velocity")),
    Claim("Fig. 6", "the higher the window the better, where labels are right", windows),
    Claim("Fig. 6", "where 20 % are wrong the highest window is not the best", noisy_windows),
    Claim("Figs. 16, 18", "scores in a feature space prune as those of pixels do", featured),
)
