"""From a dataset to the matrix that is scored, and its labels."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset
from tqdm.auto import tqdm

from torch_cgprune.errors import ArgumentValueError, UnstableDatasetError
from torch_cgprune.inputs.items import FailedInWorker, first_failed, read_item
from torch_cgprune.inputs.labels import check_carried, same_label
from torch_cgprune.inputs.rows import as_matrix, channels_first, check_shape, numbers, stack_images
from torch_cgprune.inputs.views import check_map_style, deterministic_view, is_array
from torch_cgprune.utils.arrays import plain

Transform: TypeAlias = Callable[[Any], Any] | None

_BATCH = 256
# A flip with probability 1/2 stays unseen in 16 items read twice with probability 2^-16.
_PROBES = 16
# Below this many items, starting worker processes takes longer than reading.
_WORKERS_FROM = 4096


def read_rows(
    source: Any, indices: Sequence[int], transform: Transform = None, *, images: bool = False
) -> tuple[Tensor, list[Any] | None]:
    """Return the (m, d) feature rows at ``indices``, and their labels if the source has any.

    For the few rows that a check needs; :func:`read_dataset` reads a whole dataset. ``images`` asks
    for the numbers of :func:`read_images`, flattened.
    """
    if is_array(source):
        return as_matrix(source)[list(indices)], None
    items = (_Images if images else _Items)(deterministic_view(source, transform))
    with _random_state_kept():
        rows, labels = zip(*(items[i] for i in indices), strict=True)
    return _flat(stack_images(rows)), _known([*labels])


def read_labels(
    dataset: Any,
    indices: Sequence[int] | None = None,
    *,
    num_workers: int | None = None,
    progress: bool = False,
) -> list[Any] | None:
    """Read the labels at ``indices`` (all without) from the items, looking at no image.

    Returns:
        One label per index, or None if the items have none.

    """
    chosen = dataset if indices is None else Subset(dataset, indices)
    labels: list[Any] = []
    with _random_state_kept():
        for batch in _batches(_ItemLabels(deterministic_view(chosen, None)), num_workers, progress):
            labels.extend(batch)
    return _known(labels)


def read_dataset(
    dataset: Any,
    *,
    expected: Sequence[Any] | None = None,
    transform: Transform = None,
    num_workers: int | None = None,
    progress: bool = True,
) -> tuple[Tensor, list[Any] | None]:
    """Read every item of a map-style dataset, once, without random augmentation.

    Images of any kind (PIL, numpy, tensor) are flattened; bytes become [0, 1]. Global random states
    are left as they were.

    Args:
        dataset: items are ``(image, label, ...)`` or just the image.
        expected: n labels that the items should carry; compared with the first items read.
        transform: see :func:`~torch_cgprune.inputs.views.deterministic_view`.
        num_workers: worker processes of the ``DataLoader``; None takes one per CPU, eight at most,
            for datasets large enough to be worth it, where processes are forked.
        progress: show a progress bar in items.

    Returns:
        (n, d) features and the items' n labels, None if they are bare images.

    Raises:
        ItemError: the dataset raised an error, which is its cause, at an item.
        UnstableDatasetError: an item changed between two reads.
        ValueError: images of different sizes, an empty dataset, or labels that are not as expected.
        TypeError: no map-style dataset, or an item that is no image.

    """
    items = _Items(_opened(dataset, transform))
    features: Tensor | None = None
    shape: Sequence[int] = ()
    labels: list[Any] = []
    with _random_state_kept():
        _probe(items, expected)
        for images, batch_labels in _batches(items, num_workers, progress):
            rows = _flat(images)
            if features is None:
                features, shape = rows.new_empty(len(items), rows.shape[1]), images.shape[1:]
            check_shape(images.shape[1:], shape, len(labels))
            features[len(labels) : len(labels) + len(rows)] = rows
            labels.extend(batch_labels)
    assert features is not None  # noqa: S101
    return features, _known(labels)


def _flat(images: Tensor) -> Tensor:
    """Return a batch as rows of floating-point numbers."""
    rows = images.reshape(len(images), -1)
    return rows if rows.is_floating_point() else rows.float()


def read_images(
    dataset: Any,
    *,
    first: int = 0,
    batch_size: int = _BATCH,
    expected: Sequence[Any] | None = None,
    transform: Transform = None,
    num_workers: int | None = None,
    progress: bool = True,
) -> Iterator[tuple[Tensor, list[Any]]]:
    """Yield the images from item ``first`` on in batches, as encoders take them.

    Arguments and errors are those of :func:`read_dataset`.

    Yields:
        (b, c, h, w) images, floats in [0, 1] where they were bytes, and their b labels, each None
        if the items are bare images.

    """
    view = _opened(dataset, transform)
    with _random_state_kept():
        _probe(_Images(view), expected)
        items = _Images(view, first)
        yield from _batches(items, num_workers, progress, batch_size)


def _opened(dataset: Any, transform: Transform) -> Any:
    """Return what is read of a dataset, which has items."""
    check_map_style(dataset)
    if len(dataset) == 0:
        raise ValueError("The dataset is empty: there is nothing to score.")
    return deterministic_view(dataset, transform)


def _batches(
    items: _Items,
    num_workers: int | None,
    progress: bool,  # noqa: FBT001
    batch_size: int = _BATCH,
) -> Iterator[Any]:
    if num_workers is None:
        num_workers = _default_workers(len(items))
    loader = DataLoader(
        items,
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=items.collate,
        generator=torch.Generator("cpu"),  # else the loader draws from the global one
    )
    with tqdm(total=len(items), desc="Reading items", unit="item", disable=not progress) as bar:
        for batch in loader:
            if isinstance(batch, ArgumentValueError):
                raise batch
            if isinstance(batch, FailedInWorker):
                batch.raise_here(items.dataset, items.read)
            yield batch
            bar.update(min(batch_size, len(items) - int(bar.n)))


def _default_workers(n: int) -> int:
    # Spawned workers would import the caller's script anew and need its transforms pickled.
    # allow_none: asking otherwise would settle the method, and the caller could choose none.
    chosen = multiprocessing.get_start_method(allow_none=True)
    method = chosen or multiprocessing.get_all_start_methods()[0]  # the first is the default
    if n < _WORKERS_FROM or method != "fork":
        return 0
    return min(len(os.sched_getaffinity(0)), 8)


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    """Restore the global random states: a start that reads must not differ from a cached one."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _known(labels: list[Any]) -> list[Any] | None:
    return None if labels[0] is None else labels


