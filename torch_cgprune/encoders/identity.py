"""What tells an encoder from another: its networks' weights, its values, its code or its name."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from torch_cgprune.encoders.reach import Leaf, Opaque, is_named, name_of, reached


def identify(function: Any, options: list[Any], transform: Any = None) -> str | None:
    """Return a hexadecimal SHA-256 of all that shapes the output of a network or function.

    A function is known by its name, or by its code where it has none of its own, and by what it
    reaches: networks by class, structure and weights, arrays and plain values by content.

    Args:
        function: what makes features.
        options: plain values that shape its output too.
        transform: a function that does so; None without one.

    Returns:
        None where nothing tells it from another: see :func:`unknown`.

    """
    known = hashlib.sha256(repr(options).encode())
    for part in _parts(function, transform):
        leaves = [*reached(part)]
        if _why_unknown(part, leaves) is not None:
            return None
        for leaf in leaves:
            _add(known, leaf)
    return known.hexdigest()


def unknown(function: Any, transform: Any = None) -> str | None:
    """Return why nothing tells functions from others, and the cure; None where something does."""
    found = (_why_unknown(part, [*reached(part)]) for part in _parts(function, transform))
    return next(filter(None, found), None)


def _parts(function: Any, transform: Any) -> list[Any]:
    return [function] if transform is None else [function, transform]


def _why_unknown(function: Any, leaves: list[Leaf]) -> str | None:
    for leaf in leaves:
        kind = leaf.kind if isinstance(leaf, Opaque) else None
        if isinstance(leaf, np.ndarray) and leaf.dtype.hasobject:
            kind = "numpy.ndarray of objects"
        if kind is not None:
            return (
                f"it reaches an object of type {kind}, whose content is not known. Encode once, "
                "and pass the file of the features"
            )
    if is_named(function) or any(isinstance(leaf, nn.Module) for leaf in leaves):
        return None
    return (
        "it is a function without a name of its own and reaches no network. Define it with def at "
        "the top of a module"
    )


def _add(known: Any, leaf: Leaf) -> None:
    """Add something reached to a hash, with its kind and size, so that no two look alike."""
    match leaf:
        case nn.Module():
            known.update(f"\0network {name_of(type(leaf))} {leaf!r}".encode())
            for key, value in leaf.state_dict().items():
                known.update(key.encode())
                _add_value(known, value)
        case Tensor():
            _add_value(known, leaf)
        case np.ndarray():
            known.update(f"\0array {leaf.dtype} {leaf.shape}".encode())
            known.update(np.ascontiguousarray(leaf).tobytes())
        case _:
            known.update(f"\0text {leaf}".encode())


def _add_value(known: Any, value: Any) -> None:
    """Add a tensor to a hash; of a state's other entries, their text."""
    if not isinstance(value, Tensor):
        known.update(f"\0text {value!r}".encode())
        return
    known.update(f"\0tensor {value.dtype} {tuple(value.shape)}".encode())
    known.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
