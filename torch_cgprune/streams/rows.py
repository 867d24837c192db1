"""What shards have in common whose examples are rows of columns: those of MDS and litdata."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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


def key_column(shard: RowShard) -> str | None:
    """Return the column that tells examples: ``__key__``, ``key`` or ``id``; None without."""
    return next((name for name in _KEYS if name in shard.columns), None)


def keys_of(shard: RowShard) -> list[str]:
    """Return what tells the examples of a shard: a column of it, or their places."""
    column = key_column(shard)
    return [str(i if column is None else shard[i][column]) for i in range(len(shard))]


def read_columns(shards: Sequence[RowShard], names: Collection[str]) -> dict[str, list[Any]]:
    """Return what columns hold, of all examples, each of which is read once.

    Raises:
        ValueError: there is no such column.

    """
    other = next((name for name in names if name not in shards[0].columns), None)
    if other is not None:
        raise ValueError(
            f"The shard {shards[0].path!r} has no column {other!r}. It has "
            f"{[*shards[0].columns]}: name one, with --label-column, --text-column or "
            "--feature-columns."
        )
    found: dict[str, list[Any]] = {name: [] for name in names}
    for shard in shards if names else ():
        for i in range(len(shard)):
            example = shard[i]
            for name, values in found.items():
                values.append(example[name])
    return found


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
