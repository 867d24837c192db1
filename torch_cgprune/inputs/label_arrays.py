"""Labels of any kind as one array of integers or strings, or the error that they are none."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.errors import ArgumentTypeError, ArgumentValueError, DetailedError, Message
from torch_cgprune.inputs.frames import is_absent, one_column
from torch_cgprune.inputs.label_cures import (
    AS_TEXTS,
    DECODE,
    LABEL,
    MULTI_HOT,
    ONE_HOT,
    REGRESSION,
    TOO_LONG,
    WHOLE,
    WHOLE_ARRAY,
    WHOLE_TENSOR,
)
from torch_cgprune.inputs.tables import is_column, is_sparse, labels_in
from torch_cgprune.utils.arrays import plain

# Rows looked at to tell what a matrix of labels is.
_SOME = 1000


def label_array(labels: Any) -> np.ndarray[Any, Any]:
    """Return n labels as an (n,) array of integers, bools or strings.

    Raises:
        ArgumentTypeError: no sequence, or neither all integers nor all strings; it has the cure.
        ArgumentValueError: none at all, not one per example, or some that are missing.

    """
    labels = one_column(labels)
    _check_kind(labels)
    array = _as_array(labels)
    if array.ndim != 1:
        raise _no_vector(array)
    if len(array) == 0:
        raise ArgumentValueError(
            "The 'labels' are empty: there is nothing to score.", parameter="labels"
        )
    if array.dtype == object:
        array = _typed(array)
    if array.dtype.kind not in "biuU" or _has_blank(array):
        raise _no_classes(labels, array)
    return array


def _check_kind(labels: Any) -> None:
    if isinstance(labels, Mapping):
        raise ArgumentTypeError(
            "The 'labels' must be a sequence in the order of the examples. Got a mapping with %s "
            "and so on;",
            [*labels][:3],
            parameter="labels",
            cure="pass [labels[name] for name in names] instead.",
        )
    instead = _instead(labels)
    if instead is not None:
        raise ArgumentTypeError(
            "The 'labels' must be a list, an array or a tensor, with one integer or string per "
            "example. Got %s;",
            type(labels).__name__,
            parameter="labels",
            value=labels,
            cure=instead,
        )


def _instead(labels: Any) -> str | None:
    """Return what to pass instead of what is no sequence of labels; None of one."""
    if is_sparse(labels):
        return "pass labels.toarray().ravel()."
    if isinstance(labels, Tensor):
        return None if labels.layout == torch.strided else "pass labels.to_dense()."
    if isinstance(labels, AbstractSet):
        return "a set has no order: pass them in that of the examples."
    if isinstance(labels, Iterator):
        return "pass list(labels)."
    is_text = isinstance(labels, str | bytes)
    return "pass one for each example." if is_text or not hasattr(labels, "__len__") else None


def _as_array(labels: Any) -> np.ndarray[Any, Any]:
    """Return labels as numpy has them, as objects where it would change what they are."""
    if isinstance(labels, Tensor):
        found = labels.detach().cpu()
        return (found.double() if found.is_floating_point() else found).numpy()
    if isinstance(labels, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(labels)
        return _without(labels.data, mask) if mask.any() else labels.data
    if isinstance(labels, np.ndarray):
        return labels.astype(object) if labels.dtype.kind == "T" else labels
    if is_column(labels):
        labels = labels_in(labels[:], labels.features)
    # As objects first: numpy would silently turn a mix of integers and strings into strings.
    array = np.empty(len(labels), dtype=object)
    array[:] = [None if label is np.ma.masked else plain(label) for label in labels]
    return array


def _without(array: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a copy of labels as objects, None where they are masked."""
    objects = array.astype(object)
    objects[mask] = None
    return objects


def _has_blank(array: np.ndarray[Any, Any]) -> bool:
    return array.dtype.kind == "U" and not all(map(str.strip, array.tolist()))


