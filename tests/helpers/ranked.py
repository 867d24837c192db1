"""Scripts as a user would write them, to run under torchrun: `torchrun ranked.py FOLDER TASK`."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.utils.data import TensorDataset
from workers import small_dataset

from torch_cgprune import (
    CGScoredDataset,
    CGScores,
    DistributedPrunedSampler,
    advise,
    cg_scores,
)
from torch_cgprune.scoring import blocks, problem
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.score import score_within

METHODS = {
    "exact": {"method": "exact", "near": 0.9},
    "auto": {"method": "exact", "ridge": "auto"},
    # So that 401 rows have parts enough.
    "iterative": {"method": "iterative", "limits": Limits(part_rows=60), "near": 0.9},
    "local": {"method": "local", "block_size": 19, "runs": 3, "near": 0.9},
    "stochastic": {"method": "stochastic", "ratio": 1, "runs": 3},
    "standardised": {"method": "local", "block_size": 19, "runs": 2, "standardise": True},
}
OPTIONS = {"progress": False, "dtype": torch.float64}


def data():
    """401 rows, copies of both kinds among them; neither 2 nor 3 divides them or their tiles."""
    x = torch.randn(401, 9, generator=torch.Generator().manual_seed(0))
    y = torch.arange(401) % 3
    x[50], y[50] = x[3], y[3]
    x[60], y[60] = x[4], (y[4] + 1) % 3
    return x, y


def scored(name):
    options = {"limits": Limits(), **METHODS[name], **OPTIONS}
    return score_within(options.pop("limits"), *data(), **options)


def score(folder):
    for name in METHODS:
        scored(name).save(folder / f"{name}.{dist.get_rank()}")


def wrap(folder):
    """Compute into a cache, then load it; only rank 0 writes, and it alone encodes."""
    written, save = [], CGScores.save
    CGScores.save = lambda scores, path: (written.append(path), save(scores, path))
    for _ in range(2):
        train = CGScoredDataset(small_dataset(), cache=folder / "cache", progress=False)
    assert len(written) == (dist.get_rank() == 0)
    encoded = CGScoredDataset(small_dataset(), features=encode, progress=False)
    assert (len(batches) > 0) == (dist.get_rank() == 0)
    save(encoded.scores, folder / f"encoded.{dist.get_rank()}")
    save(train.scores, folder / f"loaded.{dist.get_rank()}")


batches = []


def encode(images):
    batches.append(len(images))
    return images.flatten(1)[:, ::2]


# What auto comes to on ranks: advice, or a random choice where copies leave nothing to predict.
ADVISED = {
    "all": {},
    "some": {"exclude": [*range(0, 120, 3)], "balanced": False},
}


def advised_datasets():
    x = torch.randn(120, 4, generator=torch.Generator().manual_seed(1))
    y = torch.arange(120) % 2
    told, copies = x + 2 * y[:, None], torch.eye(4)[y]
    return {
        name: CGScoredDataset(TensorDataset(rows, y), progress=False)
        for name, rows in (("told", told), ("copies", copies))
    }


def advice(folder):
    """Ask for advice, also by policy="auto": the first rank alone compares, for all."""
    found = {}
    for name, train in advised_datasets().items():
        for which, options in ADVISED.items():
            sampler = DistributedPrunedSampler(train, 0.5, "auto", **options)
            found[name, which] = sampler.selection, [*sampler]
        if name == "told":
            found["verdict"] = str(advise(train, 0.3, progress=False))
    torch.save(found, folder / f"advice.{dist.get_rank()}")


def fail(folder):
    """Fail on the last rank in one place after the other; all ranks raise, and go on together."""
    last = dist.get_rank() == dist.get_world_size() - 1
    x, y = data()
    errors = []

    def attempt(features, labels, **options):
        try:
            cg_scores(features, labels, **options, **OPTIONS)
        except Exception as error:  # noqa: BLE001
            errors.append(f"{type(error).__name__}: {error}")

    def unlucky(*_, **__):
        raise RuntimeError("out of luck")

    spoilt = x.clone()
    spoilt[7] = torch.nan
    attempt(spoilt if last else x, y, method="exact")
    attempt(x.flip(0) if last else x, y, method="local")
    for module, name, method in (
        (problem, "solve_blocks", "local"),
        (problem, "solve_blocks", "stochastic"),
        (blocks, "gram_tile", "exact"),
        (sys.modules["torch_cgprune.solver.sweep"], "_inverse_factor", "exact"),
    ):
        kept = getattr(module, name)
        if last:
            setattr(module, name, unlucky)
        attempt(x, y, **METHODS[method])
        setattr(module, name, kept)
    cg_scores(x, y, method="exact", **OPTIONS)  # the group is still sound
    (folder / f"errors.{dist.get_rank()}").write_text("\n".join(errors))


def crash(_):
    """Let one rank's error end the script."""
    x, y = data()
    cg_scores(x[:-1] if dist.get_rank() == 1 else x, y, **OPTIONS)


if __name__ == "__main__":
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    tasks = {"score": score, "wrap": wrap, "advice": advice, "fail": fail, "crash": crash}
    tasks[sys.argv[2]](Path(sys.argv[1]))
    dist.destroy_process_group()
