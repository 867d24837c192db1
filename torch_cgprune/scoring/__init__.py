"""Features and labels to scores: kernel, plans, blocks, sums."""

from torch_cgprune.scoring.between import NearCopies, near_copies
from torch_cgprune.scoring.score import cg_scores

__all__ = ["NearCopies", "cg_scores", "near_copies"]
