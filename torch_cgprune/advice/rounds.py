"""Rounds of grading: some rows held out, policies choosing from the rest."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from torch_cgprune.advice.advice import Grade
from torch_cgprune.advice.candidates import RANDOM, Candidate, candidates
from torch_cgprune.advice.grading import predicted_right
from torch_cgprune.advice.sample import folds
from torch_cgprune.errors import Message, NothingToPredictError
from torch_cgprune.inputs.fingerprints import row_digests
from torch_cgprune.kernel import gram_matrix, unit_rows
from torch_cgprune.policies.by_name import POLICIES
from torch_cgprune.scores.groups import first_alike
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.score import score_within
from torch_cgprune.utils.devices import check_fits

# Random choices that others are compared with.
DRAWS = 3
# Examples that are counted as predicted otherwise, beside those that were held out: where none of a
# few differs, the next may. Two standard errors of no difference among h are then 2.8 / h, as
# the rule of three has it.
_UNSEEN = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Round:
    """A part of m rows that is held out, and the r others.

    Attributes:
        gram: (m, m) of all.
        codes: (m,) int64 class codes.
        copies: (m,) int64, equal for rows that are copies.
        rest: (r,) int64 the rows that may be kept.
        held: (h,) int64 those that are predicted.
        values: (r,) scores of the rest, which know nothing of the labels held out.
        herded: (r,) what herding takes as scores.
        balanced: policies choose inside every class.
        seed: of their draws.

    """

    gram: Tensor
    codes: Tensor
    copies: Tensor
    rest: Tensor
    held: Tensor
    values: Tensor
    herded: Tensor
    balanced: bool
    seed: int

    def right(self, keep: float) -> Tensor:
        """Return (DRAWS + c, h) bool: what random choices and the c candidates predict right."""
        draws = [self._kept(Candidate(RANDOM), keep, self.seed + i) for i in range(DRAWS)]
        others = [self._kept(candidate, keep, self.seed) for candidate in candidates(keep)]
        return self.right_by([*draws, *others])

    def right_by(self, choices: Sequence[Tensor]) -> Tensor:
        """Return (c, h) bool of c choices, indices into the rest."""
        masks = torch.zeros(len(choices), len(self.codes), dtype=torch.bool)
        for mask, chosen in zip(masks, choices, strict=True):
            mask[self.rest[chosen]] = True
        return predicted_right(self.gram, masks, self.codes, self.held)

    def _kept(self, candidate: Candidate, keep: float, seed: int) -> Tensor:
        values = self.herded if candidate.needs_rows else self.values
        codes = self.codes[self.rest]
        return candidate.kept(values, codes, keep, balanced=self.balanced, seed=seed)


def rounds_of(
    rows: Tensor,
    codes: Tensor,
    count: int,
    *,
    ridge: float,
    device: torch.device,
    balanced: bool,
    seed: int,
) -> list[Round]:
    """Return the rounds on m rows.

    Args:
        rows: (m, d).
        codes: (m,) int64 class codes.
        count: how many rounds.
        ridge: of the scores.
        device: where to compute.
        balanced: policies choose inside every class.
        seed: of the split and of all draws.

    Raises:
        NothingToPredictError: copies leave nothing to hold out.

    """
    copies = _copies(rows)
    parts = [*folds(codes, copies, count, seed=seed)]
    if not parts:
        raise NothingToPredictError(
            "Advice holds examples out with all their copies, and needs others of their classes. "
            f"Got {len(rows)} examples with {len(copies.unique())} different rows, of which none "
            "can be held out. Keep some at random, or tell more of them apart by other features."
        )
    gram = _gram(rows, device)
    scored = functools.partial(
        score_within,
        Limits(),
        method="exact",
        ridge=ridge,
        device=device,
        progress=False,
        remarks=False,
    )
    herded = POLICIES["herding"].of_rows
    assert herded is not None  # noqa: S101
    return [
        Round(
            gram,
            codes,
            copies,
            rest,
            held,
            scored(rows[rest], codes[rest]).values,
            herded(rows[rest], codes[rest], balanced=balanced, seed=seed),
            balanced,
            seed,
        )
        for rest, held in parts
    ]


def _copies(rows: Tensor) -> Tensor:
    """Return (m,) the first row that each is a copy of, up to scale, as scoring finds them.

    Near copies are rows of their own: in few dimensions all are near to some other, and a chain of
    these takes in whole classes.
    """
    return first_alike(row_digests(unit_rows(rows, dtype=torch.float32, device="cpu")))


def _gram(rows: Tensor, device: torch.device) -> Tensor:
    m = len(rows)
    check_fits(
        4 * m * (2 * m + rows.shape[1]),
        device,
        Message("Advice on %d of the examples", m),
        "Close what else takes memory, or compute on another device.",
    )
    return gram_matrix(unit_rows(rows, dtype=torch.float32, device=device))


def grades(keep: float, right: Tensor, full: Tensor, copies: Tensor) -> list[Grade]:
    """Return the grades of one share, ``random`` first.

    Args:
        keep: the share.
        right: (DRAWS + c, h) bool, see :meth:`Round.right`, of all rounds.
        full: (h,) bool, what all the data predict right.
        copies: (h,) int64, equal for copies, which count as one for the standard errors.

    """
    control, whole = right[:DRAWS].double().mean(0), full.double()
    of_choices = zip(candidates(keep), right[DRAWS:].double(), strict=True)
    return [
        _grade(keep, candidate, one, control, whole, copies)
        for candidate, one in ((Candidate(RANDOM), control), *of_choices)
    ]


def _grade(
    keep: float, candidate: Candidate, one: Tensor, control: Tensor, full: Tensor, copies: Tensor
) -> Grade:
    gain, loss = _difference(one, control, copies), _difference(full, one, copies)
    return Grade(keep, candidate, float(one.mean()), *gain, *loss)


def _difference(one: Tensor, other: Tensor, copies: Tensor) -> tuple[float, float]:
    """Return the mean difference over the same examples, and its standard error.

    Copies are predicted alike: their deviations are one, as large as they are many.
    """
    gaps = one - other
    _, groups, sizes = copies.unique(return_inverse=True, return_counts=True)
    deviations = gaps.new_zeros(len(sizes)).index_add_(0, groups, gaps - gaps.mean())
    squares = deviations.square().sum() + _UNSEEN * sizes.double().square().mean()
    return float(gaps.mean()), float(squares.sqrt() / len(gaps))
