"""Features of shards: a file a shard, whole or not there, whose rows are mapped to be scored."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from torch_cgprune.errors import CacheError, CacheMismatchError
from torch_cgprune.inputs.fingerprints import RECOMPUTE
from torch_cgprune.inputs.mapped import MappedRows
from torch_cgprune.lists.shards import Places
from torch_cgprune.utils.files import read_safetensors, tensor_text, text_tensor, write_safetensors

FORMAT, ENDING = "torch-cgprune shard features 1", ".features"


@dataclass(frozen=True, eq=False)
class ShardFeatures:
    """The features of the examples of a shard.

    Attributes:
        shard: its name.
        rows: (m, d) features; kept in float16.
        keys: m of the examples.
        labels: m texts; None of examples without.
        positions: m places in the shard, from 0.
        examples: of the shard, those that were left out included.

    """

    shard: str
    rows: Tensor
    keys: Sequence[str]
    labels: Sequence[str] | None
    positions: Sequence[int]
    examples: int

    def write(self, path: str | os.PathLike[str], made: dict[str, str]) -> None:
        """Write the file, whole or not at all.

        Args:
            path: of the file.
            made: of what, and by which encoder: a file with the same is not made again.

        Raises:
            ValueError: a number that float16 does not hold.
            OSError: it cannot be written.

        """
        rows = self.rows.to(torch.float16)
        if not rows.isfinite().all():
            raise ValueError(
                f"The features of the shard {self.shard!r} have numbers beyond 65,504, or none: "
                "float16 does not hold them. Scale what the encoder gives."
            )
        tensors = {
            "features": rows,
            "keys": text_tensor(self.keys),
            "positions": torch.tensor(self.positions, dtype=torch.int64, device="cpu"),
        }
        if self.labels is not None:
            tensors["labels"] = text_tensor(self.labels)
        metadata = {"format": FORMAT, "shard": self.shard, "examples": str(self.examples), **made}
        write_safetensors(path, tensors, metadata)


def is_made(path: Path, made: dict[str, str]) -> bool:
    """Return whether a file of features is there, of the same shard and encoder.

    Raises:
        CacheMismatchError: it is there, of something else.

    """
    if not path.is_file():
        return False
    noted = _metadata(path)
    other = [name for name, value in made.items() if noted.get(name) != value]
    if other:
        raise CacheMismatchError(
            f"The feature file {str(path)!r} is of another {' and '.join(other)}.",
            cure=RECOMPUTE,
        )
    return True


def is_folder(path: Path) -> bool:
    """Return whether a folder holds features of shards."""
    return path.is_dir() and next(path.glob(f"*{ENDING}"), None) is not None


class FeatureFolder:
    """What a folder of features of shards holds, in the order of the shards' names.

    Args:
        folder: with a file for each shard.

    Attributes:
        rows: (n, d) float16, mapped: they are read where they are taken.
        labels: n texts; None where a shard has none.
        places: of the n examples.

    Raises:
        FileNotFoundError: there are no such files.
        CacheError: one is truncated or of another kind.
        ValueError: they differ in their encoders.

    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.files = sorted(Path(folder).glob(f"*{ENDING}"))
        if not self.files:
            raise FileNotFoundError(
                f"There are no features of shards in {os.fspath(folder)!r}. Make them: "
                "torch-cgprune encode 'NAME-{000..099}.tar' --encoder NAME -o FOLDER."
            )
        heads = [_metadata(file) for file in self.files]
        encoders = {head.get("encoder") for head in heads}
        if len(encoders) > 1:
            raise ValueError(
                f"The features in {os.fspath(folder)!r} are of {len(encoders)} encoders: encode "
                "all shards with one."
            )
        parts = [_mapped(file) for file in self.files]
        self._names = functools.partial(_names_of, self.files, [head["shard"] for head in heads])
        self.rows = MappedRows(parts, names=self._names)
        self.labels = _labels_of(self.files)
        positions = np.concatenate([_tensor(file, "positions").numpy() for file in self.files])
        sizes = {head["shard"]: int(head["examples"]) for head in heads}
        codes = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        self.places = Places(sizes, codes, positions)

    @property
    def names(self) -> tuple[str, ...]:
        """What the n examples are called: the shard and the key."""
        return self._names()


def _names_of(files: Sequence[Path], shards: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the examples in files of features, each of a shard."""
    return tuple(
        f"{shard}/{key}"
        for shard, file in zip(shards, files, strict=True)
        for key in tensor_text(_tensor(file, "keys"))
    )


def _labels_of(files: Sequence[Path]) -> Sequence[str] | None:
    """Return the labels in files; those of a class are one text, of which there are millions."""
    known: dict[str, str] = {}
    labels: list[str] = []
    for file in files:
        here = _tensor(file, "labels")
        if here is None:
            return None
        labels += [known.setdefault(label, label) for label in tensor_text(here)]
    return labels


def _tensor(path: Path, name: str) -> Any:
    with safe_open(path, framework="pt") as file:
        return file.get_tensor(name) if name in file.keys() else None  # noqa: SIM118


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="pt") as file:
            noted = file.metadata() or {}
    except SafetensorError:
        read_safetensors(path, kind="feature")  # says what is wrong
        raise
    if noted.get("format") != FORMAT:
        raise CacheError(
            f"The file {str(path)!r} holds no features of a shard. Take it out of the folder."
        )
    return dict(noted)


def _mapped(path: Path) -> np.ndarray[Any, Any]:
    """Return the (m, d) rows in a file, mapped: safetensors itself reads all of a tensor."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        head = json.loads(file.read(size))["features"]
    start = 8 + size + head["data_offsets"][0]
    return np.memmap(path, dtype=np.float16, mode="r", offset=start, shape=tuple(head["shape"]))
