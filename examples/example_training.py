"""The training of the examples: a small CNN, the same number of steps for whatever is kept."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from torch_cgprune import SelectionSampler


def network(image: Tensor, classes: int) -> nn.Sequential:
    """Two convolutions and two linear layers: small enough for two CPU cores."""
    channels, height, width = image.shape
    return nn.Sequential(
        *(nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(32 * (height // 4) * (width // 4), 128), nn.ReLU(), nn.Linear(128, classes)),
    )


def fit(dataset: Any, sampler: Sampler[int], args: Any, seed: int) -> nn.Sequential:
    """Train a new network for ``args.steps`` steps."""
    torch.manual_seed(seed)
    model = network(dataset[0][0], args.classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=args.steps)
    loader = DataLoader(
        dataset, batch_size=min(args.batch_size, len(dataset)), sampler=sampler, drop_last=True
    )
    epochs = itertools.chain.from_iterable(itertools.repeat(loader))
    for x, y in itertools.islice(epochs, args.steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def accuracy(model: nn.Module, test: TensorDataset) -> float:
    """Return the test accuracy in percent."""
    images, labels = test.tensors
    with torch.no_grad():
        right = [
            (model(x).argmax(1) == y).sum()
            for x, y in zip(images.split(1000), labels.split(1000), strict=True)
        ]
    return 100 * int(sum(right)) / len(labels)


def train(dataset: Any, sampler: Sampler[int], test: TensorDataset, args: Any, seed: int) -> float:
    """Train for ``args.steps`` steps and return the test accuracy in percent."""
    return accuracy(fit(dataset, sampler, args, seed), test)


def trials(
    name: str, dataset: Any, sampler: Callable[[int], SelectionSampler], test: Any, args: Any
) -> None:
    """Train once per seed and print a row of the table.

    Args:
        name: of the row.
        dataset: what is trained on.
        sampler: from a seed to the sampler.
        test: what is tested on.
        args: ``steps``, ``batch_size``, ``seeds``, ``classes``.

    """
    start = time.perf_counter()
    samplers = [sampler(seed) for seed in range(args.seeds)]
    found = [train(dataset, s, test, args, seed) for seed, s in enumerate(samplers)]
    seconds = (time.perf_counter() - start) / args.seeds
    std, mean = torch.std_mean(torch.tensor(found), correction=min(1, args.seeds - 1))
    kept = len(samplers[0].selection)
    print(f"| {name:<32} | {kept:>6} | {mean:5.2f} ± {std:4.2f} | {seconds:5.1f} s |", flush=True)


def print_head() -> None:
    """Print the head of the table of :func:`trials`."""
    print("| trained on                       |   kept | test acc. (%) | a run   |")
    print("|----------------------------------|-------:|--------------:|--------:|")