class _Items(Dataset[Any]):
    """A dataset's items as (numbers, plain label or None), made in the worker."""

    convert: Callable[[Any, int], Tensor] = staticmethod(numbers)

    def __init__(self, dataset: Any, first: int = 0) -> None:
        self.dataset, self.first = dataset, first

    def __len__(self) -> int:
        return len(self.dataset) - self.first

    def __getitem__(self, index: int) -> Any:
        return read_item(self.dataset, index + self.first, self.read)

    def read(self, item: Any, index: int) -> Any:
        """Return what is wanted of an item of this index."""
        image, label = _fields(item)
        return self.convert(image, index), label

    @staticmethod
    def collate(items: list[Any]) -> Any:
        """Stack a batch, or return why it cannot be.

        Of an error that is raised in a worker, the loader passes on the text alone.
        """
        if failed := first_failed(items):
            return failed
        images, labels = zip(*items, strict=True)
        try:
            return stack_images(images), list(labels)
        except ArgumentValueError as error:
            return error


class _Images(_Items):
    """The images in the shape that encoders take, with their labels."""

    convert = staticmethod(channels_first)


class _ItemLabels(_Items):
    """The labels alone."""

    def read(self, item: Any, index: int) -> Any:  # noqa: ARG002 (as of any item)
        """Return the label of an item."""
        return _fields(item)[1]

    @staticmethod
    def collate(items: list[Any]) -> Any:
        """Keep a batch as it is."""
        return first_failed(items) or items


def _fields(item: Any) -> tuple[Any, Any]:
    """Split an item into image and plain label; None where it has no label."""
    image, *rest = item if isinstance(item, tuple | list) else (item,)
    return image, plain(rest[0]) if rest else None


def _probe(items: _Items, expected: Sequence[Any] | None) -> None:
    """Read a few items twice: they must not change, and carry the expected labels."""
    n = len(items)
    for index in sorted({i * (n - 1) // (_PROBES - 1) for i in range(_PROBES)}):
        (first, label), (second, again) = items[index], items[index]
        if not (_same(first, second) and same_label(label, again)):
            raise UnstableDatasetError(
                f"Item {index} of the dataset changed between two reads: it is augmented at random "
                "and would be scored by chance. Pass features=<the same dataset without random "
                "transforms>, or precomputed features."
            )
        if expected is not None:
            check_carried(expected, [index], [label])


def _same(first: Tensor, second: Tensor) -> bool:
    """Return whether images are equal; NaN is itself here, and told as such later."""
    if first.shape != second.shape:
        return False
    return bool(((first == second) | (first.isnan() & second.isnan())).all())
