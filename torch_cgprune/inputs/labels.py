"""Labels: integer codes for classes of any kind, and the labels that a dataset carries."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from torch_cgprune.inputs.label_arrays import label_array
from torch_cgprune.inputs.views import is_plain, per_item
from torch_cgprune.utils.arrays import plain

ClassName: TypeAlias = int | str
# Fewer labels may all differ by chance.
_FEWEST = 20
Labels: TypeAlias = Tensor | np.ndarray[Any, Any] | Sequence[Any]


def encode_labels(labels: Labels) -> tuple[Tensor, tuple[ClassName, ...]]:
    """Return the labels as numbers of the sorted classes.

    Args:
        labels: n integers or n strings, as a tensor, an array or a sequence.

    Returns:
        (n,) int64 codes in ``0 .. k-1``, and the k classes: ``classes[codes[i]] == labels[i]``.

    Raises:
        TypeError: labels that are neither all integers nor all strings: numbers of a regression,
            boxes of a detection, a mapping.
        ValueError: labels that are not one per example (a one-hot matrix, say), or none at all;
            some that are missing: None, NaN, masked, or -1 in a ``datasets.ClassLabel``.

    Example:
        >>> encode_labels(["cat", "ant", "cat"])
        (tensor([1, 0, 1]), ('ant', 'cat'))

    """
    array = label_array(labels)
    names, codes = _unique(array)
    classes = tuple(str(name) if array.dtype.kind == "U" else int(name) for name in names)
    return torch.from_numpy(codes.astype(np.int64, copy=False)), classes


def _unique(array: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Do as ``numpy.unique`` with its inverse, without a sort where the integers are dense."""
    if array.dtype.kind in "iu":
        low = array.min()
        if int(array.max()) - int(low) <= len(array):
            # Bytes with a sign would overflow, and large numbers without one in 64 bits with it.
            wide = array.astype(np.int64) if array.dtype.kind == "i" else array
            offsets = (wide - low).astype(np.int64)
            present = np.bincount(offsets) > 0
            names = present.nonzero()[0].astype(wide.dtype) + low
            return names, (present.cumsum() - 1)[offsets]
    return np.unique(array, return_inverse=True)


def same_label(label: Any, other: Any) -> bool:
    """Compare labels of any kind: those that are none are refused elsewhere, by name."""
    try:
        return bool(label == other)
    except (RuntimeError, ValueError):  # tensors or arrays of several elements
        return True


def check_carried(carried: Sequence[Any], indices: Iterable[int], read: Sequence[Any]) -> None:
    """Raise ValueError unless a dataset's attributes give its items the labels that they carry.

    Args:
        carried: n labels, of all items, by the attributes.
        indices: of the items that were read.
        read: their labels, each None where an item has none.

    """
    for index, label in zip(indices, read, strict=True):
        if label is not None and not same_label(label, carried[index]):
            raise ValueError(
                f"The dataset's attributes give item {index} the label {carried[index]!r}, the "
                f"item itself {label!r}. Pass labels=... to say which hold."
            )


def look_like_identifiers(n: int, k: int) -> bool:
    """Return whether n labels of k classes are rather names or numbers of the examples."""
    return n >= _FEWEST and 2 * k > n


def printed_alike(classes: Sequence[ClassName]) -> tuple[ClassName, ClassName] | None:
    """Return two classes that look the same in print, as ``"cat"`` and ``"cat "``; None if none do.

    They may differ in spaces, or in how an accent is encoded.
    """
    seen: dict[str, ClassName] = {}
    for name in classes:
        printed = unicodedata.normalize("NFC", " ".join(str(name).split()))
        if printed in seen:
            return seen[printed], name
        seen[printed] = name
    return None


def check_classes(labels: Labels) -> None:
    """Raise ValueError where a dataset's own labels look like identifiers of its examples."""
    codes, classes = encode_labels(labels)
    if look_like_identifiers(len(codes), len(classes)):
        raise ValueError(
            f"The dataset's {len(codes)} labels are of {len(classes)} classes, as {classes[0]!r}: "
            "are these identifiers of the examples? Name the field of the classes with labels=2 "
            "(or another number) or labels='COLUMN'. Classes after all? Pass them as labels=[...]."
        )


def find_labels(dataset: Any) -> Sequence[Any] | None:
    """Return the labels a dataset carries as an attribute, in the order of its items.

    Looks at ``.targets``, ``.labels`` and the second of ``.tensors``, through ``Subset`` (whose
    indices are applied) and ``ConcatDataset``, and applies a torchvision dataset's
    ``target_transform`` as its ``__getitem__`` does.

    Returns:
        One label per item, or None where the dataset has to be read to know them.

    """
    return per_item(dataset, _own_labels)


def _own_labels(dataset: Any) -> list[Any] | None:
    if is_plain(dataset, TensorDataset):
        return _listed(dataset.tensors[1]) if len(dataset.tensors) > 1 else None
    for name in ("targets", "labels"):
        labels = _listed(getattr(dataset, name, None))
        if labels is not None and len(labels) == len(dataset):
            transform = getattr(dataset, "target_transform", None)
            return labels if transform is None else [plain(transform(y)) for y in labels]
    return None


def _listed(labels: Any) -> list[Any] | None:
    """Return one plain label per entry, None for one that is missing; or None if these are none."""
    if isinstance(labels, Tensor | np.ndarray):
        return labels.tolist() if labels.ndim == 1 and not _is_floating(labels) else None
    if not isinstance(labels, Sequence) or isinstance(labels, str):
        return None
    plain_labels = [plain(label) for label in labels]
    known = [y for y in plain_labels if y is not None]
    return plain_labels if known and all(isinstance(y, int | str) for y in known) else None


def _is_floating(labels: Any) -> bool:
    return (
        bool(labels.is_floating_point()) if isinstance(labels, Tensor) else labels.dtype.kind == "f"
    )
