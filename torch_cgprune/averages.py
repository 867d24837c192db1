"""From solved blocks to the scores of all examples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from torch_cgprune.blocks import Solved, centred_loo, complexities, score_columns
from torch_cgprune.copies import Copies
from torch_cgprune.errors import NotPositiveDefiniteError
from torch_cgprune.labels import ClassName
from torch_cgprune.plans import Block
from torch_cgprune.scores import CGScores


class Averages:
    """Sums over blocks of what the scores of the kept examples are made of.

    Args:
        copies: which m of the n examples are kept; blocks hold positions among these.
        codes: (n,) int64 class codes.
        classes: k class names.
        with_loo: whether the blocks predict all classes.
        dtype: of the predictions.

    """

    def __init__(
        self,
        copies: Copies,
        codes: Tensor,
        classes: tuple[ClassName, ...],
        *,
        with_loo: bool,
        dtype: torch.dtype,
    ) -> None:
        m, k = len(copies.kept), len(classes)
        self.copies, self.codes, self.classes = copies, codes, classes
        self.priors = codes.bincount(minlength=k).to(dtype) / len(codes)
        # Columns: score, its three terms, CG'; and how often a row was scored.
        self.sums = torch.zeros(m, 5, dtype=torch.float64)
        self.times = torch.zeros(m, dtype=torch.int64)
        # Columns: complexity, bound; and in how many blocks a class took part.
        self.class_sums = torch.zeros(k, 2, dtype=torch.float64)
        self.class_times = torch.zeros(k, dtype=torch.int64)
        self.loo = torch.zeros(m, k, dtype=dtype) if with_loo else None
        self.twins = torch.zeros(m, dtype=torch.bool)

    def add(self, block: Block, solved: Solved) -> None:
        """Add what a block says of the rows that it scores."""
        rows = block.rows[block.scored]
        self.sums.index_add_(0, rows, score_columns(block, solved))
        self.times.index_add_(0, rows, torch.ones_like(rows))
        real = block.classes >= 0
        complexity = complexities(block, solved)[real]
        both = torch.stack([complexity, (2 * complexity.clamp(min=0) / len(block.rows)).sqrt()], 1)
        self.class_sums.index_add_(0, block.classes[real], both)
        self.class_times.index_add_(
            0, block.classes[real], torch.ones(len(both), dtype=torch.int64)
        )
        if self.loo is not None:
            self.loo.index_add_(0, rows, centred_loo(block, solved, self.priors))
        self.twins[block.rows[solved.twins.cpu()]] = True

    def scores(self, digests: Tensor, metadata: dict[str, Any]) -> CGScores:
        """Divide, and give every later copy of an example its due.

        A later copy scores 0 in all terms, since removing it changes nothing; its predictions are
        those of the first copy, as if both were left out, and so is its CG'.
        """
        means = self.sums / self.times[:, None]
        if not torch.isfinite(means).all():
            raise NotPositiveDefiniteError(
                "The scores overflow: the Gram matrix is numerically singular. "
                "Pass ridge=1e-3 or more, or dtype=torch.float64."
            )
        columns = means[self.copies.stand_in]
        columns[self.copies.later, :4] = 0
        complexity, bound = (self.class_sums / self.class_times[:, None]).unbind(1)
        loo = None if self.loo is None else self.loo / self.times[:, None]
        return CGScores(
            values=columns[:, 0].clone(),
            terms=columns[:, 1:4].clone(),
            cg_prime=columns[:, 4].clone(),
            labels=self.codes,
            classes=self.classes,
            complexity=complexity.clone(),
            bound=bound.clone(),
            digests=digests,
            conflicts=self.copies.conflicts,
            loo=None if loo is None else loo[self.copies.stand_in],
            metadata={**metadata, "near_copies": int(self.twins.sum())},
        )
