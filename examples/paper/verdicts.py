"""What the trainings on parts of the data say of the paper's claims."""

from collections.abc import Callable
from statistics import fmean
from typing import TypeAlias

from paper.figure2 import HIGH, LOW
from paper.figure4 import measures, over_epochs, rank
from paper.results import Row
from paper.shown import pick

Rows: TypeAlias = dict[str, list[Row]]
Seen: TypeAlias = tuple[str, str] | None
HOLDS, FAILS, UNTESTED = "holds", "does not hold", "not tested at this scale"
# The share that is judged by; what is little, in points of accuracy: the order of what seeds do.
PRUNED, LITTLE = 0.3, 1.0
# The rank correlation that ten groups without any order exceed once in forty.
ORDERED = 0.65
CURVES = (("cifar10", "CIFAR-10"), ("fashion-mnist", "Fashion-MNIST"))


def low(name: str) -> Callable[[Rows], Seen]:
    """Return what is seen where low-scoring examples are pruned first."""
    return lambda rows: _beside_random(pick(rows["figure2"], data=name), LOW)


def high(name: str) -> Callable[[Rows], Seen]:
    """Return what is seen where high-scoring examples are pruned first."""
    return lambda rows: _beside_random(pick(rows["figure2"], data=name), HIGH)


def _beside_random(rows: list[Row], order: str) -> Seen:
    whole = _accuracy(pick(rows, method="all"))
    chance = _accuracy(pick(rows, method="random", pruned=PRUNED))
    ours = _accuracy(pick(rows, method="CG-score", order=order, pruned=PRUNED))
    if whole is None or chance is None or ours is None:
        return None
    said = f"{PRUNED:.0%} pruned: {ours:.1f} %, at random {chance:.1f} %, nothing {whole:.1f} %"
    holds = ours > max(whole - LITTLE, chance) if order == LOW else ours < chance
    return said, HOLDS if holds else FAILS


def _accuracy(rows: list[Row]) -> float | None:
    return fmean(row["accuracy"] for row in rows) if rows else None


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
    ordered = [found[start] for start in sorted(found)]
    said = f"{ordered[0]:.1f} % in the lowest half to {ordered[-1]:.1f} % in the highest, CIFAR-10"
    return said, HOLDS if ordered[-1] > max(ordered) - LITTLE > ordered[0] else FAILS


def noisy_windows(rows: Rows) -> Seen:
    """Return what is seen of windows where labels are wrong."""
    found = _windows(rows, 0.2)
    if found is None:
        return None
    best = max(found, key=lambda start: found[start])
    highest = found[max(found)]
    said = f"best from {best:.0%} on, {found[best]:.1f} %; the highest {highest:.1f} %, CIFAR-10"
    return said, HOLDS if found[best] > highest + LITTLE else FAILS


def _windows(rows: Rows, noise: float) -> dict[float, float] | None:
    these = pick(rows["figure6"], data="cifar10", noise=noise)
    found = {row["start"]: row["accuracy"] for row in these if row["start"] is not None}
    return found if {0.0, 0.5} <= found.keys() else None


def featured(rows: Rows) -> Seen:
    """Return what is seen of scores in a feature space, low-scoring examples pruned first."""
    theirs = _accuracy(pick(rows["figure16"], data="cifar10", order=LOW, pruned=PRUNED))
    pixels = pick(rows["figure2"], data="cifar10", method="CG-score", order=LOW, pruned=PRUNED)
    ours = _accuracy(pixels)
    if theirs is None or ours is None:
        return None
    said = f"{PRUNED:.0%} of CIFAR-10 pruned: {theirs:.1f} % by features, {ours:.1f} % by pixels"
    return said, HOLDS if theirs > ours - LITTLE else FAILS
