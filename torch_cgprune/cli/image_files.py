"""Image files: lists of them as datasets, and which cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torchvision.datasets import VisionDataset
from tqdm.auto import tqdm

from torch_cgprune.errors import UnreadableImageError
from torch_cgprune.inputs.image_loader import load_image
from torch_cgprune.utils.tables import read_table

_THREADS = 8


def in_three_channels(image: Image.Image) -> Any:
    """Return a deep image as (h, w, 3) numbers, so that it goes with RGB images; others as is."""
    return np.asarray(image)[..., None].repeat(3, -1) if image.mode == "F" else image


class ListedImages(VisionDataset):  # type: ignore[misc]
    """The image files that a CSV file lists, with their labels: ``path`` and ``label`` columns.

    Blanks around a label are none of it.

    Args:
        path: of the CSV file; relative paths in it start at its folder.
        transform: from a PIL image to what an item holds.

    Attributes:
        samples: n pairs of a file's path and its label's number.
        targets: these n numbers.
        classes: the k labels they stand for, sorted.

    Raises:
        ValueError: no such columns, or no rows, or an empty cell.

    """

    samples_are_files = True

    def __init__(
        self, path: str | os.PathLike[str], transform: Callable[[Any], Any] | None = None
    ) -> None:
        super().__init__(Path(path).parent, transform=transform)
        rows = _rows(Path(path))
        self.classes = sorted({label for _, label in rows})
        codes = {label: code for code, label in enumerate(self.classes)}
        self.samples = [
            (os.path.join(self.root, name), codes[label])  # noqa: PTH118 (absolute ones stay)
            for name, label in rows
        ]
        self.targets = [code for _, code in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        path, code = self.samples[index]
        image = load_image(path)
        return (image if self.transform is None else self.transform(image)), code


def _rows(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        columns, rows = read_table(file, str(path), {"path", "label"})
        if not {"path", "label"} <= {*columns}:
            raise ValueError(
                f"The list {str(path)!r} must have the columns 'path' and 'label' in its first "
                f"line. Got {columns} instead."
            )
        found = []
        for line, row in rows:
            label = row["label"].strip()
            if not row["path"] or not label:
                raise ValueError(f"The list {str(path)!r} has no path or no label in line {line}.")
            found.append((row["path"], label))
    if not found:
        raise ValueError(f"The list {str(path)!r} is empty: there is nothing to score.")
    return found


def unreadable(
    dataset: Any, is_fine: Callable[[Image.Image], bool] | None = None, *, progress: bool = True
) -> list[int]:
    """Return the indices of the files that cannot be read; looks at all of them.

    Args:
        dataset: with ``samples``, pairs of a path and a label.
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
