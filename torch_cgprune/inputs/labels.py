"""Labels: integer codes for classes of any kind, and the labels that a dataset carries."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

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
        ValueError: labels that are not one per example (a one-hot matrix, say), or none at all.

    Example:
        >>> encode_labels(["cat", "ant", "cat"])
        (tensor([1, 0, 1]), ('ant', 'cat'))

    """
    if isinstance(labels, Mapping):
        raise TypeError(
            "The 'labels' must be a sequence in the order of the examples. Got a mapping with "
            f"{[*labels][:3]} and so on; pass [labels[name] for name in names] instead."
        )
    array = _as_array(labels)
    if array.ndim != 1:
        raise ValueError(
            "The 'labels' must be one integer or string per example. "
            f"Got shape {tuple(array.shape)} instead; pass labels.squeeze(1) for a column of them, "
            "labels.argmax(1) for one-hot rows. Of several classes an example (multi-hot rows), "
            "score one at a time: labels[:, c]."
        )
    if len(array) == 0:
        raise ValueError("The 'labels' are empty: there is nothing to score.")
    if array.dtype.kind not in "biuU":
        raise TypeError(
            "The 'labels' must be all integers or all strings. "
            f"Got {_kinds(labels, array)} instead; {_cure(array)}."
        )
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


def _as_array(labels: Labels) -> np.ndarray[Any, Any]:
    if isinstance(labels, Tensor):
        return labels.detach().cpu().numpy()
    # As objects first: numpy would silently turn a mix of integers and strings into strings.
    array = labels if isinstance(labels, np.ndarray) else _objects(labels)
    if array.dtype == object and array.ndim == 1 and len(array):
        if all(isinstance(label, str) for label in array):
            return array.astype(str)
        if all(isinstance(label, numbers.Integral | np.bool_) for label in array):
            return array.astype(np.int64)
    return array


def _objects(labels: Sequence[Any]) -> np.ndarray[Any, Any]:
    array = np.empty(len(labels), dtype=object)
    array[:] = [plain(label) for label in labels]
    return array


def _cure(array: np.ndarray[Any, Any]) -> str:
    """Return what to do about labels that are none, by what they look like."""
    first = array[0]
    if isinstance(first, Mapping):  # as a detection has them
        return "these are targets of a detection: pass labels=[...], one class an image"
    if isinstance(first, Sequence | Tensor | np.ndarray) and not isinstance(first, str):
        return (
            "an example has several: name the field of the class with labels=2 (or another "
            "number), or pass labels=[...], one class an example"
        )
    if array.dtype.kind == "f" or isinstance(first, float | np.floating):
        return (
            "real numbers are targets of a regression: pass classes, such as "
            "numpy.digitize(values, bins), or int(label) if they are whole"
        )
    return "convert them first, e.g. by int(label)"


def _kinds(labels: Labels, array: np.ndarray[Any, Any]) -> str:
    if array.dtype != object:
        return str(getattr(labels, "dtype", array.dtype))
    return " and ".join(sorted({type(label).__name__ for label in array}))


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


def check_classes(labels: Labels) -> None:
    """Raise ValueError where a dataset's own labels look like identifiers of its examples."""
    codes, classes = encode_labels(labels)
    if look_like_identifiers(len(codes), len(classes)):
        raise ValueError(
            f"The dataset's {len(codes)} labels are of {len(classes)} classes, as {classes[0]!r}: "
            "are these identifiers of the examples? Name the field of the classes with labels=2 "
            "(or another number) or labels='COLUMN'. Classes after all? Pass them as labels=[...]."
        )


def find_labels(dataset: Any) -> list[Any] | None:
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
    """Return one plain label per entry, or None if this is nothing of that shape."""
    if isinstance(labels, Tensor | np.ndarray):
        return labels.tolist() if labels.ndim == 1 and not _is_floating(labels) else None
    if not isinstance(labels, Sequence) or isinstance(labels, str):
        return None
    plain_labels = [plain(label) for label in labels]
    return plain_labels if all(isinstance(y, int | str) for y in plain_labels) else None


def _is_floating(labels: Any) -> bool:
    return (
        bool(labels.is_floating_point()) if isinstance(labels, Tensor) else labels.dtype.kind == "f"
    )
