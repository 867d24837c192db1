"""The items of a dataset as numbers and labels, and what identifies one that is read twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from torch_cgprune.errors import (
    ArgumentTypeError,
    DetailedError,
    UnreadableImageError,
    UnreadableItemError,
)
from torch_cgprune.inputs.fingerprints import row_digests, text_digest
from torch_cgprune.inputs.labels import same_label
from torch_cgprune.inputs.names import find_names
from torch_cgprune.inputs.rows import channels_first, numbers, stack_images
from torch_cgprune.utils.arrays import plain


class Items(Dataset[Any]):
    """A dataset's items as (numbers, plain label or None).

    Args:
        dataset: map-style, its items ``(image, label, ...)`` or images.

    """

    convert: Callable[[Any, int], Tensor] = staticmethod(numbers)

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        image, label = _fields(self._read(index))
        return self.convert(image, index), label

    def _read(self, index: int) -> Any:
        try:
            return self.dataset[index]
        except (DetailedError, UnreadableImageError):  # these say what they are about
            raise
        except Exception as error:  # a dataset may fail in any way
            raise self._failed(index, "be read", error) from error

    def _failed(self, index: int, to: str, error: Exception) -> UnreadableItemError:
        """Return the error that something cannot be done with an item."""
        return UnreadableItemError(
            "%s of the dataset cannot %s. %s: %s",
            self.called(index),
            to,
            type(error).__name__,
            error,
            row=index,
        )

    def called(self, index: int) -> str:
        """Return an item's number, with its file's name where the dataset knows one."""
        names = find_names(self.dataset)
        return f"Item {index}" if names is None else f"Item {index} ({names[index]!r})"

    @staticmethod
    def collate(items: list[Any]) -> Any:
        """Return the images of a batch as one tensor, and its labels as a list.

        Raises:
            ArgumentValueError: images of different shapes.

        """
        images, labels = zip(*items, strict=True)
        return stack_images(images), list(labels)

    @staticmethod
    def mark(batch: Any, place: int) -> tuple[Any, Any]:
        """Return what tells whether an item of a batch is the same again: a hash, and its label."""
        images, labels = batch
        return (_digest(images[place]), images.shape[1:]), labels[place]

    def mark_of(self, index: int) -> tuple[Any, Any]:
        """Read an item, and return its :meth:`mark`."""
        return self.mark(self.collate([self[index]]), 0)


class Contents(Items):
    """What identifies the images and texts, with their labels: they may be of any size."""

    def __getitem__(self, index: int) -> Any:
        content, label = _fields(self._read(index))
        return content_digest(content, index), label

    @staticmethod
    def collate(items: list[Any]) -> Any:
        """Return the (b,) int64 hashes of a batch, and its labels as a list."""
        digests, labels = zip(*items, strict=True)
        return torch.tensor(digests, dtype=torch.int64), list(labels)

    @staticmethod
    def mark(batch: Any, place: int) -> tuple[Any, Any]:
        """Return the hash, and the label."""
        digests, labels = batch
        return int(digests[place]), labels[place]


class Images(Items):
    """What encoders take of the items, with what identifies these, and their labels.

    Args:
        dataset: map-style, its items ``(image, label, ...)`` or images; or texts.
        prepare: from an image or a text to a tensor of one shape; None takes images as they are.

    """

    def __init__(self, dataset: Any, prepare: Callable[[Any], Any] | None = None) -> None:
        super().__init__(dataset)
        self.prepare = prepare

    def __getitem__(self, index: int) -> Any:
        content, label = _fields(self._read(index))
        if self.prepare is None:
            image = channels_first(content, index)
            return image, _digest(image), label
        digest = content_digest(content, index)
        return self._prepared(self.prepare, content, index), digest, label

    def _prepared(self, prepare: Callable[[Any], Any], content: Any, index: int) -> Tensor:
        try:
            prepared = prepare(content)
        except DetailedError:
            raise
        except Exception as error:  # a transform may fail in any way
            raise self._failed(index, "be prepared for the encoder", error) from error
        if not isinstance(prepared, Tensor):
            raise ArgumentTypeError(
                "The 'transform' of an Encoder must make a tensor of an item. Got %s instead.",
                type(prepared).__name__,
                parameter="transform",
            )
        return prepared

    @staticmethod
    def collate(items: list[Any]) -> Any:
        """Return a batch as one tensor, with the (b,) int64 hashes, and its labels as a list.

        Raises:
            ArgumentValueError: tensors of different shapes.

        """
        images, digests, labels = zip(*items, strict=True)
        return stack_images(images), torch.tensor(digests, dtype=torch.int64), list(labels)

    @staticmethod
    def mark(batch: Any, place: int) -> tuple[Any, Any]:
        """Return the hashes of the item and of what is made of it, and the label."""
        images, digests, labels = batch
        return (int(digests[place]), _digest(images[place]), images.shape[1:]), labels[place]


class ItemLabels(Items):
    """The labels alone."""

    def __getitem__(self, index: int) -> Any:
        return _fields(self._read(index))[1]

    @staticmethod
    def collate(items: list[Any]) -> Any:
        """Keep a batch as it is."""
        return items

    @staticmethod
    def mark(batch: Any, place: int) -> tuple[Any, Any]:
        """Return the label, with nothing else to compare."""
        return None, batch[place]


def content_digest(content: Any, index: int) -> int:
    """Return a 64-bit hash of an image, of any size, or of a text.

    Raises:
        TypeError: neither of them.

    """
    if isinstance(content, str):
        return text_digest(content)
    return _digest(channels_first(content, index))


def _digest(image: Tensor) -> int:
    return int(row_digests(image.reshape(1, -1)))


def same_marks(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    """Return whether two marks are of items with the same bits and the same label."""
    return bool(one[0] == other[0]) and same_label(one[1], other[1])


def _fields(item: Any) -> tuple[Any, Any]:
    """Split an item into image and plain label; None where it has no label."""
    image, *rest = item if isinstance(item, tuple | list) and len(item) else (item,)
    return image, plain(rest[0]) if rest else None
