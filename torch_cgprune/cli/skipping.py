"""Sources without what cannot be read or scored."""

from __future__ import annotations

import dataclasses
from typing import Any

from PIL import Image
from torch.utils.data import Subset

from torch_cgprune.cli.image_files import unreadable
from torch_cgprune.cli.opened import Opened
from torch_cgprune.inputs.bad_rows import find_bad_rows
from torch_cgprune.inputs.names import find_names
from torch_cgprune.inputs.rows import as_matrix, numbers
from torch_cgprune.inputs.views import is_array


def without_bad(opened: Opened, *, encoded: bool = False, progress: bool) -> Opened:
    """Leave out files that cannot be read, images or rows that are all zeros or hold NaN.

    Args:
        opened: of files, texts or rows; its features and labels are one for each, or none.
        encoded: whether features are made of the images: these may be all zeros.
        progress: show a progress bar in files.

    Raises:
        ValueError: nothing is left.

    """
    n, bad = len(opened.dataset), set[int]()
    if hasattr(opened.dataset, "samples"):  # files, or what they hold: texts are all readable
        scored = opened.features is None and not encoded
        is_fine = (lambda image: _is_fine(image, opened)) if scored else None
        bad |= {*unreadable(opened.dataset, is_fine, progress=progress)}
    if opened.features is not None:
        bad |= {row for rows in find_bad_rows(as_matrix(opened.features)) for row in rows}
    left = [i for i in range(n) if i not in bad]
    if not left:
        raise ValueError(f"None of the {n} {_what(opened)} can be read and scored.")
    return _left(opened, left, sorted(bad)) if bad else opened


def _is_fine(image: Image.Image, opened: Opened) -> bool:
    found = image if opened.transform is None else opened.transform(image)
    return not any(find_bad_rows(numbers(found, 0).reshape(1, -1)))


def _what(opened: Opened) -> str:
    return "rows" if is_array(opened.dataset) else f"images in {opened.dataset.root!r}"


def _left(opened: Opened, left: list[int], bad: list[int]) -> Opened:
    rows = _chosen(opened.features, left, len(opened.dataset))
    labels = _chosen(opened.labels, left, len(opened.dataset))
    if is_array(opened.dataset):
        dataset, names = rows, [f"row {i}" for i in range(len(opened.dataset))]
    else:
        dataset = Subset(opened.dataset, left)
        files = (str(path) for path, _ in opened.dataset.samples)
        names = [*(find_names(opened.dataset) or files)]
    return dataclasses.replace(
        opened,
        dataset=dataset,
        features=rows,
        labels=labels,
        rows=None if opened.rows is None else [opened.rows[i] for i in left],
        places=None if opened.places is None else opened.places.of(left),
        skipped=tuple(names[i] for i in bad if i < len(names)),
    )


def _chosen(values: Any, left: list[int], n: int) -> Any:
    """Return those that are left; all where they are not one per example, which is told later."""
    if values is None or len(values) != n:
        return values
    return [values[i] for i in left] if isinstance(values, list) else values[left]
