"""Unit rows and tiles of the arc-cosine Gram matrix."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from torch_cgprune.inputs.bad_rows import bad_rows, sort_out
from torch_cgprune.kernel.near import Finder

# Rows normalised at a time: bounds the float64 copies to a few MB for images.
_CHUNK_ROWS = 1024

# Entries whose arccos is taken at a time, which takes a temporary of as many numbers: what a
# core's cache holds, and enough to keep a GPU busy.
_CHUNK_ON_CPU, _CHUNK_ON_GPU = 2**18, 2**24
# Those of which pairs are taken, which takes up to 170 bytes for each: 0.7 GB where all are close.
CHUNK_OF_PAIRS = 2**22

# Above this cosine (0.8 degrees) entries are computed from differences of rows.
_CLOSE = 1 - 1e-4


class Scaling(NamedTuple):
    """What is done to the columns before rows are scaled: ``(rows - mean) * factor``.

    Attributes:
        mean: (d,) float64.
        factor: (d,) float64; 0 leaves a column out.

    """

    mean: Tensor
    factor: Tensor

    def __call__(self, rows: Tensor) -> Tensor:
        """Return (m, d) float64 rows, scaled by column."""
        return (rows - self.mean.to(rows.device)) * self.factor.to(rows.device)


def unit_rows(
    features: Tensor,
    *,
    dtype: torch.dtype,
    device: torch.device | str,
    chosen: Tensor | None = None,
    scaling: Scaling | None = None,
) -> Tensor:
    r"""Scale every row to Euclidean norm 1, with the norm taken in float64.

    Args:
        features: (n, ...) real numbers of any dtype on any device; trailing axes are flattened.
        dtype: dtype of the result, float32 or float64.
        device: device of the result.
        chosen: (m,) int64 rows to take, in this order; None takes all. Only these are read.
        scaling: of the columns, first; None leaves them as they are.

    Returns:
        (n, d), or (m, d), unit rows, the :math:`x_i` of the paper (section 2).

    Raises:
        ArgumentValueError: rows hold NaN or infinity, or are all zeros, which the mean of all is
            after a scaling; ``rows`` are their indices, of those read together.

    Example:
        >>> unit_rows(torch.tensor([[3, 4], [0, 2]]), dtype=torch.float32, device="cpu")
        tensor([[0.6000, 0.8000],
                [0.0000, 1.0000]])

    """
    flat = features.reshape(len(features), -1)
    n = len(flat) if chosen is None else len(chosen)
    rows = torch.empty(n, flat.shape[1], dtype=dtype, device=device)
    for start in range(0, n, _CHUNK_ROWS):
        stop = min(start + _CHUNK_ROWS, n)
        part = slice(start, stop) if chosen is None else chosen[start:stop].to(flat.device)
        chunk = flat[part].to(device=device, dtype=torch.float64)
        if scaling is not None:
            chunk = scaling(chunk)
        # Dividing by the largest entry first keeps the squares from overflow and underflow.
        largest = chunk.abs().amax(dim=1, keepdim=True)
        indices = torch.arange(n, device="cpu") if chosen is None else chosen
        if any(bad := sort_out(largest.squeeze(1), indices[start:stop])):
            raise bad_rows(*bad, centred=scaling is not None)
        chunk = chunk / largest
        rows[start : start + len(chunk)] = chunk / torch.linalg.vector_norm(
            chunk, dim=1, keepdim=True
        )
    return rows


def gram_tile(
    rows: Tensor, start: int, stop: int, out: Tensor, finder: Finder | None = None
) -> Tensor:
    r"""Fill rows ``start:stop`` of arc-cosine Gram matrices, columns up to ``stop``.

    .. math:: H_{ij} = x_i^T x_j \, (\pi - \arccos(x_i^T x_j)) / (2 \pi), \qquad H_{ii} = 1/2

    Args:
        rows: (B, n, d) unit rows, of one matrix each.
        start: first row of the tile.
        stop: one past its last row.
        out: (B, stop - start, stop) tensor of the same dtype and device, overwritten.
        finder: is told the pairs of rows that are as close as it wants; None looks for none.

    Returns:
        (B, stop - start) bool: the row is nearly a copy of an earlier row of the matrix, the angle
        between them is below :func:`twin_angle`.

    References:
        Ki, Choi, Chung (ICLR 2023), eq. 1.

    Example:
        >>> out = torch.empty(1, 2, 2)
        >>> gram_tile(torch.eye(2)[None], 0, 2, out)
        tensor([[False, False]])
        >>> out[0]
        tensor([[0.5000, 0.0000],
                [0.0000, 0.5000]])

    """
    torch.bmm(rows[:, start:stop], rows[:, :stop].mT, out=out)
    own = out[..., start:].diagonal(dim1=1, dim2=2)
    own.zero_()  # no close pair
    limit = _CHUNK_ON_CPU if out.device.type == "cpu" else _CHUNK_ON_GPU
    if finder is not None:
        limit = min(limit, CHUNK_OF_PAIRS)
    step = max(1, limit // (len(out) * stop))
    twins = []
    for first in range(start, stop, step):
        part = out[:, first - start : first - start + step]
        part.clamp_(-1, 1)  # rounding may push a product of unit rows past 1, where arccos is NaN
        above = 1.0 if finder is None else finder.above
        found = close_entries(part, rows[:, first : first + step], rows, above)
        part.mul_(torch.acos(part).div_(-2 * math.pi).add_(0.5))
        twins.append(_refine(part, first, found))
        if finder is not None:
            finder.add(found.entries + found.entries.new_tensor([0, first, 0]), found.cosines)
    own.fill_(0.5)
    return torch.cat(twins, dim=1)


def gram_matrix(unit: Tensor) -> Tensor:
    """Return the (n, n) Gram matrix of (n, d) unit rows: see :func:`gram_tile`."""
    gram = unit.new_empty(1, len(unit), len(unit))
    gram_tile(unit[None], 0, len(unit), gram)
    return gram[0]


def twin_angle(dtype: torch.dtype) -> float:
    """Return the angle in radians below which rounding hides that two rows differ: 1,000 ulps."""
    return 1000 * torch.finfo(dtype).eps


class CloseEntries(NamedTuple):
    """Entries of matrices of cosines that are close to 1.

    Attributes:
        entries: (m, 3) int64 matrix, row and column.
        cosines: (m,) float64.
        small: (m,) bool, those of small angles.
        angles: of these, in radians.

    """

    entries: Tensor
    cosines: Tensor
    small: Tensor
    angles: Tensor


def close_entries(products: Tensor, rows: Tensor, others: Tensor, above: float) -> CloseEntries:
    """Return the entries of a cosine from ``above`` on, and all those of small angles.

    The cosine of a small angle keeps only half of its digits: it is computed anew, from the length
    of the difference.

    Args:
        products: (B, a, b) products of unit rows.
        rows: (B, a, d) these rows.
        others: (B, b or more, d) those they are multiplied with.
        above: the least cosine.

    """
    entries = (products >= min(_CLOSE, above)).nonzero()
    cosines = products[entries.unbind(1)].double()
    small = cosines >= _CLOSE
    chords = [
        torch.linalg.vector_norm(rows[b, i] - others[b, j], dim=1)
        for b, i, j in (part.unbind(1) for part in entries[small].split(_CHUNK_ROWS))
    ]
    angles = 2 * torch.asin(torch.cat(chords) / 2)
    cosines[small] = angles.double().cos()
    return CloseEntries(entries, cosines, small, angles)


def _refine(out: Tensor, start: int, found: CloseEntries) -> Tensor:
    """Compute entries of rows from ``start`` on anew, from small angles; return the twins."""
    angles, (b, i, j) = found.angles, found.entries[found.small].unbind(1)
    out[b, i, j] = angles.cos() * (math.pi - angles) / (2 * math.pi)
    twins = torch.zeros(out.shape[:2], dtype=torch.bool, device=out.device)
    twin = (j < start + i) & (angles < twin_angle(out.dtype))
    twins[b[twin], i[twin]] = True
    return twins
