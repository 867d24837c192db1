"""Which examples a list keeps, held compactly: by key, or by shard and position."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from torch_cgprune.lists.keys import Hashes, key_hash

URL = "__url__"  # where webdataset notes the shard of a sample


class Keys:
    """Examples by their keys: 8 bytes for each that is kept, and at most one to find it by.

    Args:
        hashes: (m,) uint64 of the keys, sorted, each once.
        field: of a sample, which holds its key.

    """

    def __init__(self, hashes: Hashes, field: str) -> None:
        self.hashes, self.field = hashes, field
        # What is bisected for one hash are those that begin with the same bits, 8 to 16 of them: in
        # all of a long list most steps wait for memory. A numpy call for one number costs more.
        bits = max(len(hashes) // 8, 2).bit_length() - 1
        self._shift = 64 - bits
        firsts = np.arange(2**bits, dtype=np.uint64) << np.uint64(self._shift)
        self._starts = np.append(np.searchsorted(hashes, firsts), len(hashes)).data
        self._numbers = hashes.data

    def __reduce__(self) -> tuple[Any, ...]:
        return Keys, (self.hashes, self.field)

    def __len__(self) -> int:
        return len(self.hashes)

    def is_kept(self, sample: Mapping[str, Any]) -> bool:
        """Return whether a sample is kept."""
        try:
            wanted = key_hash(sample[self.field])
        except (KeyError, TypeError, IndexError) as error:
            raise _without(sample, self.field, "key") from error
        bucket = wanted >> self._shift
        stop = self._starts[bucket + 1]
        place = bisect_left(self._numbers, wanted, self._starts[bucket], stop)
        return place < stop and self._numbers[place] == wanted

    def test(self) -> Callable[[Mapping[str, Any]], bool]:
        """Return what tells, of one sample of a stream after the other, which are kept."""
        return self.is_kept

    @property
    def digest(self) -> str:
        """Hexadecimal; equal for lists that keep the same."""
        content = self.hashes.astype("<u8").tobytes()
        return hashlib.blake2b(content, digest_size=8).hexdigest()


class Positions:
    """Examples by their shards and the positions there: a bit for each, kept or not.

    Args:
        bits: of every shard, by its name, (examples,) bool.

    """

    def __init__(self, bits: Mapping[str, np.ndarray[Any, Any]]) -> None:
        self.sizes = {shard: len(mask) for shard, mask in bits.items()}
        self.packed = {shard: np.packbits(mask) for shard, mask in bits.items()}
        self.counts = {shard: int(np.count_nonzero(mask)) for shard, mask in bits.items()}

    def __len__(self) -> int:
        return sum(self.counts.values())

    def mask(self, shard: str) -> np.ndarray[Any, Any]:
        """Return (examples,) bool of a shard.

        Raises:
            ValueError: there is no such shard in the list.

        """
        if shard not in self.packed:
            raise ValueError(
                f"The shard {shard!r} is none of the {len(self.packed)} of the list, which are "
                f"called as {next(iter(self.packed), '')!r}: the list is of other data."
            )
        return np.unpackbits(self.packed[shard], count=self.sizes[shard]).astype(bool)

    def is_kept(self, _: Mapping[str, Any]) -> bool:
        """Refuse: a sample alone does not say at which position of its shard it is."""
        raise TypeError(
            "The list tells examples by shard and position, and a sample does not say its "
            "position: use dataset.compose(keep.only) right after the samples are read."
        )

    def test(self) -> Callable[[Mapping[str, Any]], bool]:
        """Return what tells of each sample of a stream, in the order of the shards, if it is kept.

        Raises:
            ValueError: (where it is called) a shard that is none of the list's, or longer.

        """
        url: object = object()  # of no sample
        shard: str | None = None
        answers: Iterator[bool] = iter(())

        def is_kept(sample: Mapping[str, Any]) -> bool:
            nonlocal url, shard, answers
            try:
                here = sample[URL]
            except (KeyError, TypeError, IndexError) as error:
                raise _without(sample, URL, "shard") from error
            if here != url:  # mostly it is the same, and its name need not be looked for
                name = shard_name(here)
                if name != shard:
                    shard, answers = name, iter(self.mask(name).tolist())
                url = here
            for answer in answers:
                return answer
            name = shard_name(here)
            raise ValueError(
                f"The shard {name!r} has more than the {self.sizes[name]} examples that the list "
                "has of it: the list is of other data, or of an earlier state of these."
            )

        return is_kept

    @property
    def digest(self) -> str:
        """Hexadecimal; equal for lists that keep the same."""
        found = hashlib.blake2b(digest_size=8)
        for shard in sorted(self.packed):
            found.update(f"{shard}\0{self.sizes[shard]}\0".encode() + self.packed[shard].tobytes())
        return found.hexdigest()


def shard_name(url: str) -> str:
    """Return what a shard is called, wherever it is: the last part of its path.

    Example:
        >>> shard_name("s3://bucket/train/train-000003.tar")
        'train-000003.tar'

    """
    return str(url).replace("\\", "/").rstrip("/").rpartition("/")[2]


def _without(sample: Any, field: str, what: str) -> ValueError:
    names = sorted(map(str, sample)) if isinstance(sample, Mapping) else type(sample).__name__
    return ValueError(
        f"A sample must have its {what} in {field!r}. Got {names} instead: name the field with "
        "KeepList.load(..., key=...), and filter before samples become tuples."
    )
