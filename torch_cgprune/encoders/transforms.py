"""What is done to one image or text before an encoder sees it."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from torch_cgprune.errors import ArgumentTypeError, ArgumentValueError
from torch_cgprune.inputs.pixels import as_scored, on_white
from torch_cgprune.inputs.rows import channels_first
from torch_cgprune.utils.warn import warn_caller


class Described(abc.ABC):
    """A transform that is known by what it says of itself: what it holds may be of any kind.

    Attributes:
        described: all that shapes its output, the same in every process.

    """

    described: str

    @abc.abstractmethod
    def __call__(self, item: Any) -> Tensor:
        """Return what an encoder takes of an item."""


class ImageTransform(Described):
    """A model's own preprocessing of images, behind what makes one of any kind a PIL image in RGB.

    Args:
        encoder: its name, for messages.
        transform: from a PIL image to a (c, h, w) tensor.
        described: see :class:`Described`.

    """

    def __init__(
        self, encoder: str, transform: Callable[[Image.Image], Tensor], described: str
    ) -> None:
        self.encoder, self.transform, self.described = encoder, transform, described

    def __call__(self, image: Any) -> Tensor:
        """Return the (c, h, w) tensor that the model takes."""
        if isinstance(image, str):
            raise ArgumentTypeError(
                "The encoder %r takes images. Got a text instead.",
                self.encoder,
                parameter="name",
                cure="Name one that takes texts, as 'transformers:NAME'.",
            )
        return self.transform(as_rgb(image))


def as_rgb(image: Any) -> Image.Image:
    """Return an image as a PIL image of bytes: transparent parts on white, grey ones repeated.

    Args:
        image: a PIL image; an (h, w), (h, w, c) array or a (c, h, w) tensor of bytes, or of numbers
            in [0, 1], c being 1, 3 or 4.

    Raises:
        ArgumentValueError: numbers out of this range, or another number of channels.

    """
    if isinstance(image, Image.Image):
        scored = as_scored(image)
        if scored.mode == "RGB":
            return scored
        image = scored
    pixels = channels_first(image, 0)
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or len(pixels) not in (1, 3, 4):
        raise ArgumentValueError(
            "The encoder takes images of 1, 3 or 4 channels. Got the shape %s.",
            tuple(pixels.shape),
            parameter="transform",
        )
    low, high = (float(end) for end in pixels.aminmax())
    if not (low >= 0 and high <= 1):
        raise ArgumentValueError(
            "The encoder takes images of bytes, or of numbers in [0, 1]. Got %.4g to %.4g.",
            low,
            high,
            parameter="transform",
            cure="Pass them as they are before they are normalised: the encoder does that itself.",
        )
    if len(pixels) == 1:
        pixels = pixels.expand(3, -1, -1)
    whole = (255 * pixels.float()).round().byte().movedim(0, -1)
    return on_white(Image.fromarray(whole.contiguous().cpu().numpy()))


class Tokens(Described):
    """A text as the numbers of its tokens: (2, length) int64, below them 1, and 0 beyond the text.

    Args:
        encoder: its name, for messages.
        tokenizer: of ``transformers``.
        length: of all rows; longer texts are cut there, with a warning.
        described: see :class:`Described`.

    """

    def __init__(self, encoder: str, tokenizer: Any, length: int, described: str) -> None:
        self.encoder, self.tokenizer, self.length = encoder, tokenizer, length
        self.described = f"{described} {length}"
        self.nothing = next(
            (i for i in (tokenizer.pad_token_id, tokenizer.eos_token_id) if i is not None), 0
        )

    def __call__(self, text: Any) -> Tensor:
        """Return the tokens of a text, and which of the places they fill."""
        if not isinstance(text, str):
            raise ArgumentTypeError(
                "The encoder %r takes texts. Got %s instead.",
                self.encoder,
                type(text).__name__,
                parameter="name",
                cure="Name one that takes images, as 'torchvision:resnet50'.",
            )
        ids = self._ids(text, self.length + 1)
        if len(ids) > self.length:
            warn_caller(
                "Texts are cut at %d tokens: the encoder %r takes no more.",
                self.length,
                self.encoder,
            )
            ids = self._ids(text, self.length)
        ids = ids or [self.nothing]  # a tokenizer may make none of an empty text
        row = torch.full((2, self.length), self.nothing, dtype=torch.int64)
        row[0, : len(ids)] = torch.tensor(ids)
        row[1] = torch.arange(self.length) < len(ids)
        return row

    def _ids(self, text: str, length: int) -> list[int]:
        found = self.tokenizer(text, truncation=True, max_length=length)
        return [*found["input_ids"]]
