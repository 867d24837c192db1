"""The baselines' scores of a data set, each (n,) and high for what is irregular or valuable.

One training gives forgetting, EL2N, AUM and TracIn; what it gave is kept in the folder of the cache
for every module that asks. EL2N is of that one network: Paul et al. take the mean over ten.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from image_network import Images
from image_training import Training
from torch import Tensor

from paper.baselines.el2n import PART
from paper.baselines.grand import gradient_norms, grand, last_layer_norms
from paper.baselines.tracin import mean_influence, self_influence
from paper.data import Data
from paper.training import Checkpoints, Dynamics, recipe, training
from torch_cgprune import SelectionSampler

OF_TRAINING = ("forgetting", "el2n", "aum", "tracin", "tracin-self")
AT_START = ("grand", "grand-last")
METHODS = (*OF_TRAINING, *AT_START, "c-score")
NETWORKS = {"smoke": "fast", "small": "fast", "paper": "resnet18"}
# Of GraNd: at initialisation, where one costs a pass over the data and no training.
STARTS = {"smoke": 2, "small": 5, "paper": 10}
CHECKPOINTS, VALIDATION = 5, 1000  # of TracIn, and images it asks about
# Floats of the gradients that GraNd holds at a time: 1 GiB.
_HELD = 2**28
# Pixels a side below which the small network pools an image away.
_LEAST_SIDE = 16


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
    path = None if data.cache is None else _path(data, name, method, given, seed)
    if method in OF_TRAINING:
        compute = partial(of_training, data, name, given, seed, path)
    else:
        compute = partial(_at_start, data, name, method, given, seed)
    return kept(path, compute)[method]


def begin(data: Data, name: str, labels: Tensor, seed: int) -> Training:
    """Return the training of the scale's network on these labels, not begun."""
    examples = data.examples(name)
    network, scale = NETWORKS[data.scale.name], data.scale.name
    images = Images(enlarged(examples.pixels), labels)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    how = recipe(network, len(examples), scale)
    return training(network, images, len(examples.classes), how, seed, device)


def early_epochs(run: Training) -> int:
    """Return the epochs after which EL2N is taken: a tenth of all, 20 of 200."""
    return -(-_epochs(run) // PART)


def checkpoint_epochs(run: Training) -> list[int]:
    """Return the epochs, from 0, in the middle of each fifth of a training: TracIn's."""
    return sorted({_epochs(run) * (2 * i + 1) // (2 * CHECKPOINTS) for i in range(CHECKPOINTS)})


def of_training(
    data: Data, name: str, labels: Tensor, seed: int, path: Path | None = None
) -> dict[str, Tensor]:
    """Train once, and return the scores of every method in ``OF_TRAINING``.

    Args:
        data: as above.
        name: as above.
        labels: (n,) int64.
        seed: as above.
        path: an interrupted training is taken up again from a file beside it; None for no such.

    """
    run = begin(data, name, labels, seed)
    dynamics, kept = Dynamics(labels, early_epochs(run)), Checkpoints(checkpoint_epochs(run))
    checkpoint = None if path is None else path.with_suffix(".checkpoint")
    run.run(order(run, seed), checkpoint, [dynamics, kept])
    networks = [*kept.networks(run.network)]
    return {
        **{method: getattr(dynamics.scores, method) for method in ("forgetting", "el2n", "aum")},
        "tracin": mean_influence(networks, run.images, validation(data, name)),
        "tracin-self": self_influence(networks, run.images),
    }


def order(run: Training, seed: int) -> SelectionSampler:
    """Return the sampler of a training on everything."""
    return SelectionSampler(torch.arange(len(run.images.labels)), seed=seed)


def start_norms(run: Training, method: str) -> Tensor:
    """Return (n,) norms of the gradients of a training that has not begun."""
    pixels, labels = run.images.pixels, run.images.labels
    if method == "grand-last":
        return last_layer_norms(run.network, pixels, labels)
    size = sum(p.numel() for p in run.network.parameters() if p.requires_grad)
    return gradient_norms(run.network, pixels, labels, max(1, _HELD // size))


def validation(data: Data, name: str) -> Images:
    """Return images that are not trained on."""
    some = data.rest(name, VALIDATION)
    return Images(enlarged(some.pixels), some.labels)


def enlarged(pixels: Tensor) -> Tensor:
    """Return (n, c, h, w) pixels, each repeated where the image is too small for the network."""
    times = -(-_LEAST_SIDE // min(pixels.shape[2:]))
    return pixels.repeat_interleave(times, 2).repeat_interleave(times, 3)


def _at_start(data: Data, name: str, method: str, labels: Tensor, seed: int) -> dict[str, Tensor]:
    count = STARTS[data.scale.name]
    runs = (begin(data, name, labels, count * seed + i) for i in range(count))
    return {method: grand(start_norms(run, method) for run in runs)}


def _epochs(run: Training) -> int:
    return -(-run.recipe.steps // run.recipe.epoch_steps(len(run.images.labels)))


def _path(data: Data, name: str, method: str, labels: Tensor, seed: int) -> Path:
    content = hashlib.sha256(labels.numpy().tobytes()).hexdigest()[:16]
    what = "training" if method in OF_TRAINING else method
    assert data.cache is not None
    return data.cache / "trained" / f"{name}-{data.scale.name}-{what}-{seed}-{content}.pt"


def kept(path: Path | None, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return what is in a file, or compute it and keep it there."""
    if path is None:
        return compute()
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        torch.save(compute(), temporary)
        temporary.replace(path)
    found: dict[str, Tensor] = torch.load(path, weights_only=True)
    return found
