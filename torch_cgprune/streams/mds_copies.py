"""Copies of MDS shards, by the writer of mosaicml-streaming: columns as they lie in the shards."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch_cgprune.streams.copying import Form
from torch_cgprune.streams.mds import INDEX, MdsShard, library

# What the places of examples in a shard, of 4 bytes, can count.
_BYTES = 2**32


@dataclass(frozen=True)
class KeptRow:
    """An example that is kept: where it is, and the new content of columns that are replaced."""

    path: str
    index: int
    replaced: Mapping[str, bytes]


def encoded(shard: MdsShard, column: str, label: str) -> bytes:
    """Return a label as it lies in a column of a shard.

    Raises:
        ValueError: no such column; one of neither texts nor numbers, or that cannot hold the label.

    """
    kind = shard.columns.get(column, "none")
    parse = {"str": str, "int": int, "uint": int, "float": float}.get(
        kind.removeprefix("str_").rstrip("0123456789")
    )
    if parse is None:
        raise ValueError(
            f"A label goes to a column of texts or numbers, and {column!r} of {shard.path!r} is "
            f"none. It has {shard.columns}: name one with --label-column."
        )
    coding = library("streaming.base.format.mds.encodings")
    try:
        found: bytes = coding.mds_encode(kind, parse(label))
        if str(coding.mds_decode(kind, found)) == str(parse(label)):
            return found
    except (ValueError, OverflowError):
        pass
    raise ValueError(
        f"The column {column!r} of {shard.path!r}, of {kind}, cannot hold the label {label!r}: "
        "correct it, or name another column with --label-column."
    )


def mds_form(shards: Mapping[str, MdsShard], limit: int = _BYTES) -> Form:
    """Return how shards of :class:`KeptRow` are written.

    Each is made by a writer of its own. One of all shards writes them as it likes, and an index of
    these alone: it knows nothing of those that an interrupted run has left.

    Args:
        shards: of the source, by their paths.
        limit: bytes of a shard.

    Raises:
        ValueError: they differ in their columns.

    """
    columns = next(iter(shards.values())).columns
    other = next((shard for shard in shards.values() if shard.columns != columns), None)
    if other is not None:
        raise ValueError(
            f"The shards must have the same columns. {other.path!r} has {other.columns}, and "
            f"others {columns}: write them to folders of their own."
        )

    def contents(kept: Sequence[KeptRow]) -> Iterator[bytes]:
        with _writer(columns) as writer:
            for row in kept:
                writer.write({**shards[row.path].raw(row.index), **row.replaced})
            size = writer.new_shard_size
            if size >= limit:
                raise ValueError(
                    f"A shard would have {size} bytes, and must have fewer than {limit}: examples "
                    "differ much in their sizes. Write the source in smaller shards."
                )
            yield writer.encode_joint_shard()

    # A shard is in memory until it is written: one after the other.
    return Form(contents, {INDEX: lambda told: _index(told, columns)}, threads=1)


@contextlib.contextmanager
def _writer(columns: Mapping[str, str]) -> Iterator[Any]:
    """Give a writer of one shard, whose bytes are taken from it: it writes no file itself."""
    with tempfile.TemporaryDirectory() as unused:
        yield library("streaming").MDSWriter(out=unused, columns=dict(columns), size_limit=None)


def _index(told: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> dict[str, Any]:
    """Return the index of shards, as their writer's would be had it written all of them."""
    with _writer(columns) as writer:
        config = writer.get_config()
    shards = [
        {
            "samples": one["examples"],
            "raw_data": {"basename": one["name"], "bytes": one["bytes"], "hashes": {}},
            "zip_data": None,
            **config,
        }
        for one in told
    ]
    return {"version": config["version"], "shards": shards}
