"""Products of Gram matrices with one-hot targets, tile by tile."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

# From so many classes on, a CPU adds up the columns of each sooner than it multiplies with zeros.
# Not a GPU: its sums in no order would differ from run to run.
_ADDED_FROM = 32


class Products:
    """H E of B matrices, as their tiles are filled.

    Args:
        codes: (B, n) int64 classes of the rows, on the device of the matrices.
        classes: how many.
        weights: (B, n) what each row counts; their dtype is that of the matrices.
        at_once: numbers of a tile that are weighted at a time, where its columns are added up.

    Attributes:
        sums: (B, n, classes) H E, with E weighted.

    """

    def __init__(self, codes: Tensor, classes: int, weights: Tensor, at_once: int = 2**18) -> None:
        self.sums = weights.new_zeros(*codes.shape, classes)
        self._codes, self._weights, self._at_once = codes, weights, at_once
        self._weighted: Tensor | None = None
        if classes < _ADDED_FROM or codes.device.type != "cpu":
            self._weighted = one_hot(codes, classes).to(weights.dtype) * weights[..., None]

    def add(self, start: int, stop: int, tile: Tensor) -> None:
        """Take in the (B, stop - start, stop) rows of the lower triangle."""
        left = tile[..., :start].mT
        if self._weighted is not None:
            self.sums[:, start:stop].baddbmm_(tile, self._weighted[:, :stop])
            self.sums[:, :start].baddbmm_(left, self._weighted[:, start:stop])
            return
        for i, (codes, weights) in enumerate(zip(self._codes, self._weights, strict=True)):
            self._add_columns(i, slice(start, stop), tile[i], codes[:stop], weights[:stop])
            own = slice(start, stop)
            self._add_columns(i, slice(start), left[i], codes[own], weights[own])

    def _add_columns(
        self, matrix: int, rows: slice, numbers: Tensor, codes: Tensor, weights: Tensor
    ) -> None:
        """Add each column of a part of a matrix to the sum of its class."""
        height = max(1, self._at_once // len(codes))
        sums = self.sums[matrix, rows]
        for part, into in zip(numbers.split(height), sums.split(height), strict=True):
            # Row by row in memory: the columns that are added lie all over it.
            into.index_add_(1, codes, torch.mul(part, weights, out=part.new_empty(part.shape)))
