"""Forgetting (Toneva et al., ICLR 2019; the paper's eq. 10)."""

import torch
from torch import Tensor


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
