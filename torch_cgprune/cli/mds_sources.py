"""MDS shards as datasets to score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from torch_cgprune.cli.columns import Columns
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.shard_sources import ShardTexts
from torch_cgprune.cli.table_sources import coded, numbered
from torch_cgprune.inputs.pixels import as_scored
from torch_cgprune.lists.shards import Places
from torch_cgprune.streams.mds import MdsShard, image_column
from torch_cgprune.streams.members import shard_name


class MdsImages(Dataset[Any]):
    """The images of MDS shards, with their labels.

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
        shards: Sequence[MdsShard],
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


def open_mds(paths: Sequence[str], columns: Columns, *, labelled: bool, known: bool) -> Opened:
    """Return the examples of MDS shards as a dataset; for arguments see ``open_tars``.

    Raises:
        FileNotFoundError, ValueError, ImportError: as ``MdsShard``, and columns that are not there.

    """
    shards = [MdsShard(path) for path in paths]
    names = [f"{shard_name(shard.path)}/{key}" for shard in shards for key in shard.keys()]  # noqa: SIM118
    label = columns.label or "label"
    labels: list[Any] | None = None
    if known and (labelled or label in shards[0].columns):
        labels = _column(shards, label)
    places = Places(
        {shard_name(shard.path): len(shard) for shard in shards},
        np.repeat(np.arange(len(shards)), [len(shard) for shard in shards]),
        np.concatenate([np.arange(len(shard)) for shard in shards]),
    )
    if columns.features is not None:
        parts = [np.stack(_column(shards, name)) for name in columns.features]
        rows = np.concatenate([part.reshape(len(names), -1) for part in parts], axis=1)
        return Opened(rows, rows, labels and numbered(labels), places=places)
    codes, classes = ([None] * len(names), []) if labels is None else coded(labels, None)
    if columns.text is not None:
        texts = [str(text) for text in _column(shards, columns.text)]
        return Opened(ShardTexts(texts, codes, classes, names=names), places=places)
    column = image_column(shards[0], columns.path)
    return Opened(MdsImages(shards, column, codes, classes, names), places=places)


def _column(shards: Sequence[MdsShard], name: str) -> list[Any]:
    """Return what a column holds, of all examples."""
    if name not in shards[0].columns:
        raise ValueError(
            f"The shard {shards[0].path!r} has no column {name!r}. It has {[*shards[0].columns]}: "
            "name one, with --label-column, --text-column or --feature-columns."
        )
    return [shard[i][name] for shard in shards for i in range(len(shard))]
