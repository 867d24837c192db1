"""Keys of examples as 64-bit hashes: what a list of millions of them is held as."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

_NUMBER = struct.Struct("<Q").unpack
_EMPTY = hashlib.blake2b(digest_size=8)  # a copy takes two thirds of the time of a new one
# Where the metadata of a parquet file have what its columns do not.
NOTE = b"torch_cgprune"

Hashes: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]


def key_hash(key: object) -> int:
    """Return a 64-bit hash of a key, the same on every machine: a number is the text of it.

    Example:
        >>> key_hash("000123") == key_hash(123), key_hash("123") == key_hash(123)
        (False, True)

    """
    found = _EMPTY.copy()
    found.update(key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogateescape"))
    number: int = _NUMBER(found.digest())[0]
    return number


def key_hashes(keys: Iterable[object]) -> Hashes:
    """Return (n,) uint64 hashes of n keys, in their order."""
    return np.fromiter(map(key_hash, keys), dtype=np.uint64)


def kept_hashes(keys: Sequence[object], kept: Any, where: str) -> Hashes:
    """Return the sorted hashes of the keys that are kept, by which none of the others is taken.

    Args:
        keys: n of them, of all examples.
        kept: (m,) integer positions in ``keys``.
        where: what the keys are of, for the message.

    Raises:
        ValueError: a key that is kept is there twice, or two different ones have one hash.

    """
    hashes = key_hashes(keys)
    order = np.argsort(hashes, kind="stable")
    same = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
    is_kept = np.zeros(len(hashes), dtype=bool)
    is_kept[kept] = True
    for first, second in zip(order[same], order[same + 1], strict=True):
        if is_kept[first] or is_kept[second]:
            _refuse(keys[first], keys[second], len(same), where)
    found: Hashes = np.sort(hashes[is_kept])
    return found


def check_once(hashes: Hashes, where: str) -> Hashes:
    """Return hashes in order.

    Raises:
        ValueError: one is there twice; it says how many are.

    """
    ordered = np.sort(hashes)
    twice = int((ordered[1:] == ordered[:-1]).sum())
    if twice:
        raise ValueError(
            f"{twice} of the {len(hashes)} keys of {where} are there before. A key must tell an "
            "example from all others: take the list by shard and position, with key=None."
        )
    return ordered


def _refuse(one: object, other: object, times: int, where: str) -> None:
    what = (
        f"the key {one!r} is there twice ({times} keys are)"
        if str(one) == str(other)
        else f"the keys {one!r} and {other!r} have one 64-bit hash"
    )
    raise ValueError(
        f"In {where} {what}: no list of keys can tell these examples. Take a list by shard and "
        "position."
    )
