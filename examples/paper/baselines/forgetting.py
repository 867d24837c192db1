"""Forgetting (Toneva et al., ICLR 2019; the paper's eq. 10)."""

from pathlib import Path
from typing import Any

import torch
from image_training import Training
from torch import Tensor

from paper.training import Dynamics


def forgetting(right: Tensor) -> Tensor:
    r"""Return how often each example was forgotten.

    .. math:: \sum_{t=1}^{T-1} [r_{t-1} = 1, r_t = 0]

    and T for one that was never right: more than any other can have.

    Args:
        right: (T, n) bool, whether an example was classified correctly in each of T epochs.

    Returns:
        (n,) float32.

    """
    forgotten = (right[:-1] & ~right[1:]).sum(0)
    return torch.where(right.any(0), forgotten, len(right)).float()


def forgetting_of(training: Training, sampler: Any, checkpoint: Path | None = None) -> Tensor:
    """Return (n,) forgetting scores of a training that is run here, to its end.

    Each example is judged in the batch it is in, as Toneva et al. do.
    """
    dynamics = Dynamics(training.images.labels)
    training.run(sampler, checkpoint, [dynamics])
    return dynamics.scores.forgetting
