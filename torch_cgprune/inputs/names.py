"""What the examples and the classes of a dataset are called, where people are to read it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch.utils.data import ConcatDataset, Subset
from torchvision.datasets import DatasetFolder

from torch_cgprune.inputs.labels import ClassName
from torch_cgprune.inputs.tables import is_column, names_in
from torch_cgprune.inputs.views import is_plain, per_item


def find_names(dataset: Any) -> tuple[str, ...] | None:
    """Return the file names of a dataset's items: paths below its root, parts joined by ``/``.

    Looks at the ``root`` and the ``samples`` of a torchvision ``DatasetFolder`` (``ImageFolder``
    is one) and of a dataset with the mark ``samples_are_files``, through ``Subset`` and
    ``ConcatDataset``; what says ``example_names`` has those, as shards with their keys.

    Returns:
        n different names, or None where items are no files, or two have the same name.

    """
    names = per_item(dataset, _own_names)
    return None if names is None or not _all_differ(names) else tuple(names)


def _all_differ(names: Sequence[str]) -> bool:
    """Return whether all are different: by their hashes, a third of a set of many millions."""
    hashes = np.fromiter(map(hash, names), dtype=np.int64, count=len(names))
    hashes.sort()
    return bool((hashes[1:] != hashes[:-1]).all()) or len({*names}) == len(names)


def _own_names(dataset: Any) -> Sequence[Any] | None:
    said = getattr(dataset, "example_names", None)
    if said is not None:
        found: Sequence[Any] = said
        return found
    if not (is_plain(dataset, DatasetFolder) or getattr(dataset, "samples_are_files", False)):
        return None
    root = os.path.join(os.fspath(dataset.root), "")  # noqa: PTH118 (with a separator at the end)
    return [os.fspath(path).removeprefix(root).replace(os.sep, "/") for path, _ in dataset.samples]


def find_class_names(
    dataset: Any, classes: Sequence[ClassName], *, given: bool = False
) -> list[str] | None:
    """Return what a dataset's ``classes`` attribute calls the classes, through ``Subset``.

    Args:
        dataset: of any kind.
        classes: k labels: integers that number what the attribute lists.
        given: whether the labels are none of the dataset's own. Then, and where it transforms them,
            they must be all the numbers of what is listed: others may mean something else.

    Returns:
        k different names, or None where the labels are names already, or are no such numbers.

    """
    while is_plain(dataset, Subset):
        dataset = dataset.dataset
    if is_plain(dataset, ConcatDataset):
        found = [find_class_names(part, classes, given=given) for part in dataset.datasets]
        return found[0] if all(names == found[0] for names in found) else None
    listed = getattr(dataset, "classes", None)
    if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
        return None
    changed = given or getattr(dataset, "target_transform", None) is not None
    return None if changed and len(classes) < len(listed) else _called(listed, classes)


def names_of_column(labels: Any, classes: Sequence[ClassName]) -> list[str] | None:
    """Return what a column of ``datasets`` calls its k classes; None of other labels."""
    names = names_in(labels.features) if is_column(labels) else None
    return None if names is None else _called(names, classes)


def _called(listed: Sequence[str], classes: Sequence[ClassName]) -> list[str] | None:
    """Return the names of classes by their numbers; None where they are no such numbers."""
    codes = [c for c in classes if isinstance(c, int) and 0 <= c < len(listed)]
    if len(codes) < len(classes):
        return None
    # Two classes of one name, as the cranes of ImageNet, are told by their numbers.
    return [listed[c] if listed.count(listed[c]) == 1 else f"{listed[c]} ({c})" for c in codes]
