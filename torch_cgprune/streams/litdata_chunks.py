"""Chunks of litdata, by its own reader."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from torch_cgprune.streams.rows import kinds_in
from torch_cgprune.utils.extras import needed

_INDEX = "index.json"


def is_litdata(folder: Path) -> bool:
    """Return whether a folder holds chunks of litdata and their index."""
    return bool(_listed(folder))


def chunks_in(folder: Path) -> list[str]:
    """Return the paths of the chunks that the index of a folder lists, in its order."""
    return [str(folder / chunk["filename"]) for chunk in _listed(folder)]


def _listed(folder: Path) -> list[dict[str, Any]]:
    """Return what the index of a folder says of its chunks; nothing where it has none."""
    index = folder / _INDEX
    found: dict[str, Any] = json.loads(index.read_bytes()) if index.is_file() else {}
    chunks: list[dict[str, Any]] = found.get("chunks", [])
    return chunks


def is_chunk(path: str) -> bool:
    """Return whether a file is a chunk that the index beside it lists."""
    return path.endswith(".bin") and path in chunks_in(Path(path).parent)


class LitChunk:
    """The examples of a chunk, as ``MdsShard`` has those of a shard.

    Args:
        path: of the chunk, in the folder with its index.

    Attributes:
        columns: what its examples, which are mappings, have, and of which kind.

    Raises:
        FileNotFoundError: the chunk is not there.
        ValueError: its examples are no mappings.
        ImportError: litdata is not installed.

    """

    def __init__(self, path: str) -> None:
        folder = Path(path).parent
        if not Path(path).is_file():
            raise FileNotFoundError(f"There is no chunk {path!r}.")
        chunks = _listed(folder)
        number = [chunk["filename"] for chunk in chunks].index(Path(path).name)
        self.path, self._size = path, int(chunks[number]["chunk_size"])
        self._first = sum(int(chunk["chunk_size"]) for chunk in chunks[:number])
        self._dataset = _opened(str(folder))
        example = self[0]
        if not isinstance(example, dict):
            raise ValueError(  # noqa: TRY004 (of the file)
                f"The examples of {path!r} must be mappings. Got {type(example).__name__} instead."
            )
        self.columns = kinds_in(example)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> Any:
        return self._dataset[self._first + index]


@functools.lru_cache(maxsize=4)
def _opened(folder: str) -> Any:
    return needed("litdata", "Chunks of litdata", "litdata").StreamingDataset(folder, shuffle=False)
