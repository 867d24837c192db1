"""Where each kept file goes in a cleaned folder, one folder per class. No file is looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple


class Kept(NamedTuple):
    """A file to keep.

    Attributes:
        origin: its path.
        label: name of its class, which may be another than before.
        name: what it is called inside the folder of its class, parts joined by ``/``.
        stays: whether it is called so inside that very folder already, and keeps its name.

    """

    origin: str
    label: str
    name: str
    stays: bool


class Placed(NamedTuple):
    """A file and its new place, below the new folder, parts joined by ``/``."""

    origin: str
    target: str


def place(files: Iterable[Kept]) -> list[Placed]:
    """Return where files go: ``<label>/<name>``, no two to one place.

    Who stays keeps its name. Of the others, in their order, one whose place is taken is numbered,
    as ``a-2.png``; upper and lower case are the same there, as they are on some disks.

    Raises:
        ValueError: a label that cannot be the name of a folder.

    Example:
        >>> moved, stays = (Kept(f"{c}/1", "dog", "1", stays=c == "dog") for c in ("cat", "dog"))
        >>> [placed.target for placed in place([moved, stays])]
        ['dog/1-2', 'dog/1']

    """
    files = [*files]
    for label in {file.label for file in files}:
        _check_folder(label)
    taken = {_place(file).casefold() for file in files if file.stays}
    return [Placed(file.origin, _free(file, taken)) for file in files]


def _place(file: Kept) -> str:
    return f"{file.label}/{file.name}"


def _free(file: Kept, taken: set[str]) -> str:
    """Return the place of a file, and take it."""
    if file.stays:
        return _place(file)
    found = next(name for name in _numbered(_place(file)) if name.casefold() not in taken)
    taken.add(found.casefold())
    return found


def _numbered(place: str) -> Iterator[str]:
    yield place
    path, number = PurePosixPath(place), 2
    while True:
        yield str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
        number += 1


def _check_folder(label: str) -> None:
    """Raise ValueError for a label that is no name of a folder, or of one elsewhere."""
    if label in ("", ".", "..") or {"/", os.sep, "\0"} & {*label} or len(os.fsencode(label)) > 255:
        raise ValueError(
            f"The label {label!r} cannot be the name of a folder. Rename the class, or write a "
            "table where the source is one."
        )
