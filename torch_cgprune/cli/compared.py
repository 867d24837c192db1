"""A source that is compared with another: its features, and what its examples are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.unreadable import all_unreadable_named, workers_of
from torch_cgprune.dataset.source import Source
from torch_cgprune.inputs.labels import encode_labels
from torch_cgprune.inputs.names import find_class_names, find_names
from torch_cgprune.inputs.rows import as_matrix
from torch_cgprune.inputs.views import is_array


@dataclass(frozen=True)
class Compared:
    """What is compared of a source.

    Attributes:
        matrix: (n, d) features.
        names: n file names; None where there are no files.
        labels: n names of classes; None where there are none.

    """

    matrix: Tensor
    names: Sequence[str] | None
    labels: Sequence[str] | None

    def told(self, index: int) -> tuple[int, str, str]:
        """Return the index, the file name and the label of an example."""
        name, label = (column[index] if column else "" for column in (self.names, self.labels))
        return index, name, label

    def call(self, index: int) -> str:
        """Return the file name of an example, or its number, and its label, in one line."""
        _, name, label = self.told(index)
        return " ".join(f"{name or index} ({label})".removesuffix(" ()").split())


def compared(opened: Opened, features: Any, num_workers: int | None, *, progress: bool) -> Compared:
    """Read a source.

    Args:
        opened: the source.
        features: what is compared, as ``CGScoredDataset`` takes it.
        num_workers: processes that read it; None by its size.
        progress: show progress bars.

    Raises:
        UnreadableImageError: images cannot be read; it names them.
        TypeError, ValueError: no numbers.

    """
    with all_unreadable_named(opened, progress=progress):
        rows, labels = _features_and_labels(opened, features, num_workers, progress=progress)
    return Compared(as_matrix(rows), find_names(opened.dataset), _called(opened, labels))


def _called(opened: Opened, labels: Any) -> list[str] | None:
    """Return the names of the classes that the examples have; None without labels."""
    if labels is None:
        return None
    codes, values = encode_labels(labels)
    listed = find_class_names(opened.dataset, values, given=opened.labels is not None)
    names = [*map(str, values)] if listed is None else listed
    return [names[code] for code in codes.tolist()]


def _features_and_labels(
    opened: Opened, features: Any, num_workers: int | None, *, progress: bool
) -> tuple[Any, Any]:
    if is_array(opened.dataset):
        return opened.features, opened.labels
    source = Source(
        opened.dataset,
        features,
        opened.labels,
        transform=opened.transform,
        num_workers=workers_of(opened, num_workers),
        progress=progress,
    )
    read = source.read()
    return read.features, read.labels
