"""Folders and lists of image files as datasets, and which of the files cannot be read."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from torchvision.datasets import ImageFolder, VisionDataset
from tqdm.auto import tqdm

from torch_cgprune.errors import UnreadableImageError

# What the parts of a dataset are called: a folder of these is one level too high.
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev"}
_THREADS = 8


def load_image(path: str) -> Image.Image:
    """Return the image in a file as RGB, as torchvision's ``ImageFolder`` loads it.

    Raises:
        UnreadableImageError: truncated, or no image.

    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (else Pillow may leave it open)
            return Image.open(file).convert("RGB")
    except Exception as error:  # Pillow raises anything, from OSError to SyntaxError
        reason = "it is no image" if isinstance(error, UnidentifiedImageError) else error
        raise UnreadableImageError(f"The image {path!r} cannot be read: {reason}.") from error


class ListedImages(VisionDataset):  # type: ignore[misc]
    """The image files that a CSV file lists, with their labels: ``path`` and ``label`` columns.

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
        rows = csv.DictReader(file)
        columns = [*(rows.fieldnames or [])]
        if not {"path", "label"} <= {*columns}:
            raise ValueError(
                f"The list {str(path)!r} must have the columns 'path' and 'label' in its first "
                f"line. Got {columns} instead."
            )
        found = []
        for row in rows:
            if not row["path"] or not row["label"]:
                raise ValueError(
                    f"The list {str(path)!r} has no path or no label in line {rows.line_num}."
                )
            found.append((row["path"], row["label"]))
    if not found:
        raise ValueError(f"The list {str(path)!r} is empty: there is nothing to score.")
    return found


def open_folder(root: str | os.PathLike[str]) -> ImageFolder:
    """Open ``root/<class>/*`` as an ``ImageFolder``; classes without an image are left out.

    Raises:
        ValueError: no folders in it, no images in them, or parts such as train and test.

    """
    root = Path(root)
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    if not folders:
        raise ValueError(
            f"The folder {str(root)!r} must hold one folder of images per class. It holds none."
        )
    if {*map(str.lower, folders)} <= _PARTS:
        one = next((name for name in folders if name.lower().startswith("train")), folders[0])
        raise ValueError(
            f"The folder {str(root)!r} holds {', '.join(folders)}, not one folder per class. Name "
            f"one of them instead, as {str(root / one)!r}."
        )
    dataset = ImageFolder(os.fspath(root), loader=load_image, allow_empty=True)
    if not len(dataset):
        raise ValueError(
            f"The folder {str(root)!r} must hold images (jpg, png, webp, ..) in its class folders. "
            f"There are {len(folders)} folders, and no image in them."
        )
    return dataset


def empty_classes(dataset: ImageFolder) -> list[str]:
    """Return the classes of a folder that have no image.

    Raises:
        PermissionError: one of them cannot be looked into.

    """
    present = {*dataset.targets}
    empty = [name for code, name in enumerate(dataset.classes) if code not in present]
    for name in empty:
        next(Path(dataset.root, name).iterdir(), None)  # it may be one that must not be read
    return empty


def unreadable(dataset: Any, *, progress: bool = True) -> list[int]:
    """Return the indices of the files that cannot be read; looks at all of them.

    Args:
        dataset: with ``samples``, pairs of a path and a label.
        progress: show a progress bar in files.

    """
    paths = [path for path, _ in dataset.samples]
    with ThreadPoolExecutor(_THREADS) as pool:
        checked = tqdm(
            pool.map(_readable, paths, chunksize=64),
            total=len(paths),
            desc="Checking files",
            unit="file",
            disable=not progress,
        )
        return [index for index, readable in enumerate(checked) if not readable]


def _readable(path: str) -> bool:
    try:
        load_image(path)
    except UnreadableImageError:
        return False
    return True
