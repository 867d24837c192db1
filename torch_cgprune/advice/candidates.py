"""The selections that are compared: policies, with what each has to be told."""

from __future__ import annotations

import dataclasses
from typing import Any

from torch import Tensor

from torch_cgprune.policies.by_name import POLICIES, WINDOW, kept_by

# Shares of the hardest that coverage-centric selection leaves out (Zheng et al. 2023, App. C).
_CUTS = (0.0, 0.1, 0.3)
# Windows start at every twentieth.
_STEPS = 20

RANDOM = "random"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A policy that keeps a fixed share.

    Attributes:
        policy: by its name.
        start: share of the examples below a window.
        cut: share of the examples that ``stratified`` drops for being hardest.

    """

    policy: str
    start: float | None = None
    cut: float | None = None

    def __str__(self) -> str:
        if self.start is not None:
            return f"{self.policy} from {self.start:.0%}"
        return self.policy if self.cut is None else f"{self.policy}, cut {self.cut:.0%}"

    @property
    def how(self) -> str:
        """How it keeps a share, behind "keeps 30%"."""
        return "at random" if self.policy == RANDOM else f"by {self}"

    @property
    def needs_rows(self) -> bool:
        """Whether scores alone do not do."""
        return POLICIES[self.policy].of_rows is not None

    def kept(self, values: Any, codes: Tensor, keep: float, **options: Any) -> Tensor:
        """Return the sorted indices that are kept; see ``kept_by``."""
        return kept_by(self.policy, values, codes, keep, start=self.start, cut=self.cut, **options)


def candidates(keep: float) -> list[Candidate]:
    """Return what is compared with a random choice, where a share is kept.

    Example:
        >>> [*map(str, candidates(0.9))]
        ['high-first', 'window from 5%', 'low-first', 'stratified, cut 0%', 'stratified, cut 10%', \
'herding']

    """
    drop = 1 - keep
    starts = [i / _STEPS for i in range(1, _STEPS) if i / _STEPS < drop - 1e-9]
    cuts = [cut for cut in _CUTS if cut <= drop + 1e-9]
    return [
        Candidate("high-first"),
        *(Candidate(WINDOW, start=start) for start in starts),
        Candidate("low-first"),
        *(Candidate("stratified", cut=cut) for cut in cuts),
        Candidate("herding"),
    ]
