"""The baselines' scores of a data set (App. D.3, F): (n,) each, high for irregular or valuable.

One training gives forgetting, EL2N, AUM and TracIn; what it gave is kept in the folder of the cache
for every module that asks. EL2N is of that one network: Paul et al. take the mean over ten.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from image_data import Images
from image_training import Training
from torch import Tensor

from paper.baselines.el2n import early_epochs, early_steps
from paper.baselines.grand import gradient_norms, grand, last_layer_norms
from paper.baselines.tracin import mean_influence, self_influence
from paper.cache import kept
from paper.data import Data
from paper.training import Checkpoints, Dynamics, begin, images_of
from torch_cgprune import SelectionSampler

OF_TRAINING = ("forgetting", "el2n", "aum", "tracin", "tracin-self")
AT_START = ("grand", "grand-last")
METHODS = (*OF_TRAINING, *AT_START, "c-score")
# Of GraNd: at initialisation, where one costs a pass over the data and no training.
STARTS = {"smoke": 2, "small": 3, "paper": 10}
CHECKPOINTS, VALIDATION = 5, 1000  # of TracIn, and images it asks about
# Floats of the gradients that GraNd holds at a time on a GPU: 1 GiB. A CPU is faster by few.
_HELD = 2**28
_CHUNK_ON_CPU = 16


def baseline(
    data: Data, name: str, method: str, labels: Tensor | None = None, seed: int = 0
) -> Tensor:
    """Return the scores that a method which trains gives the examples of a data set.

    Args:
        data: at its scale, which decides the network and its training.
        name: of the data set.
        method: ``"forgetting"``, ``"el2n"``, ``"aum"``, ``"tracin"`` (influence on 1,000 images
            that are validated on: high lowers their loss), ``"tracin-self"`` (influence on itself),
            ``"grand"`` or ``"grand-last"`` (norm of the gradient at initialisation, by all
            parameters or those of the last layer) or ``"c-score"`` (published, taken from 1).
        labels: (n,) int64 to train on; None for those of the data.
        seed: of the network and of the order.

    Returns:
        (n,) float32 on the CPU, in the order of ``data.examples(name)``.

    Raises:
        MissingError: the data, or published scores, are not here.
        ValueError: no such method, not n labels, or labels for scores that are published.

    """
    if method not in METHODS:
        raise ValueError(f"The 'method' of a baseline is one of {METHODS}. Got {method!r} instead.")
    if method == "c-score":
        if labels is not None:
            raise ValueError("Published C-scores are of the data's labels: leave 'labels' at None.")
        return 1 - data.c_scores(name)
    given = data.examples(name).labels if labels is None else labels
    if len(given) != len(data.examples(name)):
        raise ValueError(
            f"The 'labels' of {name} must be {len(data.examples(name))}, one an example. "
            f"Got {len(given)} instead."
        )
    what = "training" if method in OF_TRAINING else method
    path = data.file("trained", name, what, seed, given)
    if method in OF_TRAINING:
        compute = partial(_of_training, data, name, given, seed, path)
    else:
        compute = partial(_at_start, data, name, method, given, seed)
    return kept(path, compute)[method]


class Watched(NamedTuple):
    """A training with what is measured in it.

    Attributes:
        run: the training.
        sampler: gives all examples.
        dynamics: forgetting, EL2N and AUM.
        checkpoints: TracIn's.

    """

    run: Training
    sampler: SelectionSampler
    dynamics: Dynamics
    checkpoints: Checkpoints

    def train(self, checkpoint: Path | None = None, steps: int | None = None) -> None:
        """Train, or go on, for all of the steps or until there were so many."""
        self.run.run(self.sampler, checkpoint, [self.dynamics, self.checkpoints], steps=steps)

    @property
    def early_steps(self) -> int:
        """The steps after which EL2N is there."""
        return early_steps(self.run)

    def influence(self, validation: Images | None) -> Tensor:
        """Return TracIn's scores (n,), of influence on some images, or of that on itself."""
        networks = self.checkpoints.networks(self.run.network)
        if validation is None:
            return self_influence(networks, self.run.images)
        return mean_influence(networks, self.run.images, validation)


def watched(data: Data, name: str, labels: Tensor, seed: int) -> Watched:
    """Return the training on these labels, not begun, with what is measured in it."""
    run = begin(data, name, labels, seed)
    sampler = SelectionSampler(torch.arange(len(labels)), seed=seed)
    dynamics = Dynamics(labels, early_epochs(run))
    return Watched(run, sampler, dynamics, Checkpoints(checkpoint_epochs(run)))


def checkpoint_epochs(run: Training) -> list[int]:
    """Return the epochs, from 0, in the middle of each fifth of a training: TracIn's."""
    epochs = run.recipe.epochs(len(run.images.labels))
    return sorted({epochs * (2 * i + 1) // (2 * CHECKPOINTS) for i in range(CHECKPOINTS)})


def start_norms(run: Training, method: str) -> Tensor:
    """Return (n,) norms of the gradients of a training that has not begun."""
    pixels, labels = run.images.pixels, run.images.labels
    if method == "grand-last":
        return last_layer_norms(run.network, pixels, labels)
    chunk = _CHUNK_ON_CPU
    if run.device.type == "cuda":
        size = sum(p.numel() for p in run.network.parameters() if p.requires_grad)
        chunk = max(1, _HELD // size)
    return gradient_norms(run.network, pixels, labels, chunk)


def validation(data: Data, name: str) -> Images:
    """Return images that are not trained on."""
    return images_of(data.rest(name, VALIDATION))


def _of_training(
    data: Data, name: str, labels: Tensor, seed: int, path: Path | None
) -> dict[str, Tensor]:
    """Train once; an interrupted training is taken up again from a file beside its scores."""
    found = watched(data, name, labels, seed)
    found.train(None if path is None else path.with_suffix(".checkpoint"))
    seen = found.dynamics.scores
    return {
        "forgetting": seen.forgetting,
        "el2n": seen.el2n,
        "aum": seen.aum,
        "tracin": found.influence(validation(data, name)),
        "tracin-self": found.influence(None),
    }


def _at_start(data: Data, name: str, method: str, labels: Tensor, seed: int) -> dict[str, Tensor]:
    count = STARTS[data.scale.name]
    runs = (begin(data, name, labels, count * seed + i) for i in range(count))
    return {method: grand(start_norms(run, method) for run in runs)}
