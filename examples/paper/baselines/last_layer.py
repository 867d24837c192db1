"""What several baselines read of a network's last linear layer: its inputs and its errors."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional


def last_linear(network: nn.Module) -> nn.Linear:
    """Return the last linear layer of a network."""
    found = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not found:
        raise ValueError(f"The network {type(network).__name__} has no linear layer.")
    return found[-1]


def last_layer(
    network: nn.Module, pixels: Tensor, labels: Tensor, batch_size: int = 500
) -> tuple[Tensor, Tensor]:
    r"""Return inputs of the last linear layer, and the loss's gradients by its outputs.

    With inputs h_i and gradients :math:`\delta_i`, the gradient of example i's cross-entropy by the
    layer's weights is :math:`\delta_i h_i^\top`, and by its bias :math:`\delta_i`. Where the
    layer's outputs are the logits, :math:`\delta_i = p_i - e_{y_i}`; what a network does to them
    afterwards is in it.

    Args:
        network: from pixels to (b, k) logits; it is evaluated.
        pixels: (n, c, h, w), on the CPU.
        labels: (n,) int64.
        batch_size: images at a time.

    Returns:
        (n, d) and (n, k) float32 on the CPU.

    """
    network.eval()
    device = next(network.parameters()).device
    # Without gradients by the weights, so that nothing below the layer is kept.
    fixed = {name: value.detach() for name, value in network.named_parameters()}
    inputs, gradients = [], []
    caught: list[Tensor] = []

    def catch(_module: nn.Module, given: tuple[Tensor], output: Tensor) -> Tensor:
        caught[:] = given[0].detach(), output.detach().requires_grad_()
        return caught[1]

    handle = last_linear(network).register_forward_hook(catch)
    try:
        for x, y in zip(pixels.split(batch_size), labels.split(batch_size), strict=True):
            logits = functional_call(network, fixed, (x.to(device),))
            loss = functional.cross_entropy(logits, y.to(device), reduction="sum")
            (gradient,) = torch.autograd.grad(loss, caught[1])
            inputs.append(caught[0].float().cpu())
            gradients.append(gradient.float().cpu())
    finally:
        handle.remove()
    return torch.cat(inputs), torch.cat(gradients)


def squared_inputs(network: nn.Module, inputs: Tensor) -> Tensor:
    r"""Return (n,) :math:`\lVert h_i \rVert^2`, plus one where the last layer has a bias."""
    return inputs.square().sum(1) + int(last_linear(network).bias is not None)
