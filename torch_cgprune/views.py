"""Datasets as the score must see them: without random augmentation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch.utils.data import ConcatDataset, Dataset, Subset
from torchvision.datasets import VisionDataset
from torchvision.datasets.vision import StandardTransform


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
    if is_plain(dataset, Subset):
        return Subset(deterministic_view(dataset.dataset, transform), dataset.indices)
    if is_plain(dataset, ConcatDataset):
        return ConcatDataset([deterministic_view(part, transform) for part in dataset.datasets])
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
