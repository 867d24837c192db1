"""What the scores themselves say of the paper's claims, without a training on parts of the data."""

from collections.abc import Callable
from statistics import fmean

from paper.shown import mean, pick
from paper.verdicts import FAILS, HOLDS, WEAKLY, Rows, Seen

# Rank correlations: one that orders the samples, one that a reader would call so, and one that is
# no accident among thousands.
CLEAR, CORRELATED, SLIGHT = 0.5, 0.2, 0.05
# The AUROC from which wrong labels score high, or a little higher; of random scores it is 0.5.
FOUND, HARDLY = 0.7, 0.55


def boundary(rows: Rows) -> Seen:
    """Return what is seen of the distance from the boundary of two Gaussians."""
    if not (found := [row["near"] for row in rows["figure1"]]):
        return None
    verdict = HOLDS if max(found) < -CLEAR else FAILS
    return f"rank correlation of score and distance {mean(found)}", verdict


def flipped(rows: Rows) -> Seen:
    """Return what is seen of the flipped labels of two Gaussians."""
    if not (found := [row["score"] for row in rows["figure1"]]):
        return None
    return f"AUROC {mean(found)}", HOLDS if min(found) > FOUND else FAILS


def approaches(rows: Rows) -> Seen:
    """Return what is seen of sampled scores beside the exact ones, by their ratio."""
    best = {row["ratio"]: row["exact"][-1] for row in pick(rows["figure5"], data="cifar10")}
    if len(best) < 4:
        return None
    values = [best[ratio] for ratio in sorted(best)]
    said = ", ".join(f"1:{ratio} {best[ratio]:.3f}" for ratio in sorted(best))
    return said, HOLDS if values == sorted(values) and values[-1] > 0.95 else FAILS


def c_scores(rows: Rows) -> Seen:
    """Return what is seen of C-scores, by the way to score that is nearest to what is printed."""
    these = pick(rows["table1"], data="cifar10", other="c-score")
    by_size: dict[int, list[float]] = {}
    for row in these:
        by_size.setdefault(row["n"], []).append(row["cg"])
    if not by_size:
        return None
    said = [f"{_range(found)}, {n:,} examples" for n, found in sorted(by_size.items())]
    found = f"{'; '.join(said)}, by the ways to score"
    low, high = min(row["cg"] for row in these), max(row["cg"] for row in these)
    if abs(high - 0.557) < 0.01:
        return found, HOLDS
    return found, "correlates, by less than printed" if CORRELATED < low < high < 0.557 else FAILS


def _range(found: list[float]) -> str:
    return f"{min(found):.3f} to {max(found):.3f}"


def sign(name: str, way: str, printed: tuple[float, float]) -> Callable[[Rows], Seen]:
    """Return what is seen of the labels that the partial score's sign calls wrong.

    Args:
        name: of the data set.
        way: to score.
        printed: shares of the wrong and of the right labels; within five points, it holds.

    """

    def seen(rows: Rows) -> Seen:
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


def noise_found(name: str) -> Callable[[Rows], Seen]:
    """Return what is seen of the scores of wrong labels."""

    def seen(rows: Rows) -> Seen:
        these = pick(rows["noise"], data=name, noise=0.2)
        if not these:
            return None
        found = [row["auroc"]["cg"] for row in these]
        weakly = WEAKLY if min(found) > HARDLY else FAILS
        return f"AUROC {mean(found)} at 20 % noise", HOLDS if min(found) > FOUND else weakly

    return seen


def with_training(name: str) -> Callable[[Rows], Seen]:
    """Return what is seen of scores of methods that train, by the lowest correlation."""

    def seen(rows: Rows) -> Seen:
        others = ("forgetting", "el2n")
        these = pick(rows["table1"], data=name)
        found = [[row["cg"] for row in pick(these, other=other)] for other in others]
        if not all(found):
            return None
        said = [f"{other} {_range(part)}" for other, part in zip(others, found, strict=True)]
        least = min(map(min, found))
        weakly = WEAKLY if least > SLIGHT else FAILS
        return f"{', '.join(said)} by the ways to score", HOLDS if least > CORRELATED else weakly

    return seen


def seconds(rows: Rows) -> Seen:
    """Return what is seen of the time of a draw, and of one training."""
    these = pick(rows["table4"], data="cifar10")
    if not these:
        return None
    taken = these[-1]["seconds"]
    ours, others = taken["1:4, a draw"], taken["forgetting, AUM"]
    said = f"a draw at 1:4 {ours:.1f} s, a training {others:.1f} s, {these[-1]['n']:,} examples"
    return said, HOLDS if ours < others else FAILS


def beside(name: str) -> Callable[[Rows], Seen]:
    """Return what is seen of wrong labels that are found, beside the best method that trains."""

    def seen(rows: Rows) -> Seen:
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
        finds = "finds them" if max(ours) >= FOUND else "hardly finds them"
        less = f"{finds}, less well than the best training"
        return f"AUROC at 20 % noise: {said}", HOLDS if max(ours) > best - 0.02 else less

    return seen
