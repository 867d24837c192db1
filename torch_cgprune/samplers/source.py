"""What a sampler takes its examples from, read once."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Protocol, TypeAlias

from torch import Tensor

from torch_cgprune.inputs.frames import check_aligned
from torch_cgprune.inputs.labels import Labels
from torch_cgprune.lists import reviewed
from torch_cgprune.policies.quotas import checked
from torch_cgprune.scores import CGScores


class ScoredDataset(Protocol):
    """A dataset that has scores, as ``CGScoredDataset`` does, which this room does not know.

    It may have ``rows()`` too, (n, d) what was scored, for policies that look at it; and
    ``relabelled``, (n,) bool, the examples that it gives another label: they are
    no suspects any more; and ``shows_progress``, False where nobody wants to see a progress bar.
    """

    @property
    def scores(self) -> CGScores:
        """Those of all its examples, in their order."""


# A tuple holds (n,) scores of any method, as a tensor, an array or a sequence, and n labels.
Source: TypeAlias = ScoredDataset | CGScores | tuple[Any, Labels]


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """The n examples of a source.

    Attributes:
        values: (n,) scores, higher for harder.
        codes: (n,) int64 class codes.
        scores: where the values are from; None for those of another method, which suspect nobody.
        replaced: (n,) bool, those whose label is another by now; None for none.

    """

    values: Tensor
    codes: Tensor
    scores: CGScores | None = None
    replaced: Tensor | None = None

    def __len__(self) -> int:
        return len(self.codes)


def examples_of(source: Source, *, higher_is_harder: bool = True) -> Examples:
    """Return the examples of a source.

    Args:
        source: see ``PrunedSampler``.
        higher_is_harder: False for scores of a tuple that are lower for harder examples.

    Raises:
        TypeError, ValueError: no such source; scores that are not finite or not one per label;
            CGScores with ``higher_is_harder=False``.

    """
    scores = getattr(source, "scores", source)
    if isinstance(scores, CGScores):
        _check_direction(higher_is_harder=higher_is_harder)
        replaced = getattr(source, "relabelled", None)
        return Examples(
            scores.values,
            scores.labels,
            scores,
            replaced if isinstance(replaced, Tensor) else None,
        )
    if not (isinstance(source, tuple) and len(source) == 2):
        raise TypeError(
            "The 'source' of a sampler must be a CGScoredDataset, CGScores, or a tuple "
            f"(scores, labels). Got {type(source).__name__} instead."
        )
    check_aligned("scores", source[0], "labels", source[1])
    values, codes = checked(*source)
    return Examples(values if higher_is_harder else -values.double(), codes)


def without_reviewed(examples: Examples, owner: str, path: str | os.PathLike[str]) -> Examples:
    """Return examples of which nothing is a suspect that a person has found to be fine.

    Raises:
        TypeError: examples of a pair, which suspect nobody.
        FileNotFoundError, ValueError: no such file, or one of other data.

    """
    if examples.scores is None:
        raise TypeError(
            f"The 'reviewed' parameter of {owner} is for a CGScoredDataset or CGScores: a pair of "
            "scores and labels has no suspects."
        )
    return dataclasses.replace(examples, scores=reviewed(examples.scores, path))


def check_has_rows(source: Source, owner: str, policy: str) -> None:
    """Raise TypeError if a source has scores alone, and no ``rows()``, which a policy looks at."""
    if isinstance(source, tuple) or getattr(source, "rows", None) is None:
        raise TypeError(
            f"The policy {policy!r} of {owner} looks at features, and a {type(source).__name__} "
            "has scores alone. Pass a CGScoredDataset, whose features= say what is looked at; or "
            "the indices that policies.herding gives to SelectionSampler."
        )


def rows_of(source: Any, owner: str, policy: str) -> Tensor:
    """Return the (n, d) rows of a source, which a policy looks at.

    Raises:
        TypeError: it has scores alone.

    """
    check_has_rows(source, owner, policy)
    rows: Tensor = source.rows()
    return rows


def size_of(source: Source) -> int:
    """Return how many examples a source has, of which examples were taken."""
    scores: Any = getattr(source, "scores", source)
    return len(scores[1] if isinstance(scores, tuple) else scores)


def _check_direction(*, higher_is_harder: bool) -> None:
    if not higher_is_harder:
        raise ValueError(
            "The 'higher_is_harder' parameter of a sampler must be True for CG-scores, which are "
            "higher for harder examples. Got False; it is for a pair (scores, labels)."
        )
