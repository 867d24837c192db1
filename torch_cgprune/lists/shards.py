"""Which shard, and which place in it, the examples of scores are from."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from torch_cgprune.lists.keys import NOTE, kept_hashes

# Where the metadata of scores have it.
KEY = "shards"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Places:
    """Where n examples are: in the order of their shards, and in these from the first place on.

    Attributes:
        sizes: examples of every shard, those that are left out included, by its name.
        codes: (n,) the number of the shard that each is in.
        positions: (n,) its place there, from 0.

    """

    sizes: Mapping[str, int]
    codes: np.ndarray[Any, Any]
    positions: np.ndarray[Any, Any]

    def of(self, chosen: Sequence[int]) -> Places:
        """Return those of some of the examples, ascending ones."""
        return Places(self.sizes, self.codes[chosen], self.positions[chosen])

    def noted(self) -> list[list[Any]]:
        """Return JSON values, a row a shard: its name, its size, the places that are left out."""
        stops = np.cumsum(np.bincount(self.codes, minlength=len(self.sizes)))
        taken = np.split(self.positions, stops[:-1])
        return [
            [name, size, np.setdiff1d(np.arange(size), here).tolist()]
            for (name, size), here in zip(self.sizes.items(), taken, strict=True)
        ]

    @classmethod
    def from_note(cls, note: Sequence[Sequence[Any]]) -> Places:
        """Return what :meth:`noted` was of."""
        taken = [np.setdiff1d(np.arange(size), missing) for _, size, missing in note]
        codes = np.repeat(np.arange(len(note)), [len(here) for here in taken])
        return cls({name: size for name, size, _ in note}, codes, np.concatenate(taken))


def shard_columns(scores: Any, chosen: Tensor) -> tuple[dict[str, list[Any]], dict[bytes, bytes]]:
    """Return what a list of examples of shards says beside the columns of all lists.

    Args:
        scores: of n examples.
        chosen: (m,) int64 indices of those that are listed.

    Returns:
        The columns ``key``, ``shard`` and ``position``, and the metadata of a parquet file; nothing
        where the examples are in no shards. Without ``key`` where that does not tell examples.

    """
    note = scores.metadata.get(KEY)
    if note is None or scores.names is None:
        return {}, {}
    places, of = Places.from_note(note), chosen.numpy()
    names = [*places.sizes]
    shards = [names[code] for code in places.codes[of]]
    found = {"shard": shards, "position": places.positions[of].tolist()}
    heads = [len(name) + 1 for name in names]
    keys = [
        name[heads[code] :] for name, code in zip(scores.names, places.codes.tolist(), strict=True)
    ]
    try:
        kept_hashes(keys, of, "the shards")
    except ValueError as error:
        _log.warning("%s This one is: KeepList.load(..., key=None).", error)
    else:
        found = {"key": [keys[i] for i in of.tolist()], **found}
    told = {"examples": len(scores), "shards": dict(places.sizes)}
    return found, {NOTE: json.dumps(told).encode()}
