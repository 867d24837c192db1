"""Rows of numbers in many mapped files, as one matrix of which parts are read."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


class MappedRows:
    """An (n, d) matrix whose rows lie in several arrays, mapped from files, one below the other.

    It stands for a tensor where one is read in parts: of it are taken rows, which are tensors, and
    never all of them.

    Args:
        parts: (m, d) each, of one dtype.
        names: n of the rows' examples, or what makes them when they are asked for.

    Raises:
        ValueError: no rows, or of different lengths.

    Example:
        >>> rows = MappedRows([np.zeros((2, 3)), np.ones((4, 3))])
        >>> rows.shape, rows[torch.tensor([0, 5])]
        (torch.Size([6, 3]), tensor([[0., 0., 0.],
                [1., 1., 1.]], dtype=torch.float64))

    """

    def __init__(self, parts: Sequence[np.ndarray[Any, Any]], names: Any = None) -> None:
        widths = {part.shape[1] for part in parts}
        if len(widths) != 1:
            raise ValueError(
                f"The rows must be of one length. Got {sorted(widths)}: encode all with one "
                "encoder."
            )
        self.parts = [*parts]
        self._stops = [*itertools.accumulate(map(len, parts))]
        self.shape = torch.Size((self._stops[-1], widths.pop()))
        self.dtype = torch.from_numpy(np.empty(0, dtype=parts[0].dtype)).dtype
        self.device, self.ndim = torch.device("cpu"), 2
        self._names = names

    @property
    def example_names(self) -> Sequence[str] | None:
        """What the n examples are called; None where nobody has said."""
        found: Sequence[str] | None = self._names() if callable(self._names) else self._names
        return found

    def __len__(self) -> int:
        return self.shape[0]

    def numel(self) -> int:
        """Return the number of numbers."""
        return self.shape.numel()

    def reshape(self, *_: int) -> MappedRows:
        """Return itself: it has two axes."""
        return self

    def split(self, rows: int) -> Iterator[Tensor]:
        """Yield all rows, so many at a time."""
        for start in range(0, len(self), rows):
            yield self[start : start + rows]

    def __getitem__(self, chosen: Any) -> Tensor:
        """Return rows: one by its index, a slice of them, or (m,) indices in any order."""
        if isinstance(chosen, int):
            return self[[chosen]][0]
        if isinstance(chosen, slice):
            chosen = np.arange(*chosen.indices(len(self)))
        indices = np.asarray(chosen, dtype=np.int64)
        order = np.argsort(indices, kind="stable")  # each file is read from its start to its end
        found = np.empty((len(indices), self.shape[1]), dtype=self.parts[0].dtype)
        ordered, at = indices[order], 0
        while at < len(ordered):
            number = bisect.bisect_right(self._stops, ordered[at])
            first = self._stops[number] - len(self.parts[number])
            upto = int(np.searchsorted(ordered, self._stops[number]))
            found[order[at:upto]] = self.parts[number][ordered[at:upto] - first]
            at = upto
        return torch.from_numpy(found)
