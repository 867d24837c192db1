"""The data sets of the paper, as bytes in memory, each read once."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from example_data import digits, fashion_mnist, in_memory
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.datasets import MNIST, ImageFolder
from torchvision.transforms import Compose, Resize, ToTensor

from paper.baselines.c_score import published
from paper.cache import digest, kept
from paper.scale import Scale

# Whose images may be shown to everybody; others stay on the machine that has them.
SHOWN = ("digits", "mnist", "fashion-mnist")
PARTS = ("train", "test")
# Photographs of any size (ImageNet) are brought to one.
_SIDE = 64


class MissingError(Exception):
    """What a measurement needs is not on this machine; the message says how to get it."""


@dataclass(frozen=True)
class Examples:
    """Examples of a data set.

    Attributes:
        name: of the data set.
        pixels: (n, c, h, w) uint8.
        labels: (n,) int64 codes.
        indices: (n,) int64 of these examples among all of the training set.
        classes: k names.

    """

    name: str
    pixels: Tensor
    labels: Tensor
    indices: Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


class Data:
    """The data sets at a scale.

    Args:
        scale: decides which, and how many examples.
        folders: where each lies, and files of published scores as ``NAME-c-scores``.
        cache: a folder for images that were read; None keeps none.

    """

    def __init__(
        self, scale: Scale, folders: Mapping[str, Path] | None = None, cache: Path | None = None
    ) -> None:
        self.scale, self.folders, self.cache = scale, dict(folders or {}), cache

    def names(self, *paper: str) -> tuple[str, ...]:
        """Return those that the paper has, or the one that stands for them at this scale."""
        return paper if self.scale.data is None else (self.scale.data,)

    @functools.cache  # noqa: B019 (one a process)
    def unabridged(self) -> "Data":
        """Return the same with all examples of every data set."""
        return Data(replace(self.scale, examples=None), self.folders, self.cache)

    def here(self, name: str) -> bool:
        """Return whether a data set, or a file of published scores, is on this machine."""
        path = self.folders.get(name)
        return name == "digits" or (path is not None and path.exists())

    @functools.cache  # noqa: B019
    def examples(self, name: str) -> Examples:
        """Return the examples of a data set, as many as the scale has.

        Raises:
            MissingError: it is not here.

        """
        pixels, labels, classes = self._whole(name)
        indices = torch.arange(len(labels))
        if self.scale.examples is not None and self.scale.examples < len(labels):
            rng = torch.Generator().manual_seed(0)
            indices = torch.randperm(len(labels), generator=rng)[: self.scale.examples].sort()[0]
        return Examples(name, pixels[indices], labels[indices], indices, classes)

    @functools.cache  # noqa: B019
    def test(self, name: str) -> Examples:
        """Return all examples of a data set's test set.

        Raises:
            MissingError: it is not here.

        """
        pixels, labels, classes = self._whole(name, "test")
        return Examples(name, pixels, labels, torch.arange(len(labels)), classes)

    def c_scores(self, name: str) -> Tensor:
        """Return (n,) published C-scores of the examples (Jiang et al. 2021); low is irregular.

        Raises:
            MissingError: no file of them is named.
            ValueError: the file is of other examples, or in another order.

        """
        path = self.folders.get(f"{name}-c-scores")
        if path is None:
            raise MissingError(f"C-scores of {name} (--data {name}-c-scores=FILE.npz)")
        _, labels, _ = self._whole(name)
        try:
            scores = published(path, labels)
        except ValueError as error:
            what = f"The C-scores in {path} are not those of {name} in its order."
            raise ValueError(what) from error
        return scores[self.examples(name).indices]

    def rest(self, name: str, count: int) -> Examples:
        """Return images that are not trained on, drawn at random.

        They are of the training set, or of the test set where all of the former are examples.

        Args:
            name: of the data set.
            count: how many, or as many as there are.

        Raises:
            MissingError: it is not here.

        """
        pixels, labels, classes = self._whole(name)
        others = torch.ones(len(labels), dtype=torch.bool)
        others[self.examples(name).indices] = False
        if not others.any():
            pixels, labels, _ = self._whole(name, "test")
            others = torch.ones(len(labels), dtype=torch.bool)
        rng = torch.Generator().manual_seed(1)
        order = torch.randperm(int(others.sum()), generator=rng)[:count].sort()[0]
        indices = others.nonzero().flatten()[order]
        return Examples(name, pixels[indices], labels[indices], indices, classes)

    def file(self, folder: str, name: str, what: str, seed: int, *tensors: Tensor) -> Path | None:
        """Return where something that was computed is kept; None without a cache.

        Args:
            folder: in that of the cache.
            name: of the data set.
            what: it is, in words.
            seed: it was computed with.
            tensors: it was computed from.

        """
        if self.cache is None:
            return None
        known = f"{name}-{self.scale.name}-{what}-{seed}-{digest(*tensors)}"
        return self.cache / folder / f"{known}.pt"

    @functools.cache  # noqa: B019
    def _whole(self, name: str, part: str = "train") -> tuple[Tensor, Tensor, tuple[str, ...]]:
        dataset = self._open(name, part)
        classes = tuple(map(str, getattr(dataset, "classes", range(10))))
        path = None if self.cache is None else self.cache / f"{name}.{part}.pt"
        return *kept(path, partial(_bytes, dataset)), classes

    def _open(self, name: str, part: str) -> Dataset[Any]:
        place = PARTS.index(part)
        if name == "digits":
            return digits()[place]
        root, missing = self.folders.get(name), MissingError(f"{name} (--data {name}=FOLDER)")
        if root is None:
            raise missing
        size = [Resize((_SIDE, _SIDE))] if name == "imagenet" else []
        try:
            opened: Dataset[Any]
            if name == "mnist":
                opened = MNIST(root, train=part == "train", transform=ToTensor())
            elif name == "fashion-mnist":
                opened = fashion_mnist(root)[place]
            else:
                opened = ImageFolder(root / part, transform=Compose([*size, ToTensor()]))
        except (RuntimeError, FileNotFoundError, SystemExit) as error:  # each has its own way
            raise missing from error
        return opened


def _bytes(dataset: Dataset[Any]) -> tuple[Tensor, Tensor]:
    pixels, labels = in_memory(dataset)
    return (255 * pixels).round().byte(), labels


def folders_of(pairs: Iterable[str]) -> dict[str, Path]:
    """Return the folders that are given as NAME=FOLDER.

    Raises:
        ValueError: no such pair.

    """
    split = [pair.partition("=") for pair in pairs]
    if wrong := [name for name, sign, _ in split if not sign]:
        raise ValueError(f"--data takes NAME=FOLDER. Got {wrong[0]!r} instead.")
    return {name: Path(folder) for name, _, folder in split}
