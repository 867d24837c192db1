"""Content hashes, of rows and of a whole labelled matrix, and whether a file is of these data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.errors import CacheMismatchError, Message
from torch_cgprune.inputs.labels import ClassName
from torch_cgprune.utils.progress import in_parts

# The cure where a file is of other data or options.
RECOMPUTE = Message("Name another file, delete this one, or pass on_mismatch='recompute'.")

# Rows hashed at a time.
_ROWS = 4096
# Items read to recognise a dataset when a file is loaded.
_SAMPLE = 32


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


def matrix_digests(matrix: Tensor, *, show: bool) -> Tensor:
    """Return the (n,) int64 hashes of all rows, read part by part; show a progress bar, or not."""
    digests = torch.empty(len(matrix), dtype=torch.int64, device="cpu")
    for part in in_parts(len(matrix), _ROWS, "Comparing rows", show=show):
        digests[part] = row_digests(matrix[part])
    return digests


def text_digest(text: str) -> int:
    """Return a 64-bit BLAKE2b hash of a text."""
    content = text.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(content, digest_size=8, key=b"text").digest()
    return int.from_bytes(digest, "little", signed=True)


def fingerprint(digests: Tensor, labels: Tensor, classes: Sequence[ClassName]) -> str:
    """Return the SHA-256 of all features and labels, as hexadecimal digits."""
    content = hashlib.sha256(digests.numpy().tobytes())
    content.update(labels.numpy().tobytes())
    content.update(repr([*classes]).encode())
    return content.hexdigest()


def sample(n: int) -> list[int]:
    """Return the indices of the examples of ``n`` that are compared with a file."""
    drawn: list[int] = np.random.default_rng(0).choice(n, min(_SAMPLE, n), replace=False).tolist()
    return sorted(drawn)


def check_number(known: int, n: int, where: str, *, at_most: bool = False) -> None:
    """Raise unless a file is of ``n`` examples, or ``at_most`` of so many.

    Raises:
        CacheMismatchError: it is not.

    """
    if known > n or (known < n and not at_most):
        raise mismatch(where, f"has {known} examples, the data {n}")


def check_digests(known: Tensor, indices: Sequence[int], digests: Tensor, where: str) -> None:
    """Raise unless the examples at ``indices`` have the content that they had.

    Args:
        known: (n,) content hashes in the file.
        indices: m indices of examples.
        digests: (m,) their content hashes as read now.
        where: the file, for the message.

    Raises:
        CacheMismatchError: it names the first example whose content differs.

    """
    other = (known[list(indices)] != digests).nonzero().squeeze(1)
    if len(other):
        raise mismatch(
            where,
            f"is of other features: example {indices[int(other[0])]} differs "
            f"({len(other)} of {len(digests)} examined do)",
        )


def mismatch(where: str, what: str) -> CacheMismatchError:
    """Return the error that a file is of other data or options: it ``what``."""
    return CacheMismatchError("The file %r %s.", where, what, cure=RECOMPUTE)
