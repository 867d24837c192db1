"""Trainings on parts of a data set, for the same number of steps whatever the part (sec. 4.1)."""

import functools
import hashlib
from dataclasses import replace
from pathlib import Path

import torch
from example_data import corrupted
from image_network import Images
from image_training import Training
from torch import Tensor

from paper.data import Data
from paper.results import Row
from paper.trained import NETWORKS, enlarged
from paper.training import SMALL, recipe, training
from torch_cgprune import CGScores, SelectionSampler, cg_scores
from torch_cgprune.samplers.selection import Selection

# Of the fast network on 10,000 images: 20 passes over all of them.
_SMALL_STEPS = 400


def begin(data: Data, name: str, labels: Tensor, seed: int, network: str | None = None) -> Training:
    """Return the training of a network on a data set with these labels, not begun.

    Args:
        data: at its scale.
        name: of the data set.
        labels: (n,) int64 to train on.
        seed: of the network and of the augmentation.
        network: see :mod:`paper.networks`; None for the scale's.

    """
    examples, scale = data.examples(name), data.scale.name
    network = network or NETWORKS[scale]
    how = recipe(network, len(examples), scale)
    if how == SMALL:
        how = replace(how, steps=_SMALL_STEPS)
    images = Images(enlarged(examples.pixels), labels)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return training(network, images, len(examples.classes), how, seed, device)


def trained_on(
    data: Data,
    name: str,
    selection: Selection,
    labels: Tensor | None = None,
    seed: int = 0,
    network: str | None = None,
) -> Row:
    """Train a network on a part of a data set, and return its test accuracy in percent.

    Args:
        data: at its scale, which decides the network and its training.
        name: of the data set.
        selection: (m,) int64 indices of the examples; or from the epoch to those, drawn anew with
            every pass over them.
        labels: (n,) int64 to train on; None for those of the data.
        seed: of the network and of the order.
        network: see :func:`begin`.

    Raises:
        MissingError: the data are not here.

    """
    given = data.examples(name).labels if labels is None else labels
    test = data.test(name)
    run = begin(data, name, given, seed, network)
    other = "" if network is None else f"-{network}"
    run.run(order(run, selection, seed), checkpoint(data, name, selection, given, seed, other))
    accuracy = run.accuracy(Images(enlarged(test.pixels), test.labels))
    return {"n": len(given), "steps": run.recipe.steps, "accuracy": round(accuracy, 2)}


def order(run: Training, selection: Selection, seed: int) -> SelectionSampler:
    """Return the sampler of a part: an epoch of fixed examples is as long as one of all."""
    length = None if callable(selection) else len(run.images.labels)
    return SelectionSampler(selection, num_samples=length, seed=seed)


def checkpoint(
    data: Data, name: str, selection: Selection, labels: Tensor, seed: int, more: str = ""
) -> Path | None:
    """Return where an interrupted training waits, known by what it trains on, and in words."""
    if data.cache is None:
        return None
    first = [selection(epoch) for epoch in (0, 1)] if callable(selection) else [selection]
    content = b"".join(part.numpy().tobytes() for part in (*first, labels))
    known = hashlib.sha256(content).hexdigest()[:16]
    folder = data.cache / "pruned"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}-{data.scale.name}-{seed}-{known}{more}.checkpoint"


@functools.lru_cache(maxsize=4)
def exact_scores(data: Data, name: str, noise: float = 0.0) -> CGScores:
    """Return the exact scores of the pixels without a ridge, the paper's, at a share of noise."""
    examples = data.examples(name)
    given = corrupted(examples.labels, noise)
    return cg_scores(examples.pixels, given, method="exact", ridge=0, progress=False)
