"""GraNd: the norm of an example's gradient (Paul et al., Deep Learning on a Data Diet, 2021).

Theirs is at initialisation and early in training, the mean over ten networks; Kirsch (Does "Deep
Learning on a Data Diet" reproduce?, 2023) could not reproduce that at initialisation it prunes
well. Networks are in evaluation mode: in that of training, a batch norm makes an example's gradient
depend on the others.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from paper.baselines.last_layer import last_layer, squared_inputs


def grand(norms: Iterable[Tensor]) -> Tensor:
    """Return the mean over several networks, (n,) float32, of norms that one of those below gives.

    Example: ``grand(gradient_norms(make(seed).network, pixels, labels) for seed in range(10))``.
    """
    return torch.stack([*norms]).mean(0)


def gradient_norms(
    network: nn.Module, pixels: Tensor, labels: Tensor, chunk_size: int = 16
) -> Tensor:
    r"""Return :math:`\lVert \nabla_\theta \ell(x_i, y_i) \rVert_2` over all trained parameters.

    Args:
        network: from pixels to (b, k) logits; it is evaluated.
        pixels: (n, c, h, w), on the CPU.
        labels: (n,) int64.
        chunk_size: examples at a time; each takes as much memory as all parameters.

    Returns:
        (n,) float32, on the CPU.

    """
    network.eval()
    named = [*network.named_parameters()]
    trained = {name: p.detach() for name, p in named if p.requires_grad}
    others = {name: p.detach() for name, p in named if not p.requires_grad}

    def loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        logits = functional_call(network, (parameters, others), (x[None],))
        return functional.cross_entropy(logits, y[None])

    def norm(x: Tensor, y: Tensor) -> Tensor:
        parts = grad(loss)(trained, x, y).values()
        return torch.stack([part.square().sum() for part in parts]).sum().sqrt()

    device = named[0][1].device
    found: list[Tensor] = [
        vmap(norm)(x.to(device), y.to(device)).cpu()
        for x, y in zip(pixels.split(chunk_size), labels.split(chunk_size), strict=True)
    ]
    return torch.cat(found).float()


def last_layer_norms(network: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
    r"""Return the norm over the last layer's parameters alone, (n,) float32.

    .. math:: \lVert \delta_i \rVert \sqrt{\lVert h_i \rVert^2 + 1}

    in the words of :func:`paper.baselines.last_layer.last_layer`; without the 1 where there is no
    bias.
    """
    inputs, gradients = last_layer(network, pixels, labels)
    norms: Tensor = gradients.norm(dim=1) * squared_inputs(network, inputs).sqrt()
    return norms
