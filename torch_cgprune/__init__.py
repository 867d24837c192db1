"""Value, prune and clean a labelled dataset before training on it.

``CGScoredDataset`` wraps a dataset with its complexity-gap scores; ``PrunedSampler`` and
``WindowSampler`` hand the part that matters to the ``DataLoader`` one already has.

Public are the names listed in ``__all__`` here, and those that ``__all__`` lists in the packages
``dataset``, ``encoders``, ``noise``, ``policies``, ``report``, ``samplers``, ``scores``,
``scoring`` and ``solver``. All other modules and names may change from one version to the next.
"""

from importlib.metadata import version

from torch_cgprune.dataset import CGScoredDataset
from torch_cgprune.encoders import Encoder
from torch_cgprune.errors import (
    CacheError,
    CacheMismatchError,
    NotPositiveDefiniteError,
    UnstableDatasetError,
)
from torch_cgprune.noise import NoiseRate, NoiseReport, estimate_noise_rate, noise_report
from torch_cgprune.policies import LinearSchedule
from torch_cgprune.samplers import (
    DistributedPrunedSampler,
    DistributedSelectionSampler,
    DistributedWindowSampler,
    PrunedSampler,
    SelectionSampler,
    WindowSampler,
)
from torch_cgprune.scores import CGScores
from torch_cgprune.scoring import cg_scores

__version__ = version("torch-cgprune")

__all__ = [
    "CGScoredDataset",
    "CGScores",
    "CacheError",
    "CacheMismatchError",
    "DistributedPrunedSampler",
    "DistributedSelectionSampler",
    "DistributedWindowSampler",
    "Encoder",
    "LinearSchedule",
    "NoiseRate",
    "NoiseReport",
    "NotPositiveDefiniteError",
    "PrunedSampler",
    "SelectionSampler",
    "UnstableDatasetError",
    "WindowSampler",
    "cg_scores",
    "estimate_noise_rate",
    "noise_report",
]
