"""The columns of a table: how much they vary, and whether in one unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torch_cgprune.errors import Argument, ArgumentValueError
from torch_cgprune.inputs.bad_rows import bad_rows, sort_out
from torch_cgprune.inputs.rows import as_matrix
from torch_cgprune.kernel import Scaling
from torch_cgprune.utils.warn import warn_caller

# Rows measured at a time, which bounds the float64 copies.
_ROWS = 4096
# Images and embeddings have more columns, of one unit all: a border that hardly varies is no other.
_FEW = 64
# Deviations that differ by more are of different units. So must the ranges do, by more than a byte
# has steps: a pixel that is seldom lit deviates little, and is in the unit of the others.
_UNLIKE, _STEPS = 1000, 255


class Columns(NamedTuple):
    """How the columns of a table vary.

    Attributes:
        mean: (d,) float64.
        deviation: (d,) float64 standard deviations, of all rows.
        span: (d,) float64 from the smallest value to the largest; 0 where all are equal.

    """

    mean: Tensor
    deviation: Tensor
    span: Tensor


def measure(matrix: Tensor) -> Columns:
    """Return how the columns of an (n, d) matrix vary, from one pass over its rows.

    Raises:
        ArgumentValueError: a row holds NaN or infinity; ``row`` is its index.

    References:
        Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample
        variances. 1979, eq. 2.1.

    """
    # From the first row on, else constant columns would come out as varying by rounding.
    origin = matrix[0].to("cpu", torch.float64)
    mean, squares, low, high = torch.zeros(4, len(origin), dtype=torch.float64)
    n = 0
    for part in matrix.split(_ROWS):
        rows = part.to("cpu", torch.float64)
        not_finite, _ = sort_out(rows.abs().amax(1), torch.arange(n, n + len(rows), device="cpu"))
        if not_finite:
            raise bad_rows(not_finite, [])
        rows = rows - origin
        low, high = low.minimum(rows.amin(0)), high.maximum(rows.amax(0))
        ahead = rows.mean(0) - mean
        mean = mean + ahead * len(rows) / (n + len(rows))
        squares = squares + ahead.square() * n * len(rows) / (n + len(rows))
        n += len(rows)
        squares = squares + (rows - rows.mean(0)).square().sum(0)
    return Columns(origin + mean, (squares / n).sqrt(), high - low)


def standardising(columns: Columns) -> Scaling:
    """Return what brings columns to mean 0 and deviation 1, and leaves out those that are constant.

    Raises:
        ArgumentValueError: no column varies, or the squares of one cannot be told in float64.

    """
    varies = columns.span > 0
    wrong = varies & ~((columns.deviation > 0) & columns.deviation.isfinite())
    if wrong.any():
        raise _not_standardised(
            f"column {int(wrong.nonzero()[0])} has no deviation in float64",
            "Multiply it to have numbers nearer to 1.",
        )
    if not varies.any():
        raise _not_standardised("all are constant", "Pass features that differ.")
    return Scaling(columns.mean, torch.where(varies, 1 / columns.deviation, 0))


def rows_as_scored(features: Any, metadata: Mapping[str, Any]) -> Tensor:
    """Return the (n, d) rows as the kernel saw them, up to scale, for whoever compares them again.

    Args:
        features: (n, ...) what was scored.
        metadata: of their scores.

    Returns:
        The rows themselves, or float32 ones of standardised columns.

    """
    matrix = as_matrix(features)
    if not metadata.get("options", {}).get("standardise", False):
        return matrix
    scaling = standardising(measure(matrix))
    return torch.cat([scaling(part.double()).float() for part in matrix.split(_ROWS)])


def _not_standardised(why: str, cure: str) -> ArgumentValueError:
    return ArgumentValueError(
        "The columns of the 'features' cannot be standardised: %s.",
        why,
        parameter="standardise",
        cure=cure,
    )


def scaling_of(matrix: Tensor, *, standardise: bool, remarks: bool = True) -> Scaling | None:
    """Return what is done to the columns before scoring; warn where nothing is and should be.

    Args:
        matrix: (n, d) features.
        standardise: do it.
        remarks: whether to warn.

    Raises:
        ArgumentValueError: as :func:`measure` and :func:`standardising`.

    """
    if standardise:
        return standardising(measure(matrix))
    if remarks and 1 < matrix.shape[1] < _FEW:
        _warn_of_units(measure(matrix))
    return None


def _warn_of_units(columns: Columns) -> None:
    varying = (columns.span > 0).nonzero().squeeze(1)
    if len(varying) == 0:
        return
    deviation = columns.deviation[varying]
    high, low = (int(varying[i]) for i in (deviation.argmax(), deviation.argmin()))
    _, deviations, spans = columns
    if deviations[high] > _UNLIKE * deviations[low] and spans[high] > _STEPS * spans[low]:
        warn_caller(
            "The columns of the 'features' seem to be of different units: column %d has the "
            "standard deviation %.3g, column %d %.3g, and hardly counts beside it. Pass %s to "
            "bring all to the same.",
            high,
            float(deviations[high]),
            low,
            float(deviations[low]),
            Argument("standardise", "True"),
        )
