"""Keep lists in parquet files: those of ``select``, and compact ones."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from torch_cgprune.lists.keys import NOTE, Hashes, key_hashes
from torch_cgprune.streams.members import shard_name
from torch_cgprune.utils.extras import parquet
from torch_cgprune.utils.files import replacing
from torch_cgprune.utils.parquet import read_parquet


@dataclass(frozen=True)
class Found:
    """What a file holds: hashes of keys, or bits of shards.

    Attributes:
        hashes: (m,) uint64 in any order; None of a list by position.
        key: the field of a sample that holds its key.
        counts: of every shard, how many are kept; None where nothing is known of shards.
        examples: how many there are, kept or not; None where that is not known.
        bits: of every shard, (examples,) bool.

    """

    hashes: Hashes | None = None
    key: str | None = None
    counts: dict[str, int] | None = None
    examples: int | None = None
    bits: dict[str, np.ndarray[Any, Any]] | None = None


def read(path: Path, key: str | None) -> Found:
    """Read a list; for arguments and errors see ``KeepList.load``."""
    if path.suffix.lower() != ".parquet":
        raise ValueError(
            f"A KeepList is read from a .parquet file. Got {str(path)!r}: write one with "
            "torch-cgprune select -o kept.parquet."
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no list {str(path)!r}.")
    table = read_parquet(path)
    names, noted = {*table.column_names}, note_of(table)
    if {"kept", "shard"} <= names:
        return Found(bits=_unpacked(table))
    if key is None:
        return Found(bits=_positions(table, noted, path))
    known = ("hash", "key") if "shard" in names else ("hash", "key", "path")
    column = next((name for name in known if name in names), None)
    if column is None:
        raise _without(path, "'key' or 'path', or 'shard' and 'position' (with key=None)", names)
    if column == "hash":
        hashes, key = table.column("hash").to_numpy().astype(np.uint64), noted.get("key", key)
        return Found(hashes, key, noted.get("counts"), noted.get("examples"))
    hashes = key_hashes(table.column(column).to_pylist())
    return Found(hashes, key, _counts(table, noted), noted.get("examples"))


def note_of(table: Any) -> dict[str, Any]:
    """Return what we have noted in the metadata of a table, nothing in those of others."""
    found: dict[str, Any] = json.loads((table.schema.metadata or {}).get(NOTE, b"{}"))
    return found


def _without(path: Path, wanted: str, names: set[str]) -> ValueError:
    return ValueError(
        f"The list {str(path)!r} must have a column {wanted}. Got {sorted(names)} instead."
    )


def _counts(table: Any, noted: dict[str, Any]) -> dict[str, int] | None:
    if "shard" not in table.column_names:
        return None
    counts = dict.fromkeys(noted.get("shards", {}), 0)
    for shard in table.column("shard").to_pylist():
        name = shard_name(shard)
        counts[name] = counts.get(name, 0) + 1
    return counts


def _positions(table: Any, noted: dict[str, Any], path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the bits of a list with columns of shards and positions."""
    if not {"shard", "position"} <= {*table.column_names}:
        raise _without(path, "'shard' and one 'position'", {*table.column_names})
    shards = [*map(shard_name, table.column("shard").to_pylist())]
    names, codes = np.unique(np.array(shards, dtype=object), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    of_shards = np.split(table.column("position").to_numpy()[order], np.cumsum(np.bincount(codes)))
    sizes: dict[str, int] = noted.get("shards", {})
    bits = {name: np.zeros(size, dtype=bool) for name, size in sizes.items()}
    for name, here in zip(names, of_shards, strict=False):  # behind the last one nothing is left
        mask = bits.setdefault(name, np.zeros(int(here.max()) + 1, dtype=bool))
        if not 0 <= here.min() <= here.max() < len(mask):
            raise ValueError(
                f"The list {str(path)!r} has position {here.max()} of the shard {name!r}, of "
                f"{len(mask)} examples. Make it anew."
            )
        mask[here] = True
    return bits


def _unpacked(table: Any) -> dict[str, np.ndarray[Any, Any]]:
    columns = (table.column(name).to_pylist() for name in ("shard", "examples", "kept"))
    return {
        shard: np.unpackbits(np.frombuffer(packed, np.uint8), count=size).astype(bool)
        for shard, size, packed in zip(*columns, strict=True)
    }


def write_hashes(
    path: str | os.PathLike[str],
    hashes: Hashes,
    key: str,
    *,
    counts: Mapping[str, int] | None,
    examples: int | None,
) -> None:
    """Write a list by key: a column of hashes."""
    note = {"key": key, "counts": counts, "examples": examples}
    _write(path, {"hash": hashes}, note)


def write_bits(path: str | os.PathLike[str], bits: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write a list by position: a row for each shard."""
    packed = [np.packbits(mask).tobytes() for mask in bits.values()]
    _write(path, {"shard": [*bits], "examples": [*map(len, bits.values())], "kept": packed}, {})


def _write(path: str | os.PathLike[str], columns: dict[str, Any], note: dict[str, Any]) -> None:
    pa = parquet()
    table = pa.table(columns).replace_schema_metadata({NOTE: json.dumps(note).encode()})
    with replacing(path) as temporary:
        pa.parquet.write_table(table, temporary)
