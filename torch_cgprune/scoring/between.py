"""Near copies between two sources, as a training and a test set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from tqdm.auto import tqdm

from torch_cgprune.errors import ArgumentValueError, Parameter
from torch_cgprune.inputs.bad_rows import bad_rows, find_bad_rows
from torch_cgprune.inputs.rows import as_matrix
from torch_cgprune.kernel import unit_rows
from torch_cgprune.kernel.gram import CHUNK_OF_PAIRS, close_entries
from torch_cgprune.kernel.near import PAIRS_PER_EXAMPLE, Closest, cut
from torch_cgprune.scoring.options import dtype_name
from torch_cgprune.utils.checks import check_real
from torch_cgprune.utils.devices import own_settings, pick_device

# Rows of a tile, so that the cosines of two are as many as are looked through at a time.
_ROWS = math.isqrt(CHUNK_OF_PAIRS)


class NearCopies(NamedTuple):
    """Near copies between two sources, the closest first.

    Attributes:
        pairs: (m, 2) int64 an example of the one and an example of the other.
        cosines: (m,) float64 of the angles between their rows, up to 1.

    """

    pairs: Tensor
    cosines: Tensor


def near_copies(
    features: Any,
    others: Any,
    *,
    near: float = 0.99,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
    progress: bool = True,
) -> NearCopies:
    """Find examples of two sources that are nearly the same, as of a training and a test set.

    Both are read tile by tile: memory does not grow with their lengths, but for the pairs, at most
    ten for each example of both. Where there are more, the closest are listed, and the log says so.

    Args:
        features: (n, ...) numbers, as :func:`cg_scores` takes them; rows are scaled to unit norm.
        others: (m, ...) numbers of the same kind and length.
        near: cosine, in (0, 1], from which two examples are near copies; see :func:`cg_scores`. 1
            finds exact ones alone, equal up to scale.
        device: where to compute; None as for :func:`cg_scores`.
        dtype: ``torch.float32`` or ``torch.float64``.
        progress: show a progress bar.

    Returns:
        The :class:`NearCopies`: pairs of an index of ``features`` and one of ``others``.

    Raises:
        TypeError, ValueError: bad features or options, rows of different lengths; the message names
            the cure.

    Example:
        >>> train = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> test = torch.tensor([[1.0, 0.9], [-1.0, 0.0], [0.0, 2.0]])
        >>> near_copies(train, test, progress=False).pairs
        tensor([[1, 2],
                [2, 0]])

    """
    check_real("near", "near_copies", near, "(0, 1]")
    dtype_name(dtype, "near_copies")
    with own_settings():
        matrices = _matrix(features, "features"), _matrix(others, "others")
        n, m = map(len, matrices)
        _check_lengths(*(matrix.shape[1] for matrix in matrices))
        closest = Closest(near, PAIRS_PER_EXAMPLE * (n + m))
        how = {"dtype": dtype, "device": pick_device(device, matrices[0].device)}
        with tqdm(total=n * m, desc="near copies", unit_scale=True, disable=not progress) as bar:
            for start, rows in _tiles(matrices[0], **how):
                for first, tile in _tiles(matrices[1], **how):
                    products = (rows @ tile.mT).clamp_(-1, 1)
                    found = close_entries(products, rows, tile, closest.above)
                    places = found.entries[:, 1:] + found.entries.new_tensor([start, first])
                    closest.add(places.cpu(), found.cosines.cpu())
                    bar.update(products.numel())
        return NearCopies(*cut(closest))


def _tiles(matrix: Tensor, **how: Any) -> Iterator[tuple[int, Tensor]]:
    """Yield the first row of every tile, and its unit rows as a batch of one."""
    for part in torch.arange(len(matrix)).split(_ROWS):
        yield int(part[0]), unit_rows(matrix, chosen=part, **how)[None]


def _matrix(rows: Any, name: str) -> Tensor:
    """Return rows as a matrix that has been looked through; errors are of the argument's name."""
    try:
        matrix = as_matrix(rows)
        if any(bad := find_bad_rows(matrix)):
            raise bad_rows(*bad)
    except (TypeError, ValueError) as error:
        if name == "features":
            raise
        raise _of_others(error) from error
    return matrix


def _of_others(error: TypeError | ValueError) -> TypeError | ValueError:
    """Return an error of the 'features' as one of the 'others'."""
    said = [
        part.replace("'features'", "'others'") if isinstance(part, str) else part
        for part in error.args
    ]
    if isinstance(error, ArgumentValueError):
        how: dict[str, Any] = {"rows": error.rows, "cure": error.cure}
        return ArgumentValueError(*said, parameter="others", **how)
    return type(error)(*said)


def _check_lengths(d: int, theirs: int) -> None:
    if d != theirs:
        raise ArgumentValueError(
            "The %s must have rows as long as those of the 'features', %d numbers. Got %d instead.",
            Parameter("near_copies", "others"),
            d,
            theirs,
            parameter="others",
            cure="Make both in the same way: the same size of images, the same encoder.",
        )
