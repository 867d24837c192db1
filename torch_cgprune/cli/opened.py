"""A source that is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Opened:
    """A dataset to score, as ``CGScoredDataset`` takes it.

    Attributes:
        dataset: map-style; where there are no images, the array of features itself.
        features: an array of features; None to score the images.
        labels: n of them; None for the dataset's own.
        transform: of the images, None as they are.
        skipped: names of the files and rows that are left out: they cannot be read or scored.
        left: indices, in the source, of the examples that are there; None for all.

    """

    dataset: Any
    features: Any = None
    labels: Any = None
    transform: Callable[[Any], Any] | None = None
    skipped: tuple[str, ...] = ()
    left: tuple[int, ...] | None = None
