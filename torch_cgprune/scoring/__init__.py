"""Features and labels to scores: kernel, plans, blocks, sums."""

from torch_cgprune.scoring.score import cg_scores

__all__ = ["cg_scores"]
