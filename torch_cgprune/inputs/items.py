"""The items of a dataset as numbers and labels, and what identifies one that is read twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from torch_cgprune.errors import DetailedError, UnreadableImageError, UnreadableItemError
from torch_cgprune.inputs.fingerprints import row_digests
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
            raise UnreadableItemError(
                "%s of the dataset cannot be read. %s: %s",
                self.called(index),
                type(error).__name__,
                error,
                row=index,
            ) from error

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
        digest = int(row_digests(images[place].reshape(1, -1)))
        return (digest, images.shape[1:]), labels[place]

    def mark_of(self, index: int) -> tuple[Any, Any]:
        """Read an item, and return its :meth:`mark`."""
        return self.mark(self.collate([self[index]]), 0)


class Images(Items):
    """The images in the shape that encoders take, with their labels."""

    convert = staticmethod(channels_first)


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


def same_marks(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    """Return whether two marks are of items with the same bits and the same label."""
    return bool(one[0] == other[0]) and same_label(one[1], other[1])


def _fields(item: Any) -> tuple[Any, Any]:
    """Split an item into image and plain label; None where it has no label."""
    image, *rest = item if isinstance(item, tuple | list) and len(item) else (item,)
    return image, plain(rest[0]) if rest else None
