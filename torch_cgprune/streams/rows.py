"""What shards have in common whose examples are rows of columns: those of MDS and litdata."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from PIL import Image

# What a column is called that tells examples.
_KEYS = ("__key__", "key", "id")
_IMAGES = ("jpeg", "jpg", "pil", "png")


class Columned(Protocol):
    """What has examples, each a mapping."""

    @property
    def path(self) -> str:
        """Where it is, or how it is called."""

    @property
    def columns(self) -> Mapping[str, str]:
        """What the examples have, and of which kind that is."""


class RowShard(Columned, Protocol):
    """A shard of m examples."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Mapping[str, Any]: ...


def kinds_in(example: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of an example, and of which kind each is, told by what it holds."""
    return {
        name: "pil" if isinstance(value, Image.Image) else type(value).__name__
        for name, value in example.items()
    }


def key_column(data: Columned) -> str | None:
    """Return the column that tells examples: ``__key__``, ``key`` or ``id``; None without."""
    return next((name for name in _KEYS if name in data.columns), None)


def keys_of(shard: RowShard) -> list[str]:
    """Return what tells the examples of a shard: a column of it, or their places."""
    column = key_column(shard)
    return [str(i if column is None else shard[i][column]) for i in range(len(shard))]


def check_columns(data: Columned, names: Iterable[str]) -> None:
    """Raise ValueError where there is no such column."""
    other = next((name for name in names if name not in data.columns), None)
    if other is not None:
        raise ValueError(
            f"{data.path!r} has no column {other!r}, but {[*data.columns]}: name one, with "
            "--label-column, --path-column, --text-column or --feature-columns."
        )


def read_columns(shards: Sequence[RowShard], names: Collection[str]) -> dict[str, list[Any]]:
    """Return what columns hold, of all examples, each of which is read once.

    Raises:
        ValueError: there is no such column.

    """
    check_columns(shards[0], names)
    found: dict[str, list[Any]] = {name: [] for name in names}
    for shard in shards if names else ():
        for i in range(len(shard)):
            example = shard[i]
            for name, values in found.items():
                values.append(example[name])
    return found


def image_column(data: Columned, named: str | None) -> str:
    """Return the column that holds images.

    Raises:
        ValueError: there is none of that name, or none or several that are images.

    """
    images = [name for name, kind in data.columns.items() if kind in _IMAGES]
    found: Sequence[str] = images if named is None else [named]
    if len(found) != 1 or found[0] not in data.columns:
        raise ValueError(
            f"{data.path!r} has the columns {dict(data.columns)}: name that of the images with "
            "--path-column, of texts with --text-column, of numbers with --feature-columns."
        )
    return found[0]
