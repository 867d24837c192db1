"""Exact copies among the examples: kept once, since two equal rows make the matrix singular."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Copies:
    """Which examples stand for which.

    Attributes:
        kept: (m,) int64 ascending, the first example of every pair (row, label).
        first: (n,) int64, for every example the first one of an equal row, whatever its label.
        stand_in: (n,) int64, for every example the position in ``kept`` of the one like it.
        conflicts: (n,) bool, the examples of which a copy has another label.

    """

    kept: Tensor
    first: Tensor
    stand_in: Tensor
    conflicts: Tensor

    @property
    def later(self) -> Tensor:
        """(n,) bool, the examples that are not kept: an earlier one has their row and label."""
        return self.kept[self.stand_in] != torch.arange(len(self.stand_in))


def find_copies(digests: Tensor, codes: Tensor) -> Copies:
    """Group examples of equal rows.

    Args:
        digests: (n,) int64 hashes of the unit rows.
        codes: (n,) int64 class codes.

    Example:
        >>> copies = find_copies(torch.tensor([7, 8, 7, 7]), torch.tensor([0, 0, 0, 1]))
        >>> copies.kept, copies.later.nonzero().flatten(), copies.conflicts.nonzero().flatten()
        (tensor([0, 1, 3]), tensor([2]), tensor([0, 2, 3]))

    """
    _, alike, groups = np.unique(digests.numpy(), return_index=True, return_inverse=True)
    pairs = groups * (int(codes.max()) + 1) + codes.numpy()
    _, first, pair_of = np.unique(pairs, return_index=True, return_inverse=True)
    labels_in_group = np.bincount(groups[first])
    kept = np.sort(first)
    return Copies(
        kept=torch.from_numpy(kept),
        first=torch.from_numpy(alike[groups]),
        stand_in=torch.from_numpy(np.searchsorted(kept, first[pair_of])),
        conflicts=torch.from_numpy(labels_in_group[groups] > 1),
    )
