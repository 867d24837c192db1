"""How every network here is trained: recipes, a training from a data set, what is measured.

The loop is :class:`image_training.Training`; here is how the paper trains with it (App. D.1,
Table 3): SGD with momentum 0.9, weight decay 5e-4, batches of 128, 200 epochs, a rate of 0.1 that
falls along a cosine, random crops with a padding of 4 and flips. Known from the authors' published
code for ResNets on CIFAR and Fashion-MNIST. **Not known, and set by us:** the rates of DenseNet
(0.1, as the ResNets') and of the ViT (0.003, 10 epochs, no decay: those of Dosovitskiy et al. for
fine-tuning, shortened). Two more differences: the cosine falls with every step, the authors' with
every epoch; networks run in bfloat16.
"""

import copy
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import torch
from image_data import Images
from image_training import Hook, Recipe, Training
from torch import Tensor, nn
from training_dynamics import TrainingDynamics

from paper.data import Data, Examples
from paper.networks import builder

# What trains at each scale, where no other network is asked for.
NETWORKS = {"smoke": "fast", "small": "fast", "paper": "resnet18"}
# Two cores train the fast CNN for this many steps of 500 images in some minutes.
STEPS = 800
# Pixels a side below which the fast CNN pools an image away.
_LEAST_SIDE = 16

_FAST = Recipe(STEPS, drop_last=False)

_PAPER = Recipe(
    0,  # as the data need
    batch_size=128,
    rate=0.1,
    smoothing=0,
    momentum=0.9,
    nesterov=False,
    cosine=True,
    shift=4,
    padding="constant",
    drop_last=False,
    mirrored=False,
)
_EPOCHS = 200
_PAPER_VIT = replace(_PAPER, rate=0.003, decay=0.0)
_EPOCHS_VIT = 10


def recipe(name: str, n: int, scale: str, steps: int = STEPS) -> Recipe:
    """Return how a network is trained.

    Args:
        name: of the network, see :mod:`paper.networks`. ``"fast"`` has its own recipe, all others
            have the paper's.
        n: examples of the whole data set; a part of it is trained for as many steps (sec. 4.1).
        scale: ``"smoke"`` takes 12 steps of 32 images, to see that everything runs; nothing is
            learned. ``"small"`` and ``"paper"`` take all.
        steps: of ``"fast"``.

    """
    if name == "fast":
        found = replace(_FAST, steps=steps)
    else:
        base, epochs = (_PAPER_VIT, _EPOCHS_VIT) if name == "vit" else (_PAPER, _EPOCHS)
        found = replace(base, steps=epochs * base.epoch_steps(n))
    if scale == "smoke":
        return replace(found, steps=12, batch_size=32, rate=0.05, widths=(8, 8, 8))
    return found


def begin(
    data: Data,
    name: str,
    labels: Tensor,
    seed: int,
    network: str | None = None,
    steps: int = STEPS,
) -> Training:
    """Return the training of a network on a data set with these labels, not begun.

    Args:
        data: at its scale.
        name: of the data set.
        labels: (n,) int64 to train on.
        seed: of the weights and of the augmentation.
        network: see :mod:`paper.networks`; None for the scale's.
        steps: see :func:`recipe`.

    Raises:
        MissingError: the data are not here.

    """
    examples, scale = data.examples(name), data.scale.name
    network = network or NETWORKS[scale]
    how = recipe(network, len(examples), scale, steps)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    build = builder(network, how.widths)
    return Training(images_of(examples, labels), len(examples.classes), how, seed, device, build)


def images_of(examples: Examples, labels: Tensor | None = None) -> Images:
    """Return examples as networks take them, with these labels or their own."""
    return Images(enlarged(examples.pixels), examples.labels if labels is None else labels)


def enlarged(pixels: Tensor) -> Tensor:
    """Return (n, c, h, w) pixels, each repeated where the image is too small for the network."""
    times = -(-_LEAST_SIDE // min(pixels.shape[2:]))
    return pixels.repeat_interleave(times, 2).repeat_interleave(times, 3)


class Dynamics(Hook):
    """Forgetting, EL2N and the margin, of the batches of a training.

    Args:
        labels: (n,) int64 of all examples, as they are trained on.
        early: see :class:`training_dynamics.TrainingDynamics`.

    Attributes:
        scores: that, to read from.

    """

    def __init__(self, labels: Tensor, early: int = 20) -> None:
        self.labels = labels
        self.scores = TrainingDynamics(len(labels), early)

    def batch(self, indices: Tensor, logits: Tensor) -> None:
        """Record a batch."""
        self.scores.record(indices, logits, self.labels[indices])

    def state_dict(self) -> dict[str, Any]:
        """Return what has been recorded."""
        return self.scores.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.scores.load_state_dict(state)


class Checkpoints(Hook):
    """The network after some epochs, with the learning rate of the last step there.

    Args:
        epochs: which, the first being 0.

    """

    def __init__(self, epochs: Collection[int]) -> None:
        self.epochs = epochs
        self._kept: list[tuple[dict[str, Tensor], float]] = []

    def epoch(self, epoch: int, training: Training) -> None:
        """Keep the network, on the CPU."""
        if epoch in self.epochs:
            state = training.network.state_dict()
            self._kept.append(({k: v.cpu().clone() for k, v in state.items()}, training.rate))

    def networks(self, network: nn.Module) -> Iterator[tuple[nn.Module, float]]:
        """Yield each, as a copy of ``network`` with its weights, and its rate."""
        for state, rate in self._kept:
            copied = copy.deepcopy(network)
            copied.load_state_dict(state)
            yield copied, rate

    def state_dict(self) -> dict[str, Any]:
        """Return what has been kept."""
        return {"kept": self._kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._kept = state["kept"]
