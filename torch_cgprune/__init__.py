"""Value, prune and clean a labelled dataset before training on it.

``CGScoredDataset`` wraps a dataset with its complexity-gap scores; ``PrunedSampler`` and
``WindowSampler`` hand the part that matters to the ``DataLoader`` one already has.
"""

from importlib.metadata import version

from torch_cgprune.dataset import CGScoredDataset
from torch_cgprune.errors import (
    CacheError,
    CacheMismatchError,
    NotPositiveDefiniteError,
    UnstableDatasetError,
)
from torch_cgprune.samplers import PrunedSampler, SelectionSampler, WindowSampler
from torch_cgprune.scores import CGScores
from torch_cgprune.scoring import cg_scores

__version__ = version("torch-cgprune")

__all__ = [
    "CGScoredDataset",
    "CGScores",
    "CacheError",
    "CacheMismatchError",
    "NotPositiveDefiniteError",
    "PrunedSampler",
    "SelectionSampler",
    "UnstableDatasetError",
    "WindowSampler",
    "cg_scores",
]
