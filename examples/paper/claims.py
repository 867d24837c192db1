"""What the paper claims, what is seen here, and whether it holds."""

from collections.abc import Callable
from typing import NamedTuple

from paper.results import Row
from paper.shown import NOT_RUN, mean, pick, table

Rows = dict[str, list[Row]]
HOLDS, FAILS, UNTESTED = "holds", "does not hold", "not tested at this scale"


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


def _unseen(_: Rows) -> None:
    return None


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
    Claim("App. A.3", "the sampled score approaches the exact one: 0.829 to 0.973", _approaches),
    Claim("Fig. 2", "low-scoring examples can be pruned with little loss", _unseen),
    Claim(
        "Fig. 4", "high-scoring examples are learned later, with a larger kernel velocity", _unseen
    ),
)
