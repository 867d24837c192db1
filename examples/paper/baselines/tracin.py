"""TracIn on the last layer (Pruthi et al., Estimating Training Data Influence, NeurIPS 2020).

The influence of training example i on another example j is the sum, over checkpoints t of one
training with learning rates eta_t, of eta_t times the inner product of their gradients there.
"""

from collections.abc import Iterable

import torch
from image_data import Images
from torch import Tensor, nn

from paper.baselines.last_layer import last_layer, last_linear, squared_inputs

# A network from pixels to logits, and the learning rate of the step that led to it.
Checkpoint = tuple[nn.Module, float]


def mean_influence(checkpoints: Iterable[Checkpoint], train: Images, validation: Images) -> Tensor:
    r"""Return the mean influence of each training example on the validation images.

    .. math:: \sum_t \eta_t \frac{1}{m} \sum_j \nabla \ell_t(i) \cdot \nabla \ell_t(j)
        = \sum_t \eta_t \delta_i^\top M_t (h_i, 1)

    with M_t the mean of the validation images' gradients: n m inner products for the price of n.

    Args:
        checkpoints: of one training, see :class:`paper.training.Checkpoints`.
        train: n images.
        validation: m images that were not trained on.

    Returns:
        (n,) float32, high for examples that lower the loss of others.

    """
    total = torch.zeros(len(train.labels))
    for network, rate in checkpoints:
        h, delta = last_layer(network, validation.pixels, validation.labels)
        weights, bias = delta.T @ h / len(h), delta.mean(0)
        h, delta = last_layer(network, train.pixels, train.labels)
        influence = (delta @ weights * h).sum(1)
        if last_linear(network).bias is not None:
            influence += delta @ bias
        total += rate * influence
    return total


def self_influence(checkpoints: Iterable[Checkpoint], train: Images) -> Tensor:
    r"""Return the influence of each example on itself, which finds wrong labels.

    .. math:: \sum_t \eta_t \lVert \nabla \ell_t(i) \rVert^2

    Args:
        checkpoints: as above.
        train: n images.

    Returns:
        (n,) float32, high for examples that nothing but themselves explains.

    """
    total = torch.zeros(len(train.labels))
    for network, rate in checkpoints:
        h, delta = last_layer(network, train.pixels, train.labels)
        total += rate * delta.square().sum(1) * squared_inputs(network, h)
    return total
