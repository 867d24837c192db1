"""What is computed once for every module and every run: files in the folder of the cache."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def kept(path: Path | None, compute: Callable[[], T]) -> T:
    """Return what is in a file, or compute it and keep it there.

    Args:
        path: the file; None keeps nothing.
        compute: returns tensors, in dictionaries or tuples.

    """
    if path is None:
        return compute()
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        torch.save(compute(), temporary)
        temporary.replace(path)
    found: T = torch.load(path, weights_only=True)
    return found


def digest(*tensors: Tensor) -> str:
    """Return 16 letters that tell the content of tensors from any other."""
    content = b"".join(tensor.numpy().tobytes() for tensor in tensors)
    return hashlib.sha256(content).hexdigest()[:16]
