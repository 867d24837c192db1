"""The page's classes: a row of each, and the typical and the odd examples of some."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from torch_cgprune.report.pictures import Pictures
from torch_cgprune.report.suspects import brief, call, picture, text, worst_classes
from torch_cgprune.scores import CGScores
from torch_cgprune.scores.histogram import bins_of

# Classes of which examples are shown, and how many of either end of the scores.
CLASSES_SHOWN, EXAMPLES = 30, 8
_BINS = 40


def class_rows(scores: CGScores, flagged: Tensor) -> list[list[float]]:
    """Return of every class its examples, those flagged, and its scores' mean and middle half.

    The middle half is given by the first and the third quartile. Examples in conflict with a copy
    are left out of what is said of scores: a ridge alone decides theirs.
    """
    rows = []
    for code in range(len(scores.classes)):
        inside = scores.labels == code
        values = scores.values[inside & ~scores.conflicts]
        if not len(values):
            values = scores.values[inside]
        low, high = values.quantile(values.new_tensor([0.25, 0.75])).tolist()
        counts = (int(inside.sum()), int(flagged[inside].sum()))
        rows.append([*counts, *(brief(value) for value in (float(values.mean()), low, high))])
    return rows


def histogram(scores: CGScores, flagged: Tensor) -> dict[str, Any]:
    """Return how the scores lie: ``low``, ``high``, counts of ``all`` and of the ``flagged``.

    The highest 0.5 % are in the last bar.
    """
    counts, low, high = bins_of(scores.values, _BINS)
    inside = scores.values[flagged].clamp(low, high)
    doubted = inside.float().histc(_BINS, low, high) if len(inside) else counts.new_zeros(_BINS)
    numbers = {"all": counts, "flagged": doubted}
    return {
        "low": low,
        "high": high,
        **{name: [*map(int, of.tolist())] for name, of in numbers.items()},
    }


def examples_by_class(
    scores: CGScores, flagged: Tensor, pictures: Pictures
) -> dict[int, dict[str, Any]]:
    """Return the examples of the lowest and the highest scores, by the code of their class.

    Of more than 30 classes, those of which the largest share is flagged.
    """
    shown = {}
    for code in worst_classes(scores, flagged)[:CLASSES_SHOWN]:
        members = (scores.labels == code).nonzero().flatten()
        ranking = members[scores.values[members].argsort(stable=True)].tolist()
        low, high = ranking[:EXAMPLES], ranking[::-1][:EXAMPLES]
        shown[code] = {
            "lowest": [_example(scores, i, pictures) for i in low],
            "highest": [_example(scores, i, pictures) for i in high],
        }
    return shown


def _example(scores: CGScores, index: int, pictures: Pictures) -> list[Any]:
    """Return name, score, picture and text of an example."""
    drawn = pictures.draw([index])[index]
    score = brief(float(scores.values[index]))
    return [call(scores, index), score, picture(drawn) or 0, text(drawn) or 0]
