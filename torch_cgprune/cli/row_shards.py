"""Shards whose examples are rows, of MDS or litdata, as datasets to score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from torch_cgprune.cli.columns import Columns
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.shard_sources import ShardTexts
from torch_cgprune.cli.table_sources import coded, numbered
from torch_cgprune.inputs.pixels import as_scored
from torch_cgprune.lists.shards import Places
from torch_cgprune.streams.litdata_chunks import LitChunk, chunks_in, is_chunk, is_litdata
from torch_cgprune.streams.mds import SUFFIX as MDS
from torch_cgprune.streams.mds import MdsShard, is_mds, shards_in
from torch_cgprune.streams.members import shard_name
from torch_cgprune.streams.rows import RowShard, image_column, key_column, read_columns
from torch_cgprune.streams.shards import expanded


class RowImages(Dataset[Any]):
    """The images of shards, with their labels.

    Args:
        shards: of the images.
        column: that holds them.
        labels: n numbers of classes, or None.
        classes: the k names that these number.
        names: n of the shards and the keys.

    Attributes:
        targets: the n labels.
        example_names: the n names.

    """

    def __init__(
        self,
        shards: Sequence[RowShard],
        column: str,
        labels: Sequence[int | None],
        classes: Sequence[str],
        names: Sequence[str],
    ) -> None:
        self._shards, self._column = [*shards], column
        self._stops = np.cumsum([len(shard) for shard in shards])
        self.targets, self.classes, self.example_names = [*labels], [*classes], [*names]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, int | None]:
        number = int(np.searchsorted(self._stops, index, side="right"))
        shard = self._shards[number]
        example = shard[index - (int(self._stops[number]) - len(shard))]
        return as_scored(example[self._column]), self.targets[index]


def are_row_shards(source: str) -> bool:
    """Return whether a source is such shards, or a folder of them."""
    folder = Path(source)
    return source.endswith(MDS) or is_mds(folder) or is_litdata(folder) or is_chunk(source)


def row_shards(source: str) -> list[str]:
    """Return the paths of the shards that a source names."""
    folder = Path(source)
    if is_mds(folder):
        return shards_in(folder)
    return chunks_in(folder) if is_litdata(folder) else expanded(source)


def open_row_shards(source: str, columns: Columns, *, labelled: bool, known: bool) -> Opened:
    """Return the examples of such shards as a dataset; for arguments see ``open_tars``.

    Raises:
        FileNotFoundError, ValueError, ImportError: as ``MdsShard`` and ``LitChunk``, and columns
            that are not there.

    """
    shards: list[RowShard] = [
        MdsShard(path) if path.endswith(MDS) else LitChunk(path) for path in row_shards(source)
    ]
    places = _places(shards)
    key, label = key_column(shards[0]), columns.label or "label"
    has_labels = labelled or columns.label is not None or label in shards[0].columns
    content = [columns.text] if columns.features is None else columns.features
    wanted = (key, label if known and has_labels else None, *content)
    found = read_columns(shards, [name for name in wanted if name is not None])
    names = _names(places, places.positions.tolist() if key is None else found[key])
    labels = found[label] if known and has_labels else None
    if columns.features is not None:
        parts = [np.stack(found[name]) for name in columns.features]
        rows = np.concatenate([part.reshape(len(names), -1) for part in parts], axis=1)
        return Opened(rows, rows, labels and numbered(labels), places=places)
    codes, classes = ([None] * len(names), []) if labels is None else coded(labels, None)
    if columns.text is not None:
        texts = [*map(str, found[columns.text])]
        return Opened(ShardTexts(texts, codes, classes, names=names), places=places)
    column = image_column(shards[0], columns.path)
    return Opened(RowImages(shards, column, codes, classes, names), places=places)


def _places(shards: Sequence[RowShard]) -> Places:
    """Return where the examples of shards are.

    Raises:
        ValueError: two shards of one name, as those in the folders of a merged index.

    """
    sizes = {shard_name(shard.path): len(shard) for shard in shards}
    if len(sizes) < len(shards):
        raise ValueError(
            f"The {len(shards)} shards must be called differently: they have {len(sizes)} names, "
            f"as {next(iter(sizes))!r}. Name one folder after the other."
        )
    numbers = np.repeat(np.arange(len(shards)), [*sizes.values()])
    return Places(sizes, numbers, np.concatenate([np.arange(size) for size in sizes.values()]))


def _names(places: Places, keys: Sequence[Any]) -> list[str]:
    """Return what examples are called: the shard and the key of each."""
    shards = [*places.sizes]
    return [f"{shards[code]}/{key}" for code, key in zip(places.codes.tolist(), keys, strict=True)]
