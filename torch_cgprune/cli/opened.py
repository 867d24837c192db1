"""A source that is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch_cgprune.lists.shards import Places


@dataclass(frozen=True)
class Opened:
    """A dataset to score, as ``CGScoredDataset`` takes it.

    Attributes:
        dataset: map-style; where there are no images, the array of features itself.
        features: an array of features; None to score the images.
        labels: n of them; None for the dataset's own.
        transform: of the images, None as they are.
        rows: n numbers of the rows of a table that the examples are, from 0; None of no table.
        label_column: of such a table; None of no table.
        places: of the n examples in their shards; None of no shards.
        skipped: names of the files and rows that are left out: they cannot be read or scored.

    """

    dataset: Any
    features: Any = None
    labels: Any = None
    transform: Callable[[Any], Any] | None = None
    rows: Sequence[int] | None = None
    label_column: str | None = None
    places: Places | None = None
    skipped: tuple[str, ...] = ()
