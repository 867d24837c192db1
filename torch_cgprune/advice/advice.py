"""What advice says: how well selections predict, what may be dropped, and how."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from torch_cgprune.advice.candidates import RANDOM, Candidate

# So many standard errors are a difference: a selection is the best of many, a loss one of few.
# Where nothing differs (tests/advice/test_chance.py), the best of about 20 exceeds 3 in 0 to 15
# of 100 data sets, 2.5 in 12 to 33 and 2 in 23 to 45: most often where a tenth is kept of a
# thousand or more, since the error is of what is held out, not of the draw.
_CLEARLY = 3.0
_MEASURABLY = 2.0
# A loss that one would keep the examples for; where the error could hide it, nothing is called
# lossless. A thousand examples measure it where a tenth of the predictions differ; to measure one
# of half the size takes four times as many.
_WORTH = 0.02


@dataclasses.dataclass(frozen=True)
class Grade:
    """How well what one selection keeps predicts the labels of examples that were held out.

    Attributes:
        keep: share of the examples that is kept.
        candidate: which selection.
        accuracy: share of the labels that is predicted right, in [0, 1].
        gain: accuracy minus that of random choices of the same size.
        gain_error: standard error of it, over the same held-out examples.
        loss: accuracy of all the data minus ``accuracy``.
        loss_error: standard error of it.

    """

    keep: float
    candidate: Candidate
    accuracy: float
    gain: float
    gain_error: float
    loss: float
    loss_error: float

    @property
    def is_better(self) -> bool:
        """Whether it is clearly better than a random choice."""
        return self.gain > _CLEARLY * self.gain_error

    @property
    def loses(self) -> bool:
        """Whether it is measurably worse than all the data."""
        return self.loss > _MEASURABLY * self.loss_error

    @property
    def may_lose(self) -> float:
        """The largest loss that the error allows for."""
        return min(self.loss + _MEASURABLY * self.loss_error, 1.0)

    @property
    def is_unclear(self) -> bool:
        """Whether the error is so wide that it could hide a loss worth knowing."""
        is_wide = _MEASURABLY * self.loss_error > _WORTH
        return is_wide and not self.loses and self.may_lose > _WORTH


@dataclasses.dataclass(frozen=True)
class Advice:
    """What :func:`advise` found: grades of selections, by kernel ridge regression.

    Attributes:
        grades: of every share and selection, ``random`` first of each share.
        accuracy: of all the data, in [0, 1].
        examples: how many there are.
        graded: how many of them, drawn at random, were graded on, those held out included.
        rounds: how many parts, of about a fifth of these, were held out in turn.
        pixels: whether photographs were compared by their pixels, in which such a prediction is
            no guide to what a network learns.

    """

    grades: tuple[Grade, ...]
    accuracy: float
    examples: int
    graded: int
    rounds: int
    pixels: bool

    @property
    def shares(self) -> tuple[float, ...]:
        """The shares that were graded, ascending."""
        return tuple(sorted({grade.keep for grade in self.grades}))

    def at(self, keep: float) -> tuple[Grade, ...]:
        """Return the grades of one share, the best first.

        Raises:
            KeyError: it was not graded.

        """
        found = [grade for grade in self.grades if _same(grade.keep, keep)]
        if not found:
            raise KeyError(f"There are no grades for the share {keep}; there are for {self.shares}")
        return tuple(sorted(found, key=lambda grade: -grade.accuracy))

    def covers(self, keep: float) -> bool:
        """Return whether a share was graded."""
        return any(_same(share, keep) for share in self.shares)

    def of(self, policy: str) -> tuple[Grade, ...]:
        """Return the best grade of a policy at each share where it was tried, ascending."""
        best = {
            keep: next((grade for grade in self.at(keep) if grade.candidate.policy == policy), None)
            for keep in self.shares
        }
        return tuple(grade for grade in best.values() if grade is not None)

    def best(self, keep: float) -> Grade:
        """Return what is to be done at a share: the best of what is clearly better than random.

        Where nothing is, or photographs were compared by their pixels, that is ``random``.
        """
        grades = self.at(keep)
        control = next(grade for grade in grades if grade.candidate.policy == RANDOM)
        better = [] if self.pixels else [grade for grade in grades if grade.is_better]
        return better[0] if better else control

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies that were tried, ``random`` first."""
        return tuple(dict.fromkeys(grade.candidate.policy for grade in self.grades))

    @property
    def lossless(self) -> float:
        """The least share at which what is best loses nothing measurable; or 1.

        There are examples enough to measure a loss of two points. Nor do all lose something at a
        larger share: a smaller one were then good by luck.
        """
        best = (self.best(keep) for keep in self._not_lossy())
        return min((one.keep for one in best if not (one.loses or one.is_unclear)), default=1.0)

    def _not_lossy(self) -> tuple[float, ...]:
        """Return the shares, the largest first, down to one at which all lose something."""
        return tuple(
            itertools.takewhile(
                lambda keep: not all(grade.loses for grade in self.at(keep)), reversed(self.shares)
            )
        )

    @property
    def verdict(self) -> str:
        """The advice in a sentence or two."""
        if self.pixels:
            return (
                "By pixels nobody can tell which photographs a network needs, nor how many: take "
                "an encoder, and choose at random until then."
            )
        return " ".join([self._kept(), *self._below()])

    def _kept(self) -> str:
        if self.lossless < 1:
            how = self.best(self.lossless).candidate.how
            return f"Keep {self.lossless:.0%}, {how}: nothing measurable is lost."
        for keep in self._not_lossy():
            best = self.best(keep)
            if best.is_unclear:
                return (
                    "There are too few different examples to tell what may be dropped: at "
                    f"{keep:.0%}, {best.candidate.how}, up to {100 * best.may_lose:.1f} points "
                    "may be lost."
                )
        return f"Every share that was tried, {self.shares[-1]:.0%} too, loses something."

    def _below(self) -> list[str]:
        least = self.shares[0]
        if least >= self.lossless:
            return []
        best = self.best(least)
        lost = f"{100 * best.loss:.1f} points are lost"
        if best.candidate.policy == RANDOM:
            return [f"At {least:.0%}, at random, {lost}."] if best.loses else []
        instead = f"{lost}, {100 * (best.loss + best.gain):.1f} at random"
        up_to = self._up_to(best.candidate.policy)
        if up_to == least:
            return [f"At {least:.0%} take {best.candidate}: {instead}."]
        return [f"At {up_to:.0%} and below take {best.candidate.policy}: at {least:.0%} {instead}."]

    def _up_to(self, policy: str) -> float:
        """Return the share up to which a policy is best, of those that lose something."""
        lossy = (keep for keep in self.shares if keep < self.lossless)
        found = itertools.takewhile(lambda keep: self.best(keep).candidate.policy == policy, lossy)
        return [*found][-1]

    def __str__(self) -> str:
        """Return a line a share, and the verdict."""
        lines = ["keep   best                       accuracy   random   lost"]
        for keep in reversed(self.shares):
            best = self.best(keep)
            control = best.accuracy - best.gain
            lines.append(
                f"{keep:>4.0%}   {best.candidate!s:<25}  {best.accuracy:>8.1%} {control:>8.1%}  "
                f"{100 * best.loss:>5.1f} ± {100 * best.loss_error:.1f}"
            )
        return "\n".join([*lines, f"100%   {'':<25}  {self.accuracy:>8.1%}", "", self.verdict])

    def joined(self, earlier: Advice | None) -> Advice:
        """Return this advice with the other shares of an earlier one on the same examples."""
        if earlier is None or self.graded_alike != earlier.graded_alike:
            return self
        others = [grade for grade in earlier.grades if not self.covers(grade.keep)]
        return dataclasses.replace(self, grades=(*self.grades, *others))

    @property
    def graded_alike(self) -> tuple[object, ...]:
        """What two pieces of advice must have in common to be joined."""
        return (self.accuracy, self.examples, self.graded, self.rounds, self.pixels)

    def as_json(self) -> dict[str, Any]:
        """Return the same as JSON values, as the file of scores keeps it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Advice:
        """Return what :meth:`as_json` gave."""
        grades = tuple(
            Grade(**{**grade, "candidate": Candidate(**grade["candidate"])})
            for grade in values["grades"]
        )
        return cls(**{**values, "grades": grades})


def _same(keep: float, other: float) -> bool:
    """Return whether two shares are equal but for rounding, as 0.3 and 0.1 + 0.2 are."""
    return abs(keep - other) < 1e-9