def _typed(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return objects that are all integers or all strings as an array of these."""
    if all(isinstance(label, str) for label in array):
        return array.astype(str)
    if all(isinstance(label, numbers.Integral | np.bool_) for label in array):
        low, high = min(array), max(array)
        for dtype in (np.int64, np.uint64):
            if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
                return array.astype(dtype)
    return array


def _no_vector(array: np.ndarray[Any, Any]) -> DetailedError:
    """Return the error that labels are not one per example, with what these are and the cure."""
    what, cure = "", Message("pass one class an example.")
    if array.ndim == 2 and array.shape[1] == 1:
        cure = Message("pass labels.squeeze(1).")
    elif _is_one_hot(array):
        what, cure = " of one-hot rows", ONE_HOT
    elif array.ndim == 2:
        cure = MULTI_HOT
    return ArgumentValueError(
        "The 'labels' must be one integer or string per example. Got shape %s%s instead;",
        tuple(array.shape),
        what,
        parameter="labels",
        cure=cure,
    )


def _is_one_hot(rows: np.ndarray[Any, Any]) -> bool:
    if rows.ndim != 2 or rows.dtype.kind not in "biuf":
        return False
    some = rows[:_SOME]
    return bool(((some == 0).sum(1) == some.shape[1] - 1).all() and (some == 1).any(1).all())


def _no_classes(labels: Any, array: np.ndarray[Any, Any]) -> DetailedError:
    """Return the error for labels that are neither all integers nor all strings."""
    absent = _absent(array)
    known = array[~absent]
    if absent.any() and not _are_fractions(known):
        first = int(absent.nonzero()[0][0])
        return ArgumentValueError(
            "%d of the %d 'labels' are missing (None, NaN, empty, masked, or -1 in a ClassLabel), "
            "first that of example %d.",
            int(absent.sum()),
            len(array),
            first,
            parameter="labels",
            row=first,
            cure=LABEL,
        )
    return ArgumentTypeError(
        "The 'labels' must be all integers or all strings. Got %s instead;",
        _kinds(labels, array),
        parameter="labels",
        cure=_cure(labels, known),
    )


def _absent(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return (n,) bool, the labels that say there is none."""
    return np.array([_is_absent(label) for label in array], dtype=bool)


def _is_absent(label: Any) -> bool:
    return not label.strip() if isinstance(label, str) else is_absent(label)


def _are_numbers(array: np.ndarray[Any, Any]) -> bool:
    return array.dtype.kind == "f" or all(isinstance(label, numbers.Real) for label in array)


def _are_fractions(known: np.ndarray[Any, Any]) -> bool:
    return _are_numbers(known) and not all(float(label).is_integer() for label in known)


def _cure(labels: Any, known: np.ndarray[Any, Any]) -> Message:
    """Return what to do about labels that are none, by what those that are not missing look like.

    Args:
        labels: as they were given.
        known: as an array, at least one.

    """
    first = known[0]
    if isinstance(first, bytes):
        return DECODE
    if isinstance(first, Mapping):  # as a detection has them
        return Message("these are targets of a detection: pass labels=[...], one class an image.")
    if isinstance(first, Sequence | Tensor | np.ndarray) and not isinstance(first, str):
        return _cure_of_rows(known)
    if _are_numbers(known):
        return _cure_of_numbers(labels, known)
    return AS_TEXTS


def _cure_of_numbers(labels: Any, known: np.ndarray[Any, Any]) -> Message:
    """Return what to do about real numbers as labels."""
    if known.dtype == object and all(isinstance(label, numbers.Integral) for label in known):
        return TOO_LONG
    if _are_fractions(known):
        return REGRESSION
    if isinstance(labels, Tensor):
        return WHOLE_TENSOR
    return WHOLE_ARRAY if isinstance(labels, np.ndarray) else WHOLE


def _cure_of_rows(known: np.ndarray[Any, Any]) -> Message:
    """Return what to do about examples that have several labels each."""
    try:
        rows = np.stack([np.asarray(_plain_row(row)) for row in known[:_SOME]])
    except ValueError:  # of different lengths
        rows = np.empty(0)
    if rows.ndim == 2 and rows.shape[1] == 1:
        return Message("these are in rows of one: pass labels=[label for (label,) in labels].")
    if _is_one_hot(rows):
        return Message(
            "these are one-hot rows: pass labels=[int(numpy.argmax(row)) for row in labels]."
        )
    return Message(
        "an example has several: name the field of the class with labels=2 (or another "
        "number), or pass labels=[...], one class an example."
    )


def _plain_row(row: Any) -> Any:
    """Return what numpy reads: a tensor may be on a device."""
    return row.detach().cpu().float() if isinstance(row, Tensor) else row


def _kinds(labels: Any, array: np.ndarray[Any, Any]) -> Any:
    """Return the dtype of labels, or the types of objects; the shell words a dtype anew."""
    if array.dtype != object:
        return getattr(labels, "dtype", array.dtype)
    return " and ".join(sorted({type(label).__name__ for label in array}))
