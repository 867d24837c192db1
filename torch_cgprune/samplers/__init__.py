"""What a policy keeps, as samplers for the ``DataLoader`` one already has."""

from torch_cgprune.samplers.distributed import DistributedSelectionSampler
from torch_cgprune.samplers.pruned import (
    DistributedPrunedSampler,
    DistributedWindowSampler,
    PrunedSampler,
    WindowSampler,
)
from torch_cgprune.samplers.selection import SelectionSampler

__all__ = [
    "DistributedPrunedSampler",
    "DistributedSelectionSampler",
    "DistributedWindowSampler",
    "PrunedSampler",
    "SelectionSampler",
    "WindowSampler",
]
