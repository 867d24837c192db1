"""A dataset in shards, each of which can be read by itself."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from torch_cgprune.streams.keep import KeepList, check_met
from torch_cgprune.streams.members import shard_name
from torch_cgprune.utils.seeds import stream

# From the samples of a shard to those that are kept: a stage for a pipeline.
Only: TypeAlias = Callable[[Iterable[Any]], Iterator[Any]]

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")


def expanded(pattern: str) -> list[str]:
    """Return the names that a pattern with ranges of numbers in braces stands for.

    Raises:
        ValueError: a range that runs backwards.

    Example:
        >>> expanded("train-{008..010}.tar")
        ['train-008.tar', 'train-009.tar', 'train-010.tar']

    """
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    first, last = found.groups()
    numbers = range(int(first), int(last) + 1)
    if not numbers:
        raise ValueError(f"The range {found.group()} in {pattern!r} runs backwards: swap its ends.")
    width = len(first) if first.startswith("0") or len(first) == len(last) else 0
    before, after = pattern[: found.start()], expanded(pattern[found.end() :])
    return [f"{before}{number:0{width}d}{rest}" for number in numbers for rest in after]


class Shards:
    """A dataset in shards, for :class:`PrunedStream`: a rank or worker reads only its own.

    Args:
        urls: names of the shards, or a pattern, as ``"train-{000..099}.tar"``.
        read: from a shard's name and ``only``, a function from an iterator of its samples to one of
            those that are kept, to the items of these, in their order, one for each. With
            webdataset::

                def read(url, only):
                    shard = wds.WebDataset(
                        url, shardshuffle=False, nodesplitter=None, workersplitter=None
                    )
                    return shard.compose(only).decode("pil").to_tuple("jpg", "cls")

        shuffle: read the shards in another order every epoch.
        seed: of the order.

    Raises:
        ValueError: no shards, or two of one name.

    """

    def __init__(
        self,
        urls: str | Sequence[str],
        read: Callable[[str, Only], Iterable[Any]],
        *,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        self.urls = expanded(urls) if isinstance(urls, str) else [*urls]
        self.read, self.shuffle, self.seed = read, shuffle, seed
        self.names = [*map(shard_name, self.urls)]
        if not self.urls or len({*self.names}) < len(self.names):
            raise ValueError(
                "The 'urls' parameter of Shards must name shards, each once and each by a name of "
                f"its own. Got {len(self.urls)} of {len({*self.names})} names instead."
            )

    def __len__(self) -> int:
        return len(self.urls)

    def order(self, epoch: int) -> list[int]:
        """Return the places in ``urls`` of all shards, in the order of an epoch."""
        if not self.shuffle:
            return [*range(len(self))]
        rng = np.random.default_rng(stream(self.seed, epoch))
        return [int(place) for place in rng.permutation(len(self))]

    def kept(self, keep: KeepList, epoch: int, places: range) -> Iterator[Any]:
        """Yield the items of a part of what is kept of all shards, in the order of an epoch.

        Args:
            keep: the list, which knows how many are kept of each shard.
            epoch: whose order it is.
            places: successive places in the order of all that is kept; beyond its end it begins
                again.

        Raises:
            ValueError: a list of other shards; a shard without what the list keeps of it.

        """
        counts = self._counts(keep)
        order = self.order(epoch)
        stops = np.cumsum([counts[place] for place in order])
        at, m = places.start, len(keep)
        while at < places.stop:
            inside = at % m
            number = int(np.searchsorted(stops, inside, side="right"))
            url, in_all = self.urls[order[number]], counts[order[number]]
            skip = inside - (int(stops[number]) - in_all)
            wanted = min(in_all - skip, places.stop - at)
            yield from self._some(url, keep, skip, wanted, in_all)
            at += wanted

    def _some(self, url: str, keep: KeepList, skip: int, wanted: int, in_all: int) -> Iterator[Any]:
        items = iter(self.read(url, partial(keep.only, skip=skip)))
        got = 0
        for item in itertools.islice(items, wanted):
            got += 1
            yield item
        last = skip + wanted == in_all
        more = sum(1 for _ in items) if last and got == wanted else 0
        if got < wanted or more:
            check_met(skip + got + more, in_all, f"shard {shard_name(url)!r}")

    def _counts(self, keep: KeepList) -> list[int]:
        """Return how many are kept of every shard.

        Raises:
            ValueError: the list knows no shards, or keeps some of a shard that is not here.

        """
        if keep.counts is None:
            raise ValueError(
                "The list does not know the shards that its examples are in. Make it of scores of "
                "shards (torch-cgprune select -o kept.parquet), or with KeepList.by_key(shards=)."
            )
        gone = [name for name, kept in keep.counts.items() if kept and name not in {*self.names}]
        if gone:
            lost = sum(keep.counts[name] for name in gone)
            raise ValueError(
                f"{len(gone)} shards of the list are not among the {len(self)} here, first "
                f"{gone[0]!r}: {lost} of the {len(keep)} examples that it keeps would be lost. "
                "Name all shards, or make the list anew."
            )
        return [keep.counts.get(name, 0) for name in self.names]
