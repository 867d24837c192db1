"""What shards have in common whose examples are rows of columns: those of MDS and litdata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

# What a column is called that tells examples.
_KEYS = ("__key__", "key", "id")
_IMAGES = ("jpeg", "jpg", "pil", "png")


class RowShard(Protocol):
    """A shard of m examples, each a mapping."""

    @property
    def path(self) -> str:
        """Where it is."""

    @property
    def columns(self) -> Mapping[str, str]:
        """What the examples have, and of which kind that is."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Mapping[str, Any]: ...


def keys_of(shard: RowShard) -> list[str]:
    """Return what tells the examples: a column ``__key__``, ``key`` or ``id``, or places."""
    column = next((name for name in _KEYS if name in shard.columns), None)
    return [str(i if column is None else shard[i][column]) for i in range(len(shard))]


def column_of(shards: Sequence[RowShard], name: str) -> list[Any]:
    """Return what a column holds, of all examples.

    Raises:
        ValueError: there is none.

    """
    if name not in shards[0].columns:
        raise ValueError(
            f"The shard {shards[0].path!r} has no column {name!r}. It has {[*shards[0].columns]}: "
            "name one, with --label-column, --text-column or --feature-columns."
        )
    return [shard[i][name] for shard in shards for i in range(len(shard))]


def image_column(shard: RowShard, named: str | None) -> str:
    """Return the column of a shard that holds images.

    Raises:
        ValueError: it has none of that name, or none or several that are images.

    """
    images = [name for name, kind in shard.columns.items() if kind in _IMAGES]
    found: Sequence[str] = images if named is None else [named]
    if len(found) != 1 or found[0] not in shard.columns:
        raise ValueError(
            f"The shard {shard.path!r} has the columns {dict(shard.columns)}: name that of the "
            "images with --path-column, of texts with --text-column, of numbers with "
            "--feature-columns."
        )
    return found[0]
