"""Numbers of any kind as tensors: arrays of any byte order, sequences, series, indices."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Dtypes of tensors that torch neither sorts nor compares, and that numpy knows.
_UNUSUAL = (torch.uint16, torch.uint32, torch.uint64, torch.complex64, torch.complex128)


def as_tensor(array: Tensor | np.ndarray[Any, Any]) -> Tensor:
    """Return an array as a tensor that shares its memory if it can: torch reads no other order."""
    if isinstance(array, Tensor):
        return array
    if array.dtype.kind == "f" and array.itemsize > 8:
        array = array.astype(np.float64)
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    if array.flags.writeable:  # catching warnings makes Python forget which it has shown
        return torch.from_numpy(array)
    with warnings.catch_warnings():
        # A read-only array is fine: nothing here writes to what it is given.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def real_numbers(values: Any, what: str) -> Tensor:
    """Return real numbers as a CPU tensor that torch can sort and compare.

    Dtypes that torch handles stay; numbers in a list keep the precision they have in Python.

    Args:
        values: a tensor on any device, an array, a series or a sequence of numbers.
        what: whose they are, for the message: "The scores".

    Raises:
        TypeError: something else.

    """
    if isinstance(values, Tensor):
        tensor = values.detach().cpu()
        if tensor.dtype not in _UNUSUAL:
            return tensor
        values = tensor.numpy()
    if isinstance(values, list | tuple):
        values = [plain(value) for value in values]
    array = np.asarray(values)
    if array.dtype.kind == "u":
        fits = array.size == 0 or array.max() <= np.iinfo(np.int64).max
        array = array.astype(np.int64 if fits else np.float64)
    if array.dtype.kind not in "bif":
        raise TypeError(f"{what} must be real numbers. Got dtype {array.dtype} instead.")
    return as_tensor(array)


def plain(label: Any) -> Any:
    """Turn a tensor, an array or a scalar of one element into the int or str it holds."""
    if hasattr(label, "as_py"):  # a scalar of pyarrow
        return label.as_py()
    if isinstance(label, Tensor | np.ndarray | np.generic):
        return (
            label.item()
            if (label.numel() if isinstance(label, Tensor) else label.size) == 1
            else label
        )
    return label


def is_whole_number(text: str) -> bool:
    """Return whether a text is a whole number, in plain digits."""
    return text.isascii() and text.removeprefix("-").isdigit()


def are_indices(numbers: Tensor) -> bool:
    """Return whether numbers are integers in one dimension: a mask of bools is no indices."""
    return numbers.ndim == 1 and not (numbers.is_floating_point() or numbers.dtype == torch.bool)


def check_range(indices: Tensor, n: int, what: str) -> Tensor:
    """Return indices that all lie in ``0 .. n - 1``.

    Raises:
        ValueError: one does not; ``what`` they are is in the message.

    """
    outside = indices[(indices < 0) | (indices >= n)]
    if len(outside):
        raise ValueError(
            f"{what} has the index {int(outside[0])}, and there are {n} examples: it is of other "
            "data. Make it anew."
        )
    return indices
