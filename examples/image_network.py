"""A small modern CNN for images that are held in memory, and residual networks for small images.

The CNN is that of the fast trainings of CIFAR-10: a first layer that whitens patches (set from the
data, not trained), three stages of two convolutions with batch norms, GELU, a scaled linear head.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Standardised(nn.Module):
    """A network that takes pixels as they are stored.

    Args:
        network: takes standardised images.
        mean: (c, 1, 1) of every channel, in [0, 1].
        std: (c, 1, 1) deviations.

    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (b, k) logits of (b, c, h, w) uint8 pixels."""
        logits: Tensor = self.network(self.standardised(pixels))
        return logits

    def standardised(self, pixels: Tensor) -> Tensor:
        """Return (b, c, h, w) float32."""
        return (pixels.float() / 255 - self.mean) / self.std


class Stage(nn.Sequential):
    """Two convolutions, the first one pooled, each with a batch norm and GELU."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(
            *(nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.MaxPool2d(2)),
            *(nn.BatchNorm2d(out), nn.GELU()),
            *(nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.GELU()),
        )


class Network(nn.Module):
    """The small network, its first layer set from standardised images.

    Args:
        images: (m, c, h, w) some of the data, standardised.
        classes: how many.
        widths: channels of the three stages.

    """

    def __init__(self, images: Tensor, classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        filters = whitening(images)
        self.first = nn.Conv2d(images.shape[1], len(filters), 2, padding=0)
        self.first.weight = nn.Parameter(filters, requires_grad=False)
        nn.init.zeros_(self.first.bias)  # type: ignore[arg-type]
        self.stages = nn.Sequential(
            *map(Stage, (len(filters), *widths[:-1]), widths), nn.AdaptiveMaxPool2d(1), nn.Flatten()
        )
        self.head = nn.Linear(widths[-1], classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return (b, k) logits."""
        features = self.stages(functional.gelu(self.first(images)))
        logits: Tensor = self.head(features) / 9  # else the first steps are too large
        return logits


def whitening(images: Tensor) -> Tensor:
    """Return (2 p, c, 2, 2) filters: principal axes of 2 x 2 patches over their deviations, +-."""
    patches = functional.unfold(images[:2000].float(), 2).transpose(1, 2)
    patches = patches.reshape(-1, patches.shape[-1])
    values, vectors = torch.linalg.eigh(patches.T.cov())
    filters = (vectors / (values + 5e-4).sqrt()).T.reshape(-1, images.shape[1], 2, 2)
    return torch.cat([filters, -filters])


def residual(make: Callable[..., nn.Module], channels: int, classes: int) -> nn.Module:
    """Return a ResNet of torchvision whose stem is that for small images: 3 x 3, no pooling."""
    model = make(num_classes=classes)
    model.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model
