"""The networks of the paper (App. D.1), each by its name, for images of one, two or three channels.

| name | what | of 10 classes, millions of parameters |
| --- | --- | ---: |
| ``fast`` | the small CNN of ``image_network``, for two cores | 0.7 |
| ``resnet18``, ``resnet50`` | torchvision's, 3 x 3 stem, no max pooling (He et al.) | 11.2, 23.5 |
| ``densenet`` | DenseNet-BC-100, growth 12 (Huang et al.) | 0.77 |
| ``vit`` | ViT-B/16, pretrained on ImageNet (Dosovitskiy et al.) | 85.8 |
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from image_network import Network, residual
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models

# What the pretrained ViT takes, in pixels a side.
_VIT_SIDE = 224
TIMM_VIT = "vit_base_patch16_224.augreg2_in21k_ft_in1k"
WIDTHS = (32, 96, 192)


def network(name: str, images: Tensor, classes: int, widths: Sequence[int] = WIDTHS) -> nn.Module:
    """Return a network, new but for the weights of ``"vit"``.

    Args:
        name: see the table above.
        images: (m, c, h, w) float32, some of the data, standardised; all but ``"fast"`` only look
            at the number of channels.
        classes: k, how many.
        widths: channels of the three stages of ``"fast"``.

    Returns:
        From (b, c, h, w) standardised images to (b, k) logits.

    Raises:
        ValueError: no such network.
        RuntimeError: no pretrained weights of ``"vit"`` can be had.

    """
    channels = images.shape[1]
    made: dict[str, Callable[[], nn.Module]] = {
        "fast": lambda: Network(images, classes, widths),
        "resnet18": lambda: residual(models.resnet18, channels, classes),
        "resnet50": lambda: residual(models.resnet50, channels, classes),
        "densenet": lambda: densenet(channels, classes),
        "vit": lambda: vision_transformer(channels, classes),
    }
    if name not in made:
        raise ValueError(f"The 'name' of a network must be one of {[*made]}. Got {name!r} instead.")
    return made[name]()


def densenet(channels: int, classes: int) -> nn.Module:
    """Return DenseNet-BC-100 with growth 12: three blocks of 16 bottlenecks, compression 1/2.

    The stem is one 3 x 3 convolution to 24 channels, as the authors have it for CIFAR; the norm
    and the pooling of torchvision's stem go.
    """
    model = models.DenseNet(12, (16, 16, 16), 24, num_classes=classes)
    model.features.conv0 = nn.Conv2d(channels, 24, 3, padding=1, bias=False)
    for name in ("norm0", "relu0", "pool0"):
        setattr(model.features, name, nn.Identity())
    made: nn.Module = model
    return made


def vision_transformer(channels: int, classes: int) -> nn.Module:
    """Return a pretrained ViT-B/16 with a new head: timm's, or torchvision's.

    Raises:
        RuntimeError: the weights of neither are on this machine, nor can be fetched.

    """
    tried = []
    for make in (timm_vit, torchvision_vit):
        found = _pretrained(make, channels, classes)
        if isinstance(found, nn.Module):
            return Enlarged(found)
        tried.append(found)
    raise RuntimeError(
        "The pretrained weights of the ViT are not on this machine, and could not be fetched. Run "
        f"timm.create_model({TIMM_VIT!r}, pretrained=True) or "
        "torchvision.models.vit_b_16(weights='IMAGENET1K_V1') once where there is a network, and "
        f"copy ~/.cache/huggingface or ~/.cache/torch here. ({'; '.join(tried)})"
    )


def _pretrained(make: Callable[..., nn.Module], channels: int, classes: int) -> nn.Module | str:
    """Return a network, or in words why it cannot be had."""
    try:
        return make(channels, classes, pretrained=True)
    except Exception as error:  # noqa: BLE001 (of the network, of files: each library has its own)
        return f"{make.__name__}: {type(error).__name__}: {str(error).partition(chr(10))[0]}"


def timm_vit(channels: int, classes: int, *, pretrained: bool) -> nn.Module:
    """Return timm's ViT-B/16; its first layer is summed or spread over other than three channels.

    Raises:
        ImportError: timm is not installed.

    """
    import timm  # noqa: PLC0415 (optional)

    model: nn.Module = timm.create_model(
        TIMM_VIT, pretrained=pretrained, num_classes=classes, in_chans=channels
    )
    return model


def torchvision_vit(channels: int, classes: int, *, pretrained: bool) -> nn.Module:
    """Return torchvision's ViT-B/16, its first layer folded to the channels there are."""
    model: Any = models.vit_b_16(weights="IMAGENET1K_V1" if pretrained else None)
    model.heads = nn.Linear(model.hidden_dim, classes)
    model.conv_proj = folded(model.conv_proj, channels)
    made: nn.Module = model
    return made


def folded(first: nn.Conv2d, channels: int) -> nn.Conv2d:
    """Return a convolution that does on ``channels`` equal ones what ``first`` does on its own."""
    if channels == first.in_channels:
        return first
    size, stride = first.kernel_size[0], first.stride[0]
    fewer = nn.Conv2d(channels, first.out_channels, size, stride)
    with torch.no_grad():
        fewer.weight.copy_(first.weight.sum(1, keepdim=True).expand_as(fewer.weight) / channels)
        if first.bias is not None and fewer.bias is not None:
            fewer.bias.copy_(first.bias)
    return fewer


class Enlarged(nn.Module):
    """A network whose images are first enlarged to the side it was pretrained on."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return (b, k) logits of (b, c, h, w) images."""
        side = (_VIT_SIDE, _VIT_SIDE)
        larger = functional.interpolate(images, side, mode="bicubic", antialias=True)
        logits: Tensor = self.network(larger)
        return logits


def builder(name: str, widths: Sequence[int] = WIDTHS) -> Callable[[Tensor, int], nn.Module]:
    """Return what :class:`image_training.Training` builds its network with."""
    return functools.partial(network, name, widths=widths)
