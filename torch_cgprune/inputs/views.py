"""Datasets as the score must see them: pairs of image and label, without random augmentation."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
)
from torchvision.datasets import VisionDataset
from torchvision.datasets.vision import StandardTransform

from torch_cgprune.errors import ArgumentTypeError
from torch_cgprune.inputs.frames import check_not_lazy, is_frame
from torch_cgprune.inputs.mapped import MappedRows
from torch_cgprune.inputs.tables import (
    decoded,
    is_pair,
    is_sparse,
    is_table,
    labels_in,
    names_in,
)


def is_plain(dataset: Any, kind: type[Dataset[Any]]) -> bool:
    """Return whether ``dataset`` gives its items as ``kind`` does: a subclass may change them."""
    return isinstance(dataset, kind) and type(dataset).__getitem__ is kind.__getitem__


def deterministic_view(dataset: Any, transform: Callable[[Any], Any] | None) -> Any:
    """Return a view of ``dataset`` whose images come through ``transform`` alone.

    A torchvision dataset, also inside ``Subset`` and ``ConcatDataset``, is copied shallowly (its
    data are shared) and the copy's training transform replaced; the original is not touched. For
    any other dataset ``transform`` is applied to the first field of its items, as it returns them.

    Args:
        dataset: a map-style dataset.
        transform: from an image to what the score is computed on; None leaves the image as it is.

    Returns:
        A dataset of the same length and labels.

    """
    return _inside(dataset, lambda part: _transformed(part, transform))


def column_view(dataset: Any, image: str | None, label: str | None) -> Any:
    """Return a view of a dataset of mappings whose items are ``(image, label)``.

    A ``datasets.Dataset`` of Hugging Face, also inside ``Subset`` and ``ConcatDataset``, is read
    without its format or transform, those columns only; it is neither selected from nor touched.

    Args:
        dataset: a map-style dataset whose items are mappings.
        image: the column to score; None where something else is scored.
        label: the column of labels; None where they come from elsewhere.

    Returns:
        A dataset of the same length.

    Raises:
        TypeError: the items are no mappings.
        ValueError: they have no such column, or there are none.

    """
    return _inside(dataset, lambda part: _Columns(part, image, label))


def field_view(dataset: Any, field: int) -> Any:
    """Return a view of a dataset of tuples whose items are ``(first field, field)``.

    Args:
        dataset: a map-style dataset.
        field: which of an item's fields holds the label, from 1 on.

    Raises:
        TypeError: the items are no tuples.
        ValueError: they have no such field, or there are none.

    """
    if len(dataset) == 0:
        raise ValueError("The dataset is empty: there is nothing to score.")
    item = dataset[0]
    if not isinstance(item, tuple | list):
        raise TypeError(
            f"A label's field by number (labels={field}) needs items (image, label, ...). Got "
            f"items of type {type(item).__name__}."
        )
    if field >= len(item):
        raise ValueError(
            f"The items have no field {field}: 'labels' must be one of 1 to {len(item) - 1}."
        )
    return _inside(dataset, lambda part: _Fields(part, field))


def per_item(dataset: Any, listed: Callable[[Any], Sequence[Any] | None]) -> Sequence[Any] | None:
    """Return what datasets list of each item, in order, through ``Subset`` and ``ConcatDataset``.

    Args:
        dataset: a map-style dataset.
        listed: from a dataset that is neither to one entry per item, or None where it has none.

    """
    if is_plain(dataset, Subset):
        inner = per_item(dataset.dataset, listed)
        return None if inner is None else [inner[i] for i in dataset.indices]
    if is_plain(dataset, ConcatDataset):
        parts = [per_item(part, listed) for part in dataset.datasets]
        return None if any(part is None for part in parts) else [y for part in parts for y in part]  # type: ignore[union-attr]
    return listed(dataset)


def _inside(dataset: Any, view: Callable[[Any], Any]) -> Any:
    """Return a view of the datasets inside ``Subset`` and ``ConcatDataset``, put together again."""
    if is_plain(dataset, Subset):
        return Subset(_inside(dataset.dataset, view), dataset.indices)
    if is_plain(dataset, ConcatDataset):
        return ConcatDataset([_inside(part, view) for part in dataset.datasets])
    return view(dataset)


class _Fields(Dataset[Any]):
    """Two fields of a dataset of tuples, as pairs."""

    def __init__(self, dataset: Any, field: int) -> None:
        self.dataset, self.field = dataset, field

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        item = self.dataset[index]
        return item[0], item[self.field]


class _Columns(Dataset[Any]):
    """Two columns of a dataset of mappings, as pairs."""

    def __init__(self, dataset: Any, image: str | None, label: str | None) -> None:
        names = [name for name in (image, label) if name is not None]
        _check_columns(dataset, names)
        if is_table(dataset):  # other columns may hold images, slow to decode
            dataset = decoded(dataset.with_format(None).select_columns(names), image)
            if label is not None:
                feature = dataset.features[label]
                self.targets = labels_in(dataset.select_columns([label])[:][label], feature)
                self.classes = names_in(feature)
        self.dataset, self.image, self.label = dataset, image, label

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        item = self.dataset[index]
        image = None if self.image is None else item[self.image]
        if isinstance(image, list):  # as tables give arrays
            image = np.asarray(image)
        return (image,) if self.label is None else (image, item[self.label])


def _check_columns(dataset: Any, names: list[str]) -> None:
    columns = dataset.column_names if is_table(dataset) else _keys(dataset)
    for name in names:
        if name not in columns:
            raise ValueError(
                f"The dataset has no column {name!r}: pass one of {sorted(columns)} as 'features' "
                "or 'labels'."
            )


def _keys(dataset: Any) -> list[str]:
    if len(dataset) == 0:
        raise ValueError("The dataset is empty: there is nothing to score.")
    item = dataset[0]
    if not isinstance(item, Mapping):
        raise TypeError(
            "Columns by name ('features' or 'labels' as a string) need a dataset of mappings. Got "
            f"items of type {type(item).__name__}."
        )
    return [*item]


def _transformed(dataset: Any, transform: Callable[[Any], Any] | None) -> Any:
    if isinstance(dataset, _Fields):
        return _Fields(_transformed(dataset.dataset, transform), dataset.field)
    if isinstance(dataset, VisionDataset):
        view = copy.copy(dataset)
        target_transform = getattr(dataset, "target_transform", None)
        view.transform = transform
        view.transforms = StandardTransform(transform, target_transform)
        return view
    return dataset if transform is None else _Transformed(dataset, transform)


class _Transformed(Dataset[Any]):
    """A dataset with a transform over the first field of its items."""

    def __init__(self, dataset: Any, transform: Callable[[Any], Any]) -> None:
        self.dataset = dataset
        self.transform = transform

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        item = self.dataset[index]
        if isinstance(item, tuple | list):
            return (self.transform(item[0]), *item[1:])
        return self.transform(item)


def without_reading(dataset: Any) -> Any:
    """Return the images of a ``TensorDataset`` as the tensor that has them, others as they are.

    What reading its items would give: a tensor on a GPU is not taken apart.
    """
    if not is_plain(dataset, TensorDataset) or len(dataset) == 0:
        return dataset
    images = dataset.tensors[0]
    taken_as_is = images.is_floating_point() or images.dtype == torch.uint8
    return images if images.ndim > 1 and taken_as_is else dataset


def is_array(source: Any) -> bool:
    """Return whether ``source`` holds the features themselves; all else is a dataset to read."""
    return isinstance(source, Tensor | np.ndarray | MappedRows)


def check_map_style(dataset: Any) -> None:
    """Raise unless ``dataset`` has a length and items by index.

    Raises:
        TypeError: an iterable-style dataset, or no dataset at all.

    """
    if isinstance(dataset, Mapping) and any(isinstance(key, str) for key in dataset):
        raise TypeError(
            "The dataset must be map-style, with items by number. Got "
            f"{type(dataset).__name__}, with the keys {[*dataset]}; pass one of its values (of a "
            "DatasetDict, a split)."
        )
    check_not_lazy(dataset, "dataset")
    instead = _instead(dataset)
    if instead is not None:
        raise ArgumentTypeError(
            "The dataset must be map-style, with one item per example. Got %s;",
            type(dataset).__name__,
            cure=instead,
        )
    sized = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    if isinstance(dataset, IterableDataset) or not sized:
        raise TypeError(
            "The dataset must be map-style, with __len__ and __getitem__. "
            f"Got {type(dataset).__name__}; pass list(dataset) or precomputed features instead."
        )


def _instead(dataset: Any) -> str | None:
    """Return what to pass instead of what has items and is no dataset; None of all else."""
    if isinstance(dataset, str | bytes | os.PathLike):
        return "open what it names first, as by torchvision.datasets.ImageFolder."
    if isinstance(dataset, DataLoader):
        return "pass its dataset, as loader.dataset."
    if is_pair(dataset):
        return "of rows X and labels y pass list(zip(X, y))."
    if is_sparse(dataset):
        return "of a matrix X and labels y pass list(zip(X.toarray(), y))."
    if is_frame(dataset):
        return "pass list(zip(frame[COLUMNS].to_numpy(), frame[LABEL]))."
    return None
