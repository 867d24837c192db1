"""What is graded: scores, and the rows that they are of."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from torch import Tensor

from torch_cgprune.inputs.fingerprints import row_digests, sample
from torch_cgprune.inputs.rows import as_matrix
from torch_cgprune.scores import CGScores
from torch_cgprune.scoring.columns import rows_as_scored


class ScoredRows(Protocol):
    """A dataset that has scores and the rows they are of, as ``CGScoredDataset`` does."""

    @property
    def scores(self) -> CGScores:
        """Those of all its examples, in their order."""

    def rows(self) -> Tensor:
        """(n, d) what was scored."""


# A tuple holds (n, ...) rows and their scores.
Scored: TypeAlias = ScoredRows | tuple[Any, CGScores]


def scored_rows(source: Scored) -> tuple[Tensor, CGScores]:
    """Return the (n, d) rows of a source, as they were compared for scores, and the scores.

    Raises:
        TypeError, ValueError: it has no rows, or others than were scored.

    """
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], CGScores):
        return _paired(*source), source[1]
    rows: Any = getattr(source, "rows", None)
    scores: Any = getattr(source, "scores", None)
    if isinstance(source, tuple) or rows is None or not isinstance(scores, CGScores):
        raise TypeError(
            "The 'source' of advise must be a CGScoredDataset, or a pair of rows and their "
            f"CGScores: it looks at both. Got {type(source).__name__} instead."
        )
    return rows(), scores


def _paired(rows: Any, scores: CGScores) -> Tensor:
    matrix = as_matrix(rows)
    if len(matrix) != len(scores):
        raise ValueError(
            f"The rows that advise is given must be those that were scored. Got {len(matrix)} rows "
            f"and the scores of {len(scores)} examples."
        )
    _check_same(matrix, scores)
    return rows_as_scored(matrix, scores.metadata)


def _check_same(matrix: Tensor, scores: CGScores) -> None:
    """Raise ValueError if some rows are not those that were scored; of images none can be told."""
    some = sample(len(matrix))
    if "encoder" not in scores.metadata:
        differs = row_digests(matrix[some]) != scores.digests[some]
        if differs.any():
            raise ValueError(
                "The rows that advise is given must be those that were scored, in their order and "
                f"dtype. Got others: example {some[int(differs.nonzero()[0])]} differs."
            )
