"""From a dataset, a tensor or an array to the matrix that is scored."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset
from tqdm.auto import tqdm

from torch_cgprune.errors import UnstableDatasetError
from torch_cgprune.labels import plain
from torch_cgprune.views import deterministic_view

Transform: TypeAlias = Callable[[Any], Any] | None
Source: TypeAlias = Tensor | np.ndarray[Any, Any] | Dataset[Any]

_BATCH = 256
# A flip with probability 1/2 stays unseen in 16 items read twice with probability 2^-16.
_PROBES = 16
# Below this many items, starting worker processes takes longer than reading.
_WORKERS_FROM = 4096


def as_matrix(features: Any) -> Tensor:
    """Return (n, ...) numbers as an (n, d) tensor; bytes become [0, 1], other dtypes stay.

    Raises:
        TypeError: no real numeric tensor or array.
        ValueError: fewer than two axes, or an empty one.

    """
    if not isinstance(features, Tensor | np.ndarray):
        raise TypeError(
            "The 'features' must be a tensor, a numpy array or a map-style Dataset. "
            f"Got {type(features).__name__} instead."
        )
    if isinstance(features, np.ndarray) and features.dtype.kind not in "biuf":
        raise TypeError(f"The 'features' must be real numbers. Got dtype {features.dtype} instead.")
    tensor = _as_tensor(features).detach()
    if tensor.is_complex():
        raise TypeError(f"The 'features' must be real numbers. Got dtype {tensor.dtype} instead.")
    if tensor.ndim < 2 or tensor.numel() == 0:
        raise ValueError(
            "The 'features' must have one row per example and at least one column. "
            f"Got shape {tuple(tensor.shape)} instead."
        )
    return _unit_range(tensor).reshape(len(tensor), -1)


def read_rows(
    source: Source, indices: Sequence[int] | None = None, transform: Transform = None
) -> tuple[Tensor, list[Any] | None]:
    """Return the (m, d) feature rows at ``indices`` (all without) and their labels if it has any.

    For the few rows that a check needs; :func:`read_dataset` reads a whole dataset.
    """
    if not isinstance(source, Dataset):
        matrix = as_matrix(source)
        return (matrix if indices is None else matrix[list(indices)]), None
    items = _Items(deterministic_view(source, transform))
    rows, labels = zip(*(items[i] for i in indices or range(len(items))), strict=True)
    return _stack(rows), None if labels[0] is None else list(labels)


def read_dataset(
    dataset: Dataset[Any],
    *,
    expected: Sequence[Any] | None = None,
    transform: Transform = None,
    num_workers: int | None = None,
    progress: bool = True,
) -> tuple[Tensor, list[Any] | None]:
    """Read every item of a map-style dataset, once, without random augmentation.

    Images of any kind (PIL, numpy, tensor) are flattened; bytes become [0, 1].

    Args:
        dataset: items are ``(image, label, ...)`` or just the image.
        expected: n labels that the items should carry; compared with the first items read.
        transform: see :func:`~torch_cgprune.views.deterministic_view`.
        num_workers: worker processes of the ``DataLoader``; None takes one per CPU, eight at most,
            for datasets large enough to be worth it.
        progress: show a progress bar in items.

    Returns:
        (n, d) features and the items' n labels, None if they are bare images.

    Raises:
        UnstableDatasetError: an item changed between two reads.
        ValueError: images of different sizes, an empty dataset, or labels that are not as expected.
        TypeError: no map-style dataset, or an item that is no image.

    """
    items = _Items(deterministic_view(dataset, transform))
    if len(items) == 0:
        raise ValueError("The dataset is empty: there is nothing to score.")
    _probe(items, expected)
    if num_workers is None:
        num_workers = min(os.cpu_count() or 1, 8) if len(items) >= _WORKERS_FROM else 0
    loader = DataLoader(items, batch_size=_BATCH, num_workers=num_workers, collate_fn=_collate)
    features: Tensor | None = None
    labels: list[Any] = []
    with tqdm(total=len(items), desc="Reading items", unit="item", disable=not progress) as bar:
        for rows, batch_labels in loader:
            if features is None:
                features = rows.new_empty(len(items), rows.shape[1])
            _check_width(rows.shape[1], features.shape[1], len(labels))
            features[len(labels) : len(labels) + len(rows)] = rows
            labels.extend(batch_labels)
            bar.update(len(rows))
    assert features is not None  # noqa: S101
    return features, None if labels[0] is None else labels


class _Items(Dataset[tuple[Tensor, Any]]):
    """A dataset's items as (flat tensor, plain label or None), made in the worker."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
            raise TypeError(
                "The dataset must be map-style, with __len__ and __getitem__. "
                f"Got {type(dataset).__name__}; pass list(dataset) or precomputed features instead."
            )
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        item = self.dataset[index]
        image, *rest = item if isinstance(item, tuple | list) else (item,)
        return _flat(image, index), plain(rest[0]) if rest else None


def _flat(image: Any, index: int) -> Tensor:
    if isinstance(image, Image):
        image = np.array(image.convert("RGB") if image.mode in ("P", "PA") else image)
    if isinstance(image, np.ndarray):
        image = _as_tensor(image)
    if not isinstance(image, Tensor):
        raise TypeError(
            f"Item {index} of the dataset must start with a PIL image, array or tensor. "
            f"Got {type(image).__name__}; pass a 'transform' that makes one, or 'features'."
        )
    return _unit_range(image.detach()).flatten()


def _as_tensor(array: Tensor | np.ndarray[Any, Any]) -> Tensor:
    if isinstance(array, Tensor):
        return array
    with warnings.catch_warnings():
        # A read-only array is fine: nothing here writes to features.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(array))


def _unit_range(image: Tensor) -> Tensor:
    return image.float().div_(255) if image.dtype == torch.uint8 else image


def _collate(items: list[tuple[Tensor, Any]]) -> tuple[Tensor, list[Any]]:
    rows, labels = zip(*items, strict=True)
    return _stack(rows), list(labels)


def _stack(rows: Sequence[Tensor]) -> Tensor:
    for row in rows:
        _check_width(len(row), len(rows[0]), None)
    stacked = torch.stack([*rows])
    return stacked if stacked.is_floating_point() else stacked.float()


def _check_width(width: int, expected: int, first: int | None) -> None:
    if width != expected:
        where = "" if first is None else f" (from item {first} on)"
        raise ValueError(
            f"The dataset's images differ in size: {expected} and {width} numbers{where}. "
            "Pass a 'transform' that makes them equal, e.g. torchvision.transforms.Resize."
        )


def _probe(items: _Items, expected: Sequence[Any] | None) -> None:
    """Read a few items twice: they must not change, and carry the expected labels."""
    n = len(items)
    for index in sorted({i * (n - 1) // (_PROBES - 1) for i in range(_PROBES)}):
        (first, label), (second, again) = items[index], items[index]
        if not (first.shape == second.shape and torch.equal(first, second)) or label != again:
            raise UnstableDatasetError(
                f"Item {index} of the dataset changed between two reads: it is augmented at random "
                "and would be scored by chance. Pass features=<the same dataset without random "
                "transforms>, or precomputed features."
            )
        if expected is not None and label is not None and label != expected[index]:
            raise ValueError(
                f"The dataset's attributes give item {index} the label {expected[index]!r}, the "
                f"item itself {label!r}. Pass labels=... to say which hold."
            )
