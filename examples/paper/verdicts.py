"""What the trainings on parts of the data say of the paper's claims."""

from collections.abc import Callable
from statistics import fmean, stdev
from typing import TypeAlias

from paper.figure2 import HIGH, LOW
from paper.figure4 import measures, over_epochs, rank
from paper.results import Row
from paper.shown import mean, pick

Rows: TypeAlias = dict[str, list[Row]]
Seen: TypeAlias = tuple[str, str] | None
HOLDS, WEAKLY, FAILS = "holds", "holds, weakly", "does not hold"
UNTESTED, WAITING = "not tested at this scale", "not tested yet"
AS_RANDOM = "holds, no better than random choice"
# The share that is judged by, and one that is shown beside it.
PRUNED, MORE = 0.3, 0.5
# What is little, in points of accuracy: the order of what seeds do.
LITTLE = 1.0
# The rank correlation that ten groups without any order exceed once in forty.
ORDERED = 0.65


def low(name: str) -> Callable[[Rows], Seen]:
    """Return what is seen where low-scoring examples are pruned first."""
    return lambda rows: _beside_random(pick(rows["figure2"], data=name), LOW)


def high(name: str) -> Callable[[Rows], Seen]:
    """Return what is seen where high-scoring examples are pruned first."""
    return lambda rows: _beside_random(pick(rows["figure2"], data=name), HIGH)


def _beside_random(rows: list[Row], order: str) -> Seen:
    whole = _accuracies(pick(rows, method="all"))
    by = {
        share: (
            _accuracies(pick(rows, method="CG-score", order=order, pruned=share)),
            _accuracies(pick(rows, method="random", pruned=share)),
        )
        for share in (PRUNED, MORE)
    }
    ours, chance = by[PRUNED]
    if not (whole and ours and chance):
        return None
    said = [
        f"{share:.0%} pruned: {mean(one, '.1f')} %, at random {mean(other, '.1f')} %"
        for share, (one, other) in by.items()
        if one and other
    ]
    said.append(f"nothing pruned: {mean(whole, '.1f')} %")
    if order == HIGH:
        return "; ".join(said), HOLDS if _gain(ours, chance) < 0 else FAILS
    if fmean(ours) < fmean(whole) - LITTLE or _gain(ours, chance) < 0:
        return "; ".join(said), FAILS
    return "; ".join(said), HOLDS if _gain(ours, chance) > 0 else AS_RANDOM


def _gain(ours: list[float], chance: list[float]) -> float:
    """Return what is gained over random choice, 0 where it is within two of its deviations."""
    spread = 2 * stdev(chance) if len(chance) > 1 else LITTLE
    gain = fmean(ours) - fmean(chance)
    return gain if abs(gain) > spread else 0.0


def _accuracies(rows: list[Row]) -> list[float]:
    return [row["accuracy"] for row in rows]


def grouped(what: str) -> Callable[[Rows], Seen]:
    """Return what is seen of ten groups by score, of one of their measures."""

    def seen(rows: Rows) -> Seen:
        these = [measures(row)[what] for row in pick(rows["figure4"], data="cifar10")]
        if not these or not these[0]:
            return None
        found, related = over_epochs(these[0]), rank(these[0])
        said = (
            f"{what} {found[0]:.2g} of the lowest tenth, {found[-1]:.2g} of the highest, rank "
            f"correlation over the ten {related:.2f}, mean over the epochs"
        )
        return said, HOLDS if related > ORDERED else FAILS

    return seen


def windows(rows: Rows) -> Seen:
    """Return what is seen of windows of right labels."""
    found = _windows(rows, 0.0)
    if found is None:
        return None
    said, by_start = found
    first, last, best = by_start[0.0], by_start[max(by_start)], max(by_start.values())
    return said, HOLDS if last > best - LITTLE > first else FAILS


def noisy_windows(rows: Rows) -> Seen:
    """Return what is seen of windows where labels are wrong."""
    found = _windows(rows, 0.2)
    if found is None:
        return None
    said, by_start = found
    best, highest = max(by_start.values()), by_start[max(by_start)]
    return said, HOLDS if best > highest + LITTLE else FAILS


def _windows(rows: Rows, noise: float) -> tuple[str, dict[float, float]] | None:
    """Return the accuracies of CIFAR-10's windows in words, and by the share below them."""
    these = pick(rows["figure6"], data="cifar10", noise=noise)
    found = {row["start"]: row["accuracy"] for row in these if row["start"] is not None}
    if not {0.0, 0.5} <= found.keys():
        return None
    said = ", ".join(f"{found[start]:.1f}" for start in sorted(found))
    chance = _accuracies(pick(these, start=None))
    beside = f", at random {mean(chance, '.1f')} %" if chance else ""
    return f"{said} % from the lowest half of CIFAR-10 to the highest{beside}", found


def featured(rows: Rows) -> Seen:
    """Return what is seen of scores in a feature space, low-scoring examples pruned first."""
    theirs = _by_share(pick(rows["figure16"], data="cifar10", order=LOW))
    pixels = _by_share(pick(rows["figure2"], data="cifar10", method="CG-score", order=LOW))
    shares = sorted(theirs.keys() & pixels.keys())
    if PRUNED not in shares:
        return None
    said = ", ".join(f"{share:.0%} {theirs[share]:.1f} ({pixels[share]:.1f})" for share in shares)
    said = f"by features (by pixels) in %, of CIFAR-10 pruned: {said}"
    worse = [share for share in shares if theirs[share] < pixels[share] - LITTLE]
    if not worse:
        return said, HOLDS
    return said, FAILS if worse[0] <= PRUNED else f"holds below {worse[0]:.0%} pruned"


def _by_share(rows: list[Row]) -> dict[float, float]:
    return {row["pruned"]: row["accuracy"] for row in rows if "pruned" in row}
