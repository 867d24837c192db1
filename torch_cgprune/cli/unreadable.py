"""Image files of a source: how many processes read them, and which cannot be read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from torch_cgprune.cli.image_files import unreadable
from torch_cgprune.cli.opened import Opened
from torch_cgprune.errors import UnreadableImageError
from torch_cgprune.inputs.bad_rows import some_of
from torch_cgprune.inputs.image_loader import EncodedImage, load_image
from torch_cgprune.inputs.loading import workers_for
from torch_cgprune.inputs.names import find_names


def workers_of(opened: Opened, asked: int | None) -> int | None:
    """Return how many processes read: image files are each opened anew, wherever that is."""
    own_files = opened.features is None and find_names(opened.dataset) is not None
    return workers_for(len(opened.dataset)) if asked is None and own_files else asked


@contextlib.contextmanager
def all_unreadable_named(opened: Opened, *, progress: bool) -> Iterator[None]:
    """Where a file cannot be read, look for the others too: there is seldom one alone.

    Raises:
        UnreadableImageError: it names several of them, and the cure.

    """
    try:
        yield
    except UnreadableImageError as error:
        raise _all_unreadable(opened, progress=progress) from error


def _all_unreadable(opened: Opened, *, progress: bool) -> UnreadableImageError:
    """Return the error that names the files that cannot be read."""
    bad = unreadable(opened.dataset, progress=progress)
    paths = [opened.dataset.samples[i][0] for i in bad]
    listed = some_of([*map(repr, paths)])
    return UnreadableImageError(
        f"{len(bad)} of {len(opened.dataset)} images cannot be read: {listed}. {_reason(paths[0])} "
        "Delete or mend them, or pass --skip-unreadable."
    )


def _reason(path: str | EncodedImage) -> str:
    """Return why a file cannot be read; a missing one is of a list, whose folder may be wrong."""
    if isinstance(path, str) and not Path(path).exists():
        return "There is no such file: paths in a list start at the list's folder."
    try:
        load_image(path)
    except UnreadableImageError as error:
        return str(error)
    return ""
