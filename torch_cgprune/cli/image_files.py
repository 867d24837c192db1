"""Image files: lists of them as datasets, and which cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torchvision.datasets import VisionDataset
from tqdm.auto import tqdm

from torch_cgprune.errors import UnreadableImageError
from torch_cgprune.inputs.image_loader import EncodedImage, StoredImage, load_image
from torch_cgprune.inputs.loading import spread

_THREADS = 8
# Files whose sizes are looked up.
_SIZED = 64


def in_three_channels(image: Image.Image) -> Any:
    """Return a deep image as (h, w, 3) numbers, so that it goes with RGB images; others as is."""
    return np.asarray(image)[..., None].repeat(3, -1) if image.mode == "F" else image


class ListedImages(VisionDataset):  # type: ignore[misc]
    """Image files that are listed with their labels.

    Args:
        root: a folder, at which relative paths start.
        images: n paths, or contents of files.
        labels: n numbers of classes, or None.
        classes: the k names that these number.

    Attributes:
        samples: n pairs of an image's file and its label.
        targets: the n labels.
        samples_are_files: whether all images are files of their own.

    """

    def __init__(
        self,
        root: Path,
        images: Sequence[str | EncodedImage | StoredImage],
        labels: Sequence[int | None],
        classes: Sequence[str],
    ) -> None:
        super().__init__(root)
        placed = [
            os.path.join(root, image) if isinstance(image, str) else image  # noqa: PTH118 (absolute ones stay)
            for image in images
        ]
        self.samples = [*zip(placed, labels, strict=True)]
        self.targets, self.classes = [*labels], [*classes]
        self.samples_are_files = all(isinstance(image, str) for image in images)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        path, code = self.samples[index]
        image = load_image(path)
        return (image if self.transform is None else self.transform(image)), code


def mean_bytes(dataset: Any) -> float:
    """Return the mean size of some of a dataset's files, 0 where none of these can be found."""
    samples = getattr(dataset, "samples", [])
    paths = [samples[i][0] for i in spread(len(samples), _SIZED)] if samples else []
    sizes = [*filter(None, map(_bytes, paths))]
    return sum(sizes) / max(len(sizes), 1)


def _bytes(path: str | StoredImage) -> int:
    if isinstance(path, StoredImage):
        return path.size
    return Path(path).stat().st_size if Path(path).is_file() else 0


def unreadable(
    dataset: Any, is_fine: Callable[[Image.Image], bool] | None = None, *, progress: bool = True
) -> list[int]:
    """Return the indices of the files that cannot be read; looks at all of them.

    Args:
        dataset: with ``samples``, pairs of an image's file and a label.
        is_fine: whether an image can be used that has been read; None takes any.
        progress: show a progress bar in files.

    """
    paths = [path for path, _ in dataset.samples]

    def readable(path: str) -> bool:
        try:
            image = load_image(path)
        except UnreadableImageError:
            return False
        return is_fine is None or is_fine(image)

    with ThreadPoolExecutor(_THREADS) as pool:
        checked = tqdm(
            pool.map(readable, paths, chunksize=64),
            total=len(paths),
            desc="Checking files",
            unit="file",
            disable=not progress,
        )
        return [index for index, readable in enumerate(checked) if not readable]
