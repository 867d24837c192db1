"""``KeepList``: which examples of a stream or of shards are kept."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from torch_cgprune.lists.keys import check_once, kept_hashes
from torch_cgprune.streams import keep_files
from torch_cgprune.streams.members import Keys, Positions, shard_name


class KeepList:
    """Which examples are kept, compactly: 8 bytes a kept example, or a bit for each there is.

    A list by key is a function from a sample to whether it is kept, as ``select`` of webdataset
    and ``filter`` of ``datasets`` take one. :meth:`only` filters a stream by lists of both kinds,
    by position in less time; in memory one by key takes up to 9 bytes a kept example.

    Args:
        members: what is kept, see :meth:`by_key`, :meth:`by_position` and :meth:`load`.
        counts: how many are kept of each shard, by its name; None where nothing is known of shards.
        examples: how many there are, kept or not; None where that is not known.

    Attributes:
        counts: as above; so that ranks can share out shards.
        examples: as above.

    Raises:
        ValueError: nothing is kept.

    Example:
        >>> keep = KeepList.by_key(["a", "b", "c"], [0, 2], key="id")
        >>> len(keep), [sample["id"] for sample in [{"id": "a"}, {"id": "b"}] if keep(sample)]
        (2, ['a'])

    """

    def __init__(
        self,
        members: Keys | Positions,
        *,
        counts: Mapping[str, int] | None = None,
        examples: int | None = None,
    ) -> None:
        if not len(members):
            raise ValueError("The list keeps nothing. Keep some examples: select --keep 0.5, say.")
        self.members, self.examples = members, examples
        self.counts = None if counts is None else dict(counts)

    @classmethod
    def by_key(
        cls,
        keys: Sequence[object],
        kept: Any,
        *,
        key: str = "__key__",
        shards: Sequence[str] | None = None,
    ) -> KeepList:
        """Return the list of some of the examples, told by their keys.

        Args:
            keys: n of them, of all examples, kept or not.
            kept: (m,) integers, which of the n.
            key: the field of a sample that holds its key.
            shards: n names of the shards that the examples are in, where they are in shards.

        Raises:
            ValueError: nothing is kept; a kept key is there twice, or shares its hash with another.

        """
        kept = np.asarray(kept, dtype=np.int64)
        hashes = kept_hashes(keys, kept, "the dataset")
        counts = None
        if shards is not None:
            of_shards = Counter(shard_name(shards[i]) for i in kept.tolist())
            names = dict.fromkeys(map(shard_name, shards))
            counts = {name: of_shards[name] for name in names}
        return cls(Keys(hashes, key), counts=counts, examples=len(keys))

    @classmethod
    def by_position(cls, sizes: Mapping[str, int], kept: Mapping[str, Any]) -> KeepList:
        """Return the list of some of the examples, told by their shards and positions there.

        Args:
            sizes: examples of every shard, by its name.
            kept: of a shard the positions that are kept, from 0; of others none.

        Raises:
            ValueError: nothing is kept; a shard or a position that there is not.

        """
        bits = {shard_name(shard): np.zeros(size, dtype=bool) for shard, size in sizes.items()}
        for shard, positions in kept.items():
            here, mask = np.asarray(positions, dtype=np.int64), bits.get(shard_name(shard))
            if mask is None or (len(here) and not 0 <= here.min() <= here.max() < len(mask)):
                raise ValueError(
                    f"The positions that are kept must be of the {len(bits)} shards. Got "
                    f"{here.max(initial=0)} of {shard!r}, "
                    + (f"which has {len(mask)}." if mask is not None else "which is none of them.")
                )
            mask[here] = True
        return cls._of(Positions(bits))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, key: str | None = "__key__") -> KeepList:
        """Read a ``.parquet`` list: of ``torch-cgprune select``, of :meth:`save`, of one's own.

        A list of one's own has a column ``key`` (or ``path``), or ``shard`` and ``position``.

        Args:
            path: of the file.
            key: the field of a sample that holds its key; None tells examples by shard and
                position.

        Raises:
            FileNotFoundError: no such file.
            ValueError: no such list; a key that is there twice.
            ImportError: pyarrow is not installed.

        """
        found = keep_files.read(Path(path), key)
        if found.hashes is None:
            return cls._of(Positions(found.bits or {}))
        hashes = check_once(found.hashes, f"the list {os.fspath(path)!r}")
        return cls(
            Keys(hashes, found.key or "__key__"), counts=found.counts, examples=found.examples
        )

    @classmethod
    def _of(cls, members: Positions) -> KeepList:
        return cls(members, counts=members.counts, examples=sum(members.sizes.values()))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.parquet`` file that :meth:`load` reads, as compact as the list is.

        Raises:
            OSError: it cannot be written.
            ImportError: pyarrow is not installed.

        """
        members = self.members
        if isinstance(members, Keys):
            keep_files.write_hashes(
                path, members.hashes, members.field, counts=self.counts, examples=self.examples
            )
        else:
            keep_files.write_bits(path, {shard: members.mask(shard) for shard in members.sizes})

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        of = "" if self.examples is None else f" of {self.examples}"
        how = "by key" if isinstance(self.members, Keys) else "by position"
        return f"KeepList({len(self)}{of} examples, {how})"

    @property
    def digest(self) -> str:
        """Hexadecimal; equal for lists that keep the same, told in the same way."""
        return self.members.digest

    def __call__(self, sample: Mapping[str, Any]) -> bool:
        """Return whether a sample is kept.

        Raises:
            ValueError: it has no such key.
            TypeError: the list is by position, which a sample does not say.

        """
        return self.members.is_kept(sample)

    def only(self, samples: Iterable[Any], *, skip: int = 0) -> Iterator[Any]:
        """Yield the samples that are kept, of a stream in the order of the shards.

        As a stage of webdataset, right after reading: ``WebDataset(...).compose(keep.only)``.

        Args:
            samples: mappings, with the key, or with ``__url__``, the shard, for lists by position.
            skip: of those that are kept so many first ones are left out, as on a resume.

        Raises:
            ValueError: a sample without a key or shard; a shard that the list does not know.

        """
        return itertools.islice(filter(self.members.test(), samples), skip, None)

    def check(self, samples: Iterable[Any]) -> None:
        """Raise ValueError unless a whole stream has just the examples that the list keeps.

        Raises:
            ValueError: some are not there, or twice: it says how many.

        """
        check_met(sum(1 for _ in self.only(samples)), len(self), "stream")


def check_met(met: int, kept: int, what: str) -> None:
    """Raise ValueError unless as many examples of a list were met as it keeps."""
    if met < kept:
        raise ValueError(
            f"{kept - met} of the {kept} examples that the list keeps are not in the {what}: the "
            "list is of other data, or the stream is not all of them. Every rank and worker must "
            "be given the whole stream (webdataset: nodesplitter=None, workersplitter=None)."
        )
    if met > kept:
        raise ValueError(
            f"The {what} has {met - kept} more examples with keys of the list than the {kept} that "
            "it keeps: keys are there twice, or the list is of other data."
        )
