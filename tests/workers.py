"""What tests run in processes of their own: importable there by a plain name."""

import torch
from torch.utils.data import TensorDataset

from torch_cgprune import CGScoredDataset


def score_into(folder, barrier, failures):
    """Score the same data into five cache files, all processes starting at once."""
    try:
        torch.set_num_threads(1)
        rng = torch.Generator().manual_seed(0)
        dataset = TensorDataset(torch.randn(60, 9, generator=rng), torch.arange(60) % 3)
        barrier.wait()
        for i in range(5):
            CGScoredDataset(dataset, cache=folder / f"{i}.safetensors", progress=False)
    except Exception as error:  # noqa: BLE001
        failures.put(repr(error))
