"""Kernel velocity (eq. 13, App. I): how fast a network's tangent kernel turns while it is trained.

As Fort et al. (Deep learning versus kernel learning, NeurIPS 2020) define it, on few examples.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

# What the Jacobian of a chunk may take: of a GPU a share of what is free, else so many bytes.
_OF_GPU = 1 / 8
_ON_CPU = 2**31


def logit_jacobian(network: nn.Module, pixels: Tensor) -> list[Tensor]:
    r"""Return the Jacobians :math:`\partial z_c(x_i) / \partial \theta` of every logit.

    Args:
        network: from pixels to (b, k) logits, evaluated as it is.
        pixels: (b, c, h, w), where the network is.

    Returns:
        For every trained parameter of p numbers (b k, p), example after example.

    """
    named = [*network.named_parameters()]
    trained = {name: p.detach() for name, p in named if p.requires_grad}
    others = {name: p.detach() for name, p in named if not p.requires_grad}

    def logits(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        out: Tensor = functional_call(network, (parameters, others), (x[None],))
        return out[0]

    parts = vmap(jacrev(logits), (None, 0))(trained, pixels).values()
    return [part.flatten(2).flatten(0, 1) for part in parts]


def tangent_gram(network: nn.Module, pixels: Tensor, chunk_size: int | None = None) -> Tensor:
    r"""Return the Gram matrix :math:`J J^\top` of the logits' Jacobians J.

    Two chunks of examples have their Jacobians in memory at a time: of c chunks, each is computed
    about c / 2 times.

    Args:
        network: from pixels to (b, k) logits; it is evaluated.
        pixels: (m, c, h, w), m examples.
        chunk_size: examples in a chunk; None for as many as fit.

    Returns:
        (m k, m k) float64 on the CPU.

    """
    network.eval()
    device = next(network.parameters()).device
    parts = pixels.to(device).split(chunk_size or _fitting(network, pixels[:1].to(device)))
    rows = [_row(network, parts[: i + 1]) for i in range(len(parts))]
    gram = torch.zeros(rows[-1].shape[1], rows[-1].shape[1], dtype=torch.float64)
    start = 0
    for row in rows:
        end = start + len(row)
        gram[start:end, :end], gram[:end, start:end] = row, row.T
        start = end
    return gram


def _row(network: nn.Module, parts: Sequence[Tensor]) -> Tensor:
    """Return the products of the last part with all, (b k, m k)."""
    last = logit_jacobian(network, parts[-1])
    found = []
    for part in parts:
        other = last if part is parts[-1] else logit_jacobian(network, part)
        products = [one @ two.T for one, two in zip(last, other, strict=True)]
        found.append(torch.stack(products).sum(0).double().cpu())
    return torch.cat(found, 1)


def _fitting(network: nn.Module, one: Tensor) -> int:
    """Return how many examples' Jacobians fit, going by the logits of one."""
    with torch.no_grad():
        k = network(one).shape[1]
    parameters = [p for p in network.parameters() if p.requires_grad]
    size = k * sum(p.numel() * p.element_size() for p in parameters)
    free = _OF_GPU * torch.cuda.mem_get_info(one.device)[0] if one.is_cuda else _ON_CPU
    return max(1, int(free / size))


def cosine_distance(one: Tensor, other: Tensor) -> float:
    r"""Return :math:`1 - \langle K, K' \rangle / (\lVert K \rVert \lVert K' \rVert)`."""
    product, norms = (one * other).sum(), one.norm() * other.norm()
    return float(1 - product / norms)
