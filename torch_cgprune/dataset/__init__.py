"""A dataset with its scores, computed or taken from a file."""

from torch_cgprune.dataset.dataset import CGScoredDataset

__all__ = ["CGScoredDataset"]
