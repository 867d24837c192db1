"""PIL images of any mode as the score must see them: whole in range, and without transparency."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor

from torch_cgprune.utils.warn import warn_caller

# An image with a shorter side is an icon, or other data with three channels.
_FEWEST_PIXELS = 8
# Tags of a TIFF, and the format that stands for signed integers.
_BITS, _FORMAT, _SIGNED = 258, 339, 2


def is_deep(image: Image.Image) -> bool:
    """Return whether an image has more than 256 greys: Pillow clips them where it converts it."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def is_transparent(image: Image.Image) -> bool:
    """Return whether an image has an alpha channel, or a colour that stands for nothing."""
    return image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info


def has_transparent_parts(image: Image.Image) -> bool:
    """Return whether something shines through an image: not where its alpha is full everywhere."""
    if not is_transparent(image):
        return False
    return any(image.convert("RGBA").getchannel("A").histogram()[:255])


def is_in_colour(image: Tensor) -> bool:
    """Return whether (c, h, w) numbers are an image of three channels that differ.

    Example:
        >>> import torch
        >>> grey = torch.rand(1, 9, 9).expand(3, -1, -1)
        >>> is_in_colour(grey), is_in_colour(grey * torch.tensor([1, 1, 0.5])[:, None, None])
        (False, True)

    """
    if image.ndim != 3 or len(image) != 3 or min(image.shape[1:]) < _FEWEST_PIXELS:
        return False
    return bool((image[0] != image[1]).any() or (image[1] != image[2]).any())


def in_unit_range(image: Image.Image) -> Image.Image:
    """Return a deep image in mode F, integers scaled to [0, 1] by the range of their type.

    Example:
        >>> in_unit_range(Image.new("I;16", (1, 1), 13107)).getpixel((0, 0))  # of 65535
        0.20000000298023224

    """
    if image.mode == "F":
        return image.copy()  # read, where the file is about to be closed
    return Image.fromarray((np.asarray(image) / _greatest(image)).astype(np.float32))


def _greatest(image: Image.Image) -> int:
    """Return the greatest value of an image's integers; those of PNG and PPM have 16 bits."""
    if image.mode == "I" and image.format is None:
        return 2**31 - 1
    tags = getattr(image, "tag_v2", {})
    signed = tags.get(_FORMAT, (1,))[0] == _SIGNED
    return int(2 ** (tags.get(_BITS, (16,))[0] - signed) - 1)


def as_scored(image: Image.Image) -> Image.Image:
    """Return a deep image as :func:`in_unit_range` does, any other :func:`on_white`, and say so."""
    if is_deep(image):
        return in_unit_range(image)
    if has_transparent_parts(image):
        warn_caller("Images have transparent parts: they are scored on white.")
    return on_white(image)


def on_white(image: Image.Image) -> Image.Image:
    """Return an image as RGB, what is transparent in it composed on white.

    Example:
        >>> on_white(Image.new("RGBA", (1, 1), (0, 0, 0, 51))).getpixel((0, 0))
        (204, 204, 204)

    """
    if not is_transparent(image):
        return image.convert("RGB")
    layer = image.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    ground.alpha_composite(layer)
    return ground.convert("RGB")
