"""Folders with one folder of images per class: what is read of them, and what is not one."""

from __future__ import annotations

import logging
import mimetypes
import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.datasets.folder import IMG_EXTENSIONS

from torch_cgprune.inputs.bad_rows import some_of
from torch_cgprune.inputs.image_loader import load_image

_log = logging.getLogger(__name__)

# What the parts of a dataset are called: a folder of these is one level too high.
_PARTS = {
    "train",
    "training",
    "test",
    "testing",
    "val",
    "valid",
    "validation",
    "validate",
    "eval",
    "dev",
}
# What systems put beside folders, without a dot.
_OF_SYSTEMS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN"}
_READ = (*IMG_EXTENSIONS, ".gif")


class ClassFolders(ImageFolder):  # type: ignore[misc]
    """``root/<class>/*`` as an ``ImageFolder`` that reads GIF too, and nothing hidden.

    Attributes:
        hidden: folders and images that are left out for their names, below ``root``, as keys.
        others: images that are left out, for their formats are not read.

    """

    def __init__(self, root: Path) -> None:
        self.hidden: dict[str, None] = {}
        self.others: list[str] = []
        super().__init__(
            os.fspath(root), loader=load_image, is_valid_file=self._is_read, allow_empty=True
        )

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """Return the names of the folders that are not hidden, and their numbers.

        Raises:
            ValueError: there are none.

        """
        folders = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        self.hidden |= dict.fromkeys(filter(_is_hidden, folders))
        classes = [name for name in folders if not _is_hidden(name)]
        if not classes:
            raise ValueError(
                f"The folder {str(directory)!r} must hold one folder of images per class. It holds "
                "none."
            )
        return classes, {name: code for code, name in enumerate(classes)}

    def _is_read(self, path: str) -> bool:
        name = Path(path).relative_to(self.root)
        depth = next((i for i, part in enumerate(name.parts) if _is_hidden(part)), None)
        if depth is not None:
            out = Path(*name.parts[: depth + 1])
            if out != name or _is_image(name):
                self.hidden[str(out)] = None
            return False
        read = is_read(name)
        if not read and _is_image(name):
            self.others.append(str(name))
        return read


def is_read(name: Path) -> bool:
    """Return whether an image of this name, below a folder of classes, is read."""
    return name.suffix.lower() in _READ and not any(map(_is_hidden, name.parts))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _OF_SYSTEMS


def _is_image(name: Path) -> bool:
    """Return whether a file is an image by its name, in a format that is read or in another."""
    kind, _ = mimetypes.guess_type(name.name)
    return (kind or "").startswith("image/") or name.suffix.lower() in Image.registered_extensions()


def open_folder(root: str | os.PathLike[str]) -> ClassFolders:
    """Open ``root/<class>/*``, and say what is left out: hidden folders, empty classes, formats.

    Raises:
        ValueError: no folders in it, no images in them, or folders of folders of images.
        PermissionError: a class folder cannot be looked into.

    """
    root = Path(root)
    dataset = ClassFolders(root)
    counts = [0] * len(dataset.classes)
    for code in dataset.targets:
        counts[code] += 1
    holding = [name for name, count in zip(dataset.classes, counts, strict=True) if count]
    _check_level(dataset, holding or dataset.classes)
    if not holding:
        raise ValueError(
            f"The folder {str(root)!r} must hold images (jpg, png, webp, ..) in its class folders. "
            f"There are {len(dataset.classes)} folders, and no image in them."
        )
    _tell(dataset, [name for name in dataset.classes if name not in holding])
    return dataset


def _check_level(dataset: ClassFolders, folders: Sequence[str]) -> None:
    """Raise ValueError where the class folders are one level further down."""
    root = dataset.root
    if {*map(str.lower, folders)} <= _PARTS:
        one = next((name for name in folders if name.lower().startswith("train")), folders[0])
    elif len(folders) == 1 and _has_folders_alone(dataset):
        one = folders[0]
    else:
        return
    raise ValueError(
        f"The folder {root!r} holds {', '.join(folders)}, not one folder per class. Name "
        f"one of them instead, as {os.path.join(root, one)!r}."  # noqa: PTH118 (as it was typed)
    )


def _has_folders_alone(dataset: ClassFolders) -> bool:
    """Return whether every image is in a folder inside its class folder."""
    deep = [os.path.relpath(path, dataset.root).count(os.sep) > 1 for path, _ in dataset.samples]
    return bool(deep) and all(deep)


def _tell(dataset: ClassFolders, empty: Sequence[str]) -> None:
    """Say in the log what is left out of a folder."""
    for name in empty:
        next(Path(dataset.root, name).iterdir(), None)  # it may be one that must not be read
        _log.warning("The class folder %r has no image: it is left out.", name)
    if dataset.hidden:
        _log.warning(
            "Hidden folders and images are left out: %s.", some_of([*map(repr, dataset.hidden)])
        )
    if dataset.others:
        _log.warning(
            "%d images are left out, whose formats are not read: %s. Convert them.",
            len(dataset.others),
            some_of([*map(repr, dataset.others)]),
        )
