"""Files of images: how they are read, and what is lost where torchvision reads them."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError
from torchvision.datasets import DatasetFolder
from torchvision.datasets.folder import default_loader

from torch_cgprune.errors import UnreadableImageError
from torch_cgprune.inputs.pixels import as_scored, has_transparent_parts, is_deep
from torch_cgprune.inputs.views import is_plain, per_item
from torch_cgprune.utils.warn import warn_caller


@dataclass(frozen=True)
class EncodedImage:
    """The content of an image file that lies in a table.

    Attributes:
        content: the bytes of the file.
        name: where it is, for messages.

    """

    content: bytes
    name: str

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return repr(self.name)


@dataclass(frozen=True)
class StoredImage:
    """An image file that lies in a larger file, as a tar shard.

    Attributes:
        path: of the larger file.
        offset: where the image starts in it, in bytes.
        size: of the image, in bytes.
        name: what it is called, for messages.

    """

    path: str
    offset: int
    size: int
    name: str

    @property
    def content(self) -> bytes:
        """The bytes of the image file."""
        with open(self.path, "rb") as file:  # noqa: PTH123 (many small reads)
            file.seek(self.offset)
            return file.read(self.size)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return repr(self.name)


def load_image(path: str | EncodedImage | StoredImage) -> Image.Image:
    """Return the image in a file: as RGB, on white; deep ones in mode F, not clipped to RGB.

    Of an animation that is the first frame. As ``ImageFolder(root, loader=load_image)`` it takes
    the place of torchvision's own, which clips deep images to white and drops what is transparent.

    Args:
        path: of the file; or its content, where it lies in a table or a larger file.

    Raises:
        UnreadableImageError: truncated, or no image.

    """
    try:
        with _opened(path) as file:
            return as_scored(Image.open(file))
    except UserWarning:  # where warnings are errors, this is none of the file's
        raise
    except Exception as error:  # Pillow raises anything, from OSError to SyntaxError
        reason = "it is no image" if isinstance(error, UnidentifiedImageError) else error
        raise UnreadableImageError(f"The image {path!r} cannot be read: {reason}.") from error


def _opened(path: str | EncodedImage | StoredImage) -> BinaryIO:
    if isinstance(path, EncodedImage | StoredImage):
        return io.BytesIO(path.content)
    return open(path, "rb")  # noqa: PTH123 (else Pillow may leave it open)


def warn_of_losses(dataset: Any, indices: Sequence[int]) -> None:
    """Warn where torchvision's own loader loses what some of the images hold.

    Args:
        dataset: whose items are read; only an ``ImageFolder`` and its like, also inside ``Subset``
            and ``ConcatDataset``, are looked at.
        indices: of the images to look at; none is kept.

    """
    paths = per_item(dataset, _opened_by_torchvision)
    for path in () if paths is None else [paths[i] for i in indices]:
        if path is not None and (lost := _lost(path)):
            warn_caller(
                "torchvision's loader %s of %r, perhaps of others too: so they are scored and seen "
                "in training. Pass loader=torch_cgprune.load_image to the dataset: it scales deep "
                "images and puts transparent ones on white.",
                lost,
                path,
            )
            return


def _opened_by_torchvision(dataset: Any) -> list[str | None]:
    if is_plain(dataset, DatasetFolder) and dataset.loader is default_loader:
        return [os.fspath(path) for path, _ in dataset.samples]
    return [None] * len(dataset)


def _lost(path: str) -> str | None:
    """Return what the loader does to an image; None for nothing, and where none can be read."""
    try:
        with Image.open(path) as image:
            if is_deep(image):
                return "clips the 16 bits"
            return "drops the transparency" if has_transparent_parts(image) else None
    except Exception:  # noqa: BLE001 (Pillow raises anything; it is told where the image is read)
        return None
