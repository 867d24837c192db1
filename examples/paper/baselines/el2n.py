"""EL2N, the norm of the error early in training (Paul et al., Deep Learning on a Data Diet)."""

from collections.abc import Callable, Iterable, Iterator

import torch
from image_training import Training
from torch import Tensor
from training_dynamics import error_norm

from torch_cgprune import SelectionSampler

# A tenth of the training: epoch 20 of 200.
PART = 10
NETWORKS = 10


def el2n(logits: Iterable[Tensor], labels: Tensor) -> Tensor:
    r"""Return the mean norm of the error over several networks.

    .. math:: \frac{1}{m} \sum_j \lVert \mathrm{softmax}(z_i^{(j)}) - e_{y_i} \rVert_2

    Args:
        logits: m times (n, k) floats, each of another network.
        labels: (n,) int64 in [0, k).

    Returns:
        (n,) float32.

    """
    return torch.stack([error_norm(z, labels) for z in logits]).mean(0)


def early_logits(make: Callable[[int], Training], networks: int = NETWORKS) -> Iterator[Tensor]:
    """Yield the (n, k) logits of networks that were trained for a tenth of their steps.

    The schedule is that of the whole training, as Paul et al. have it; it is stopped at epoch 20 of
    200, or at the end of the epoch in which a tenth of fewer ends.

    Args:
        make: from a seed to a training that has not begun.
        networks: how many.

    """
    for seed in range(networks):
        training = make(seed)
        everything = torch.arange(len(training.images.labels))
        training.run(SelectionSampler(everything, seed=seed), steps=early_steps(training))
        yield training.logits(training.images)


def early_epochs(training: Training) -> int:
    """Return the epochs after which EL2N is taken: a tenth of all, 20 of 200."""
    return -(-training.recipe.epochs(len(training.images.labels)) // PART)


def early_steps(training: Training) -> int:
    """Return the steps after which EL2N is there."""
    recipe = training.recipe
    steps = early_epochs(training) * recipe.epoch_steps(len(training.images.labels))
    return min(recipe.steps, steps)
