"""What tests run in processes of their own: importable there by a plain name."""

import time

import torch
from torch.utils.data import TensorDataset

from torch_cgprune import CGScoredDataset
from torch_cgprune.scoring import problem

SLOW = {"method": "local", "block_size": 20, "runs": 6, "progress": False}


def small_dataset():
    rng = torch.Generator().manual_seed(0)
    return TensorDataset(torch.randn(60, 9, generator=rng), torch.arange(60) % 3)


def score_into(folder, barrier, failures):
    """Score the same data into five cache files, all processes starting at once."""
    try:
        torch.set_num_threads(1)
        barrier.wait()
        for i in range(5):
            path = folder / f"{i}.safetensors"
            CGScoredDataset(small_dataset(), cache=path, progress=False)
    except Exception as error:  # noqa: BLE001
        failures.put(repr(error))


def score_slowly(cache):
    """Score with a pause before every run, to be killed in between."""
    solve = problem.solve_blocks

    def paused(*arguments, **options):
        time.sleep(0.6)
        return solve(*arguments, **options)

    problem.solve_blocks = paused
    CGScoredDataset(small_dataset(), cache=cache, **SLOW)
