"""MDS shards of mosaicml-streaming, by its own reader and writer."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from torch_cgprune.utils.extras import needed

SUFFIX = ".mds"
INDEX = "index.json"


def library(module: str) -> Any:
    """Return a module of mosaicml-streaming."""
    return needed(module, "MDS shards", "mds")


def is_mds(folder: Path) -> bool:
    """Return whether a folder holds MDS shards and their index."""
    shards = _listed(folder) if (folder / INDEX).is_file() else []
    return bool(shards) and all(shard.get("format") == "mds" for shard in shards)


def shards_in(folder: Path) -> list[str]:
    """Return the paths of the shards that the index of a folder lists, in its order."""
    return [str(folder / shard["raw_data"]["basename"]) for shard in _listed(folder)]


def _listed(folder: Path) -> list[dict[str, Any]]:
    """Return what the index of a folder says of its shards."""
    index = folder / INDEX
    status = index.stat()
    return _parsed(index, status.st_mtime_ns, status.st_size)


# Every shard asks for its index, and that of thousands takes longer to parse than a shard to open.
@functools.lru_cache(maxsize=4)
def _parsed(index: Path, *_version: int) -> list[dict[str, Any]]:
    shards: list[dict[str, Any]] = json.loads(index.read_bytes()).get("shards", [])
    return shards


class MdsShard:
    """The examples of a shard, decoded one by one.

    Args:
        path: of the shard, in the folder with its index.

    Attributes:
        columns: their encodings, by their names.

    Raises:
        FileNotFoundError: the shard, or the index that describes it, is not there.
        ValueError: it is truncated, or holds pickled objects, which run code where they are read.
        ImportError: mosaicml-streaming is not installed.

    """

    def __init__(self, path: str) -> None:
        folder, name = Path(path).parent, Path(path).name
        listed = _listed(folder) if (folder / INDEX).is_file() else []
        found = next((shard for shard in listed if shard["raw_data"]["basename"] == name), None)
        if found is None or not Path(path).is_file():
            raise FileNotFoundError(
                f"There is no shard {path!r} with an {INDEX} that describes it. A compressed one "
                "must be unpacked before."
            )
        size, noted = Path(path).stat().st_size, found["raw_data"]["bytes"]
        if size != noted:
            raise ValueError(
                f"The shard {path!r} is damaged: it has {size} bytes, and {noted} by its {INDEX}. "
                "Get it anew."
            )
        make = library("streaming.base.format").reader_from_json
        self.path, self._reader = path, make(str(folder), None, found)
        self._reader.validate(allow_unsafe_types=False)
        self.columns = dict(
            zip(self._reader.column_names, self._reader.column_encodings, strict=True)
        )
        as_they_lie = {**found, "column_encodings": ["bytes"] * len(self.columns)}
        self._raw = make(str(folder), None, as_they_lie)

    def __len__(self) -> int:
        return int(self._reader.samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return dict(self._reader[index])

    def raw(self, index: int) -> dict[str, bytes]:
        """Return the columns of an example as they lie in the shard."""
        return dict(self._raw[index])
