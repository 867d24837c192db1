"""The entries of a list to the indices of the examples they mean, checked against the data."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.lists.formats import Entry, entries, printable
from torch_cgprune.utils.arrays import are_indices, check_range, is_whole_number, real_numbers


class Known(Protocol):
    """What a list is checked against: the examples of scores, or of a source itself."""

    def __len__(self) -> int: ...

    @property
    def names(self) -> tuple[str, ...] | None:
        """N file names; None where examples are no files."""

    @property
    def labels(self) -> Tensor:
        """(n,) int64 class codes."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the k classes are called."""


@dataclass(frozen=True, eq=False)
class Examples:
    """The n examples of a source, without scores; see :class:`Known`."""

    names: tuple[str, ...] | None
    labels: Tensor
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def counts_on_order(path: str | os.PathLike[str], examples: Known) -> bool:
    """Return whether a list tells examples by their numbers, not all by their names."""
    path, names = Path(path), {*places(examples.names or ())}
    return path.suffix.lower() == ".npy" or any(e.name not in names for e in entries(path))


def read_examples(path: str | os.PathLike[str], n: int, scores: Known | None = None) -> Tensor:
    """Return the examples that a file lists.

    Where examples are files, names decide, so that a list stays right when files are added.

    Args:
        path: a list in one of the formats.
        n: examples of the dataset.
        scores: of the dataset, for the names and labels of its examples, where there are any.

    Returns:
        (m,) int64 sorted indices, each once.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no such list, or one of other data; it names the line and the cure.

    """
    path = Path(path)
    if path.suffix.lower() == ".npy":
        indices = _indices_of_array(path, n)
    else:
        where = Lookup(path, n, scores)
        found = [where(entry) for entry in entries(path)]
        indices = torch.tensor(found, dtype=torch.int64, device="cpu")
    kept: Tensor = indices.unique()
    return kept


class Lookup:
    """From an entry of a list to the index of its example, checked against the data."""

    def __init__(self, path: Path, n: int, scores: Known | None) -> None:
        self.path, self.n, self.scores = path, n, scores
        self.by_name = places(() if scores is None else scores.names or ())

    def __call__(self, entry: Entry) -> int:
        """Return the index of an entry, or raise ValueError where it is of other data."""
        index = self._index(entry)
        if not 0 <= index < self.n:
            raise self._foreign(entry, f"has the index {index}, and there are {self.n} examples")
        if entry.label and self.scores is not None:
            given = self.scores.class_names[int(self.scores.labels[index])]
            if entry.label.strip() not in (given.strip(), printable(given).strip()):
                raise self._foreign(
                    entry, f"example {index} is labelled {entry.label!r} there and {given!r} here"
                )
        return index

    def _index(self, entry: Entry) -> int:
        if entry.name in self.by_name:
            return self.by_name[entry.name]
        nameless = entry.name in ("", entry.index) or not self.by_name
        if nameless and is_whole_number(entry.index):
            return int(entry.index)
        unknown = "is a name, and these have none"
        if self.by_name:
            unknown = f"is none of the examples, which are called as {next(iter(self.by_name))!r}"
        raise self._foreign(entry, f"{entry.name or entry.index!r} {unknown}")

    def _foreign(self, entry: Entry, what: str) -> ValueError:
        return ValueError(
            f"The list {str(self.path)!r}, line {entry.line}: {what}. It is of other data, or of "
            "an earlier state of these: make it anew, or correct the line."
        )


def places(names: Sequence[str]) -> dict[str, int]:
    """Return where each name stands; those that are no UTF-8 also as a browser writes them."""
    places = {name: i for i, name in enumerate(names)}
    times = Counter(map(printable, names))
    return {
        **{shown: i for name, i in places.items() if times[shown := printable(name)] == 1},
        **places,
    }


def _indices_of_array(path: Path, n: int) -> Tensor:
    try:
        array = np.load(path, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # numpy raises anything on a damaged header
        raise ValueError(f"The list {str(path)!r} is no .npy file ({error}).") from error
    indices = real_numbers(array, f"The list {str(path)!r}")
    if not are_indices(indices):
        raise ValueError(
            f"The list {str(path)!r} must hold integers in one dimension. Got {array.dtype} of "
            f"shape {array.shape} instead."
        )
    return check_range(indices.long(), n, f"The list {str(path)!r}")
