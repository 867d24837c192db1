"""Single items of a dataset, and what is said where it fails to give one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch.utils.data import get_worker_info

from torch_cgprune.errors import Argument, ItemError, Message, UnreadableImageError
from torch_cgprune.inputs.names import find_names


def read_item(dataset: Any, index: int, read: Callable[[Any, int], Any]) -> Any:
    """Return ``read(dataset[index], index)``; in a worker process a record of what failed.

    Args:
        dataset: map-style.
        index: of the item.
        read: from an item and its index to what is wanted of it.

    Raises:
        ItemError: the dataset raised another error, which is its cause. It names the item, and its
            file if there is one.
        UnreadableImageError: as the dataset raised it, for it names the file.
        TypeError, ValueError: from ``read``.

    """
    in_worker = get_worker_info() is not None
    try:
        return read(_item(dataset, index), index)
    except Exception as error:
        if in_worker:
            first = error.__cause__ or error
            return FailedInWorker(index, f"{type(first).__name__}: {first}")
        raise


def _item(dataset: Any, index: int) -> Any:
    try:
        return dataset[index]
    except UnreadableImageError:
        raise
    except Exception as error:
        names = find_names(dataset)
        where = f"Item {index} of the dataset" + (f", {names[index]!r}," if names else "")
        raise ItemError(
            "%s cannot be read: %s: %s",
            where,
            type(error).__name__,
            error,
            parameter="dataset",
            row=index,
        ) from error


@dataclass(frozen=True)
class FailedInWorker:
    """An item that a worker process failed to read: an error itself would arrive as a text.

    Attributes:
        index: of the item.
        text: of the error.

    """

    index: int
    text: str

    def raise_here(self, dataset: Any, read: Callable[[Any, int], Any]) -> None:
        """Raise what reading the item again raises in this process, with its cause.

        Raises:
            ItemError: or what else; also where the item can be read in this process.

        """
        read_item(dataset, self.index, read)
        raise ItemError(
            "Item %s of the dataset cannot be read in a worker process (%s).",
            self.index,
            self.text,
            parameter="dataset",
            row=self.index,
            cure=Message("Read it in this process, by %s.", Argument("num_workers", "0")),
        )


def first_failed(items: Sequence[Any]) -> FailedInWorker | None:
    """Return the first of the items that could not be read in a worker process, if any."""
    return next((item for item in items if isinstance(item, FailedInWorker)), None)
