"""Image files of a source: what reads them fastest, and which cannot be read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from torch_cgprune.cli.image_files import mean_bytes, unreadable
from torch_cgprune.cli.opened import Opened
from torch_cgprune.errors import UnreadableImageError
from torch_cgprune.inputs.bad_rows import some_of
from torch_cgprune.inputs.image_loader import EncodedImage, load_image
from torch_cgprune.inputs.loading import cores, workers_for
from torch_cgprune.inputs.names import find_names

# Bytes of a file from which decoding, which threads do side by side, is most of reading it.
_PHOTOGRAPH = 2**14


def workers_of(opened: Opened, asked: int | None) -> int | None:
    """Return how many processes read: image files are each opened anew, wherever that is.

    Of photographs none: threads, which the dataset is told of, read them faster. Of small images
    they would wait for each other.
    """
    own_files = opened.features is None and find_names(opened.dataset) is not None
    if asked is not None or not own_files:
        return asked
    if mean_bytes(opened.dataset) < _PHOTOGRAPH:
        return workers_for(len(opened.dataset))
    opened.dataset.reading_threads = cores()
    return None


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
