"""The samplers that every stack has to carry: all the public ones, each way they select."""

import torch

from torch_cgprune import (
    DistributedPrunedSampler,
    DistributedSelectionSampler,
    DistributedWindowSampler,
    LinearSchedule,
    PrunedSampler,
    SelectionSampler,
    WindowSampler,
)

LABELS = torch.arange(100) % 4
VALUES = torch.rand(100, generator=torch.Generator().manual_seed(3))
PAIR = (VALUES, LABELS)
ALONE = {"num_replicas": 1, "rank": 0}
GROWING = LinearSchedule(0.3, 0.9, epochs=3)

# All select 60 of the 100 examples, the same in every epoch.
CONSTANT = {
    "selection": lambda **o: SelectionSampler(torch.arange(3, 63), **o),
    "pruned": lambda **o: PrunedSampler(PAIR, keep=0.6, policy="low-first", **o),
    "window": lambda **o: WindowSampler(PAIR, start=0.2, width=0.6, **o),
    "distributed selection": lambda **o: DistributedSelectionSampler(
        torch.arange(3, 63), **{**ALONE, **o}
    ),
    "distributed pruned": lambda **o: DistributedPrunedSampler(
        PAIR, 0.6, "low-first", **{**ALONE, **o}
    ),
    "distributed window": lambda **o: DistributedWindowSampler(PAIR, 0.2, 0.6, **{**ALONE, **o}),
}
# Selections that change with the epoch.
CHANGING = {
    "redrawn": lambda **o: PrunedSampler(PAIR, keep=0.6, **o),
    "soft": lambda **o: PrunedSampler(PAIR, keep=0.6, policy="soft", **o),
    "scheduled": lambda **o: PrunedSampler(PAIR, keep=GROWING, policy="low-first", **o),
    "scheduled window": lambda **o: WindowSampler(PAIR, start=0.1, width=GROWING, **o),
    "distributed soft": lambda **o: DistributedPrunedSampler(
        PAIR, keep=GROWING, policy="soft", **{**ALONE, **o}
    ),
}
ALL = {**CONSTANT, **CHANGING}


def is_distributed(sampler):
    """Whether it goes on to the next epoch only by set_epoch, as torch's own does."""
    return isinstance(sampler, DistributedSelectionSampler)
