"""Content hashes: of rows, and of a whole labelled matrix."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.labels import ClassName


def row_digests(features: Tensor) -> Tensor:
    """Return a 64-bit BLAKE2b hash of the bytes of every row.

    Args:
        features: (n, d) numbers of any dtype; the dtype is part of the hash.

    Returns:
        (n,) int64.

    """
    content = features.cpu().contiguous().view(torch.uint8).numpy()  # numpy knows no bfloat16
    key = str(features.dtype).encode()
    hashes = [hashlib.blake2b(row.data, digest_size=8, key=key).digest() for row in content]
    return torch.from_numpy(np.frombuffer(b"".join(hashes), dtype=np.int64).copy())


def fingerprint(digests: Tensor, labels: Tensor, classes: Sequence[ClassName]) -> str:
    """Return the SHA-256 of all features and labels, as hexadecimal digits."""
    content = hashlib.sha256(digests.numpy().tobytes())
    content.update(labels.numpy().tobytes())
    content.update(repr([*classes]).encode())
    return content.hexdigest()
