"""Pairs of near copies, collected where cosines are computed: the closest, in bounded room."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.errors import Argument
from torch_cgprune.utils.ranks import Ranks

_log = logging.getLogger(__name__)

# Pairs that are kept at most, for each example.
PAIRS_PER_EXAMPLE = 10


class Closest:
    """The closest of the pairs that were found, each once; memory is for a few times the limit.

    Args:
        near: the least cosine of a pair.
        limit: how many pairs are kept.

    Attributes:
        above: the least cosine of a pair that is still wanted: it rises when there are enough.

    """

    def __init__(self, near: float, limit: int) -> None:
        self.above, self.limit = near, limit
        none = torch.empty(0, 2, dtype=torch.int64), torch.empty(0, dtype=torch.float64)
        self._waiting, self._count = [none], 0

    def add(self, pairs: Tensor, cosines: Tensor) -> None:
        """Take in (m, 2) int64 pairs of (m,) float64 cosines, as far as they are wanted."""
        wanted = cosines >= self.above
        if not wanted.any():
            return
        self._waiting.append((pairs[wanted], cosines[wanted]))
        self._count += int(wanted.sum())
        if self._count > 2 * self.limit:
            self._sort_out()

    def found(self) -> tuple[Tensor, Tensor]:
        """Return (m, 2) pairs and (m,) cosines, the closest first: one more than the limit if cut.

        Equally close ones come in the order of their examples.
        """
        self._sort_out()
        return self._waiting[0]

    def share(self, ranks: Ranks) -> None:
        """Take in what other ranks have found."""
        if ranks.size > 1:
            for pairs, cosines in zip(*map(ranks.each, self.found()), strict=True):
                self.add(pairs, cosines)

    def _sort_out(self) -> None:
        pairs, cosines = (torch.cat(parts) for parts in zip(*self._waiting, strict=True))
        order = np.lexsort((*pairs.T.flip(0).numpy(), -cosines.numpy()))
        pairs, cosines = pairs[order], cosines[order]
        # Of the same pair in several runs, the closest.
        keys = pairs[:, 0] * (int(pairs.max()) + 1 if len(pairs) else 1) + pairs[:, 1]
        kept = np.sort(np.unique(keys.numpy(), return_index=True)[1])[: self.limit + 1]
        self._waiting, self._count = [(pairs[kept], cosines[kept])], len(kept)
        if len(kept) > self.limit:
            self.above = float(cosines[kept[-1]])


class Finder(NamedTuple):
    """Takes pairs of rows of a batch of blocks for pairs of examples.

    Attributes:
        closest: where they go.
        examples: (B, b) int64, which example each row stands for.

    """

    closest: Closest
    examples: Tensor

    @property
    def above(self) -> float:
        """The least cosine of a pair that is wanted."""
        return self.closest.above

    def add(self, entries: Tensor, cosines: Tensor) -> None:
        """Take in entries of the Gram matrices.

        Args:
            entries: (m, 3) int64 number of the block, row and column; those right of the diagonal
                are left out.
            cosines: (m,) float64.

        """
        left = entries[:, 2] < entries[:, 1]
        block, row, column = entries[left].cpu().unbind(1)
        pairs = torch.stack([self.examples[block, row], self.examples[block, column]], 1)
        pairs = pairs.sort(1).values
        # Copies of different labels are rows of their own, and stand for one example.
        differ = pairs[:, 0] < pairs[:, 1]
        self.closest.add(pairs[differ], cosines[left].cpu()[differ])


def with_exact(first: Tensor, closest: Closest) -> tuple[Tensor, Tensor]:
    """Return (m, 2) near copies among all examples and (m,) cosines, the closest first.

    Says in the log where there are more than the limit.

    Args:
        first: (n,) int64, for every example the first one of an equal row: each later one is
            paired with it, at cosine 1.
        closest: those found among the first ones.

    """
    later = (first != torch.arange(len(first))).nonzero().squeeze(1)
    every = Closest(closest.above, closest.limit)
    every.add(torch.stack([first[later], later], 1), torch.ones(len(later), dtype=torch.float64))
    every.add(*closest.found())
    return cut(every)


def cut(closest: Closest) -> tuple[Tensor, Tensor]:
    """Return the pairs within the limit and their cosines; say in the log where there are more."""
    pairs, cosines = closest.found()
    if len(pairs) > closest.limit:
        pairs, cosines = pairs[: closest.limit], cosines[: closest.limit]
        _log.warning(
            "There are more than %d pairs of near copies: listed are the closest, down to the "
            "cosine %.6f. Pass a higher %s.",
            len(pairs),
            float(cosines[-1]),
            Argument("near"),
        )
    return pairs, cosines
