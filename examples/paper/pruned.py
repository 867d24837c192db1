"""Trainings on parts of a data set, for the same number of steps whatever the part (sec. 4.1)."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from image_training import Hook, Training
from torch import Tensor

from paper.baselines.craig import CraigSampler, epochs_between, present_gradients
from paper.data import Data
from paper.results import Row
from paper.training import begin, images_of
from torch_cgprune import SelectionSampler
from torch_cgprune.samplers.selection import Selection

# Of the fast network on 10,000 images: 10 passes over all of them, as there are hundreds to train.
STEPS = 200


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
        network: see :mod:`paper.networks`; None for the scale's.

    Raises:
        MissingError: the data are not here.

    """
    given = data.examples(name).labels if labels is None else labels
    run = begin(data, name, given, seed, network, STEPS)
    train(run, data, name, selection, seed, what=network or "")
    return _tested(run, data, name)


def trained_by_craig(data: Data, name: str, keep: float, seed: int = 0) -> Row:
    """Train on what CRAIG keeps with its weights, as long as on all; see :func:`trained_on`.

    Args:
        data: at its scale.
        name: of the data set.
        keep: share of each class, in (0, 1].
        seed: of the network and of the order.

    """
    labels = data.examples(name).labels
    run = begin(data, name, labels, seed, steps=STEPS)
    sampler = CraigSampler(
        partial(present_gradients, run),
        labels,
        keep,
        every=epochs_between(run.recipe.epochs(len(labels))),
        num_samples=len(labels),
        seed=seed,
    )
    path = data.file("pruned", name, f"craig-{keep}", seed, labels)
    run.run(sampler, _waiting(path), weights=lambda: sampler.weights)
    return _tested(run, data, name)


def _tested(run: Training, data: Data, name: str) -> Row:
    accuracy = round(run.accuracy(images_of(data.test(name))), 2)
    return {"n": len(run.images.labels), "steps": run.recipe.steps, "accuracy": accuracy}


def train(
    run: Training,
    data: Data,
    name: str,
    selection: Selection,
    seed: int,
    hooks: Sequence[Hook] = (),
    *,
    what: str = "",
    steps: int | None = None,
) -> None:
    """Train on a part of a data set, or go on where a training of the same part was left.

    Args:
        run: has not begun.
        data: that it trains on.
        name: of the data set.
        selection: see :func:`trained_on`.
        seed: of the network and of the order.
        hooks: what is measured.
        what: tells this training from others of the same part, in words.
        steps: to stop after; None for all.

    """
    waiting = checkpoint(data, name, what, selection, run.images.labels, seed)
    run.run(order(run, selection, seed), waiting, hooks, steps=steps)


def order(run: Training, selection: Selection, seed: int) -> SelectionSampler:
    """Return the sampler of a part: an epoch of fixed examples is as long as one of all."""
    length = None if callable(selection) else len(run.images.labels)
    return SelectionSampler(selection, num_samples=length, seed=seed)


def checkpoint(
    data: Data, name: str, what: str, selection: Selection, labels: Tensor, seed: int
) -> Path | None:
    """Return where an interrupted training waits, known by what it trains on."""
    first = [selection(epoch) for epoch in (0, 1)] if callable(selection) else [selection]
    return _waiting(data.file("pruned", name, what, seed, *first, labels))


def _waiting(path: Path | None) -> Path | None:
    """Return the checkpoint beside a file that is kept, in a folder that is there."""
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_suffix(".checkpoint")
