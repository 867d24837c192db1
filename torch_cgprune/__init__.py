"""Value, prune and clean a labelled dataset before training on it.

``CGScoredDataset`` wraps a dataset with its complexity-gap scores; ``PrunedSampler`` and
``WindowSampler`` hand the part that matters to the ``DataLoader`` one already has.
"""

from importlib.metadata import version

from torch_cgprune.dataset import CGScoredDataset
from torch_cgprune.distributed import DistributedSelectionSampler
from torch_cgprune.encoders import Encoder
from torch_cgprune.errors import (
    CacheError,
    CacheMismatchError,
    NotPositiveDefiniteError,
    UnstableDatasetError,
)
from torch_cgprune.filtering import NoiseReport, noise_report
from torch_cgprune.noise_rate import NoiseRate, estimate_noise_rate
from torch_cgprune.samplers import (
    DistributedPrunedSampler,
    DistributedWindowSampler,
    PrunedSampler,
    WindowSampler,
)
from torch_cgprune.schedules import LinearSchedule
from torch_cgprune.scores import CGScores
from torch_cgprune.scoring import cg_scores
from torch_cgprune.selection import SelectionSampler

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
