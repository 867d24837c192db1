"""MDS shards of mosaicml-streaming, by its own reader and writer."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch_cgprune.utils.extras import needed

SUFFIX = ".mds"
_INDEX = "index.json"


def _library(module: str) -> Any:
    return needed(module, "MDS shards", "mds")


def is_mds(folder: Path) -> bool:
    """Return whether a folder holds MDS shards and their index."""
    shards = _listed(folder) if (folder / _INDEX).is_file() else []
    return bool(shards) and all(shard.get("format") == "mds" for shard in shards)


def shards_in(folder: Path) -> list[str]:
    """Return the paths of the shards that the index of a folder lists, in its order."""
    return [str(folder / shard["raw_data"]["basename"]) for shard in _listed(folder)]


def _listed(folder: Path) -> list[dict[str, Any]]:
    """Return what the index of a folder says of its shards."""
    shards: list[dict[str, Any]] = json.loads((folder / _INDEX).read_bytes()).get("shards", [])
    return shards


class MdsShard:
    """The examples of a shard, decoded one by one.

    Args:
        path: of the shard, in the folder with its index.

    Attributes:
        columns: their encodings, by their names.

    Raises:
        FileNotFoundError: the shard, or the index that describes it, is not there.
        ValueError: it holds pickled objects, which run code where they are read, or is compressed.
        ImportError: mosaicml-streaming is not installed.

    """

    def __init__(self, path: str) -> None:
        folder, name = Path(path).parent, Path(path).name
        found = {}
        if (folder / _INDEX).is_file():
            found = {shard["raw_data"]["basename"]: shard for shard in _listed(folder)}
        if name not in found or not Path(path).is_file():
            raise FileNotFoundError(
                f"There is no shard {path!r} with an {_INDEX} that describes it. A compressed one "
                "must be unpacked before."
            )
        make = _library("streaming.base.format").reader_from_json
        self.path, self._reader = path, make(str(folder), None, found[name])
        self._reader.validate(allow_unsafe_types=False)
        self.columns = dict(
            zip(self._reader.column_names, self._reader.column_encodings, strict=True)
        )

    def __len__(self) -> int:
        return int(self._reader.samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return dict(self._reader[index])

    def raw(self, index: int) -> bytes:
        """Return an example as it lies in the shard."""
        return bytes(self._reader.get_sample_data(index))


def write_mds(out: Path, first: MdsShard, examples: Iterable[bytes], size_limit: Any) -> int:
    """Write examples, as they lie in shards, to a new folder of MDS shards; return how many.

    The folder is there when all of it is: an interrupted writing leaves none.

    Args:
        out: the folder.
        first: a shard of the source, whose columns they have.
        examples: as :meth:`MdsShard.raw` gives them.
        size_limit: bytes of a shard.

    Raises:
        FileExistsError: there is such a folder, with something in it.

    """
    if out.is_dir() and any(out.iterdir()):
        raise FileExistsError(f"The folder {str(out)!r} is not empty. Name a new one with -o.")
    base: Any = _library("streaming").MDSWriter

    class Writer(base):  # type: ignore[misc]
        """Takes examples that are encoded."""

        def encode_sample(self, sample: bytes) -> bytes:
            return sample

    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    count = 0
    try:
        with Writer(out=str(temporary), columns=first.columns, size_limit=size_limit) as writer:
            for example in examples:
                writer.write(example)
                count += 1
        if out.is_dir():
            out.rmdir()
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return count


def size_limit_of(folder: Path) -> Any:
    """Return the size of shards that the index of a folder notes."""
    return _listed(folder)[0]["size_limit"]
