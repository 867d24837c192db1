"""From a dataset to the matrix that is scored, and its labels."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.errors import UnstableDatasetError
from torch_cgprune.inputs.image_loader import warn_of_losses
from torch_cgprune.inputs.items import Contents, Images, ItemLabels, Items, same_marks
from torch_cgprune.inputs.labels import check_carried
from torch_cgprune.inputs.loading import BATCH, batches, spread
from torch_cgprune.inputs.pixels import is_in_colour
from torch_cgprune.inputs.rows import as_matrix, check_shape, stack_images
from torch_cgprune.inputs.views import check_map_style, deterministic_view, is_array
from torch_cgprune.utils.devices import plain_settings

Transform: TypeAlias = Callable[[Any], Any] | None

# Of a dataset of colour images, so many are not all grey.
_LOOKED_AT = 8
# A flip with probability 1/2 stays unseen in 16 items read twice with probability 2^-16.
_PROBES = 16


def read_rows(
    source: Any, indices: Sequence[int], transform: Transform = None
) -> tuple[Tensor, list[Any] | None]:
    """Return the (m, d) feature rows at ``indices``, and their labels if the source has any.

    For the few rows that a check needs; :func:`read_dataset` reads a whole dataset.
    """
    if is_array(source):
        return as_matrix(source)[list(indices)], None
    items = Items(deterministic_view(source, transform))
    with _random_state_kept(), plain_settings():
        rows, labels = zip(*(items[i] for i in indices), strict=True)
    return _flat(stack_images(rows)), known_labels([*labels])


def read_digests(
    dataset: Any,
    indices: Sequence[int] | None = None,
    transform: Transform = None,
    *,
    num_workers: int | None = None,
    progress: bool = False,
) -> tuple[Tensor, list[Any] | None]:
    """Return what identifies the images or texts at ``indices`` (all without), and their labels.

    Returns:
        (m,) int64, the content hashes that :func:`read_images` gives; and m labels, or None if the
        items have none.

    """
    items = Contents(_opened(dataset, transform))
    chosen = range(len(items)) if indices is None else indices
    digests: list[Tensor] = []
    labels: list[Any] = []
    with _random_state_kept():
        for found, batch_labels in batches(items, chosen, num_workers, progress=progress):
            digests.append(found)
            labels.extend(batch_labels)
    return torch.cat(digests), known_labels(labels)


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
    items = ItemLabels(deterministic_view(dataset, None))
    chosen = range(len(items)) if indices is None else indices
    labels: list[Any] = []
    with _random_state_kept():
        for batch in batches(items, chosen, num_workers, progress=progress):
            labels.extend(batch)
    return known_labels(labels)


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
        num_workers: worker processes of the ``DataLoader``; None reads in this one. What workers
            read is compared with what this process reads, for up to 256 items.
        progress: show a progress bar in items.

    Returns:
        (n, d) features and the items' n labels, None if they are bare images.

    Raises:
        UnstableDatasetError: an item changed between two reads, or is another in a worker.
        UnreadableItemError: the dataset fails to give an item; the cause is its own error.
        ValueError: images of different sizes, an empty dataset, or labels that are not as expected.
        TypeError: no map-style dataset, or an item that is no image.

    """
    items = Items(_opened(dataset, transform))
    features: Tensor | None = None
    shape: Sequence[int] = ()
    labels: list[Any] = []
    with _random_state_kept():
        _probe(items, expected)
        for images, batch_labels in batches(
            items, range(len(items)), num_workers, progress=progress
        ):
            rows = _flat(images)
            if features is None:
                features, shape = rows.new_empty(len(items), rows.shape[1]), images.shape[1:]
            check_shape(images.shape[1:], shape, len(labels))
            features[len(labels) : len(labels) + len(rows)] = rows
            labels.extend(batch_labels)
    assert features is not None  # noqa: S101
    return features, known_labels(labels)


def are_photographs(dataset: Any, transform: Transform = None) -> bool:
    """Return whether items look like photographs: images in colour, not of a few pixels.

    Looks at eight items at most; an array's are its rows.
    """
    items = Images(_opened(dataset, transform))
    with _random_state_kept(), plain_settings():
        return any(is_in_colour(items[i][0]) for i in spread(len(items), _LOOKED_AT))


def _flat(images: Tensor) -> Tensor:
    """Return a batch as rows of floating-point numbers."""
    rows = images.reshape(len(images), -1)
    return rows if rows.is_floating_point() else rows.float()


def read_images(
    dataset: Any,
    *,
    first: int = 0,
    batch_size: int = BATCH,
    expected: Sequence[Any] | None = None,
    transform: Transform = None,
    prepare: Transform = None,
    num_workers: int | None = None,
    progress: bool = True,
) -> Iterator[tuple[Tensor, Tensor, list[Any]]]:
    """Yield the images from item ``first`` on in batches, as encoders take them.

    Arguments and errors are those of :func:`read_dataset`, but for ``prepare``: from an image of
    any size, or a text, to a tensor of one shape.

    Yields:
        (b, c, h, w) images, floats in [0, 1] where they were bytes, or b of what ``prepare`` makes
        of them; (b,) int64 content hashes of the images or texts before it; and their b labels,
        each None if the items are bare images.

    """
    items = Images(_opened(dataset, transform), prepare)
    left = range(first, len(items))
    with _random_state_kept():
        _probe(items, expected)
        yield from batches(items, left, num_workers, progress=progress, batch_size=batch_size)


def _opened(dataset: Any, transform: Transform) -> Any:
    """Return what is read of a dataset, which has items."""
    check_map_style(dataset)
    if len(dataset) == 0:
        raise ValueError("The dataset is empty: there is nothing to score.")
    return deterministic_view(dataset, transform)


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


def known_labels(labels: list[Any]) -> list[Any] | None:
    """Return the labels of items, None where not one of them carries any."""
    return None if all(label is None for label in labels) else labels


def _probe(items: Items, expected: Sequence[Any] | None) -> None:
    """Read a few items twice: they must not change, and carry the expected labels."""
    probed = spread(len(items), _PROBES)
    warn_of_losses(items.dataset, probed)
    for index in probed:
        with plain_settings():
            first, second = items.mark_of(index), items.mark_of(index)
        if not same_marks(first, second):
            raise UnstableDatasetError(
                f"{items.called(index)} of the dataset changed between two reads: it is augmented "
                "at random and would be scored by chance. Pass features=<the same dataset without "
                "random transforms>, or precomputed features."
            )
        if expected is not None:
            check_carried(expected, [index], [first[1]])
