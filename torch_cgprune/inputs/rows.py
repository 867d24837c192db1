"""Arrays and images as rows of the matrix that is scored."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Real
from textwrap import shorten
from typing import Any, cast

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor
from torch.utils.data import DataLoader

from torch_cgprune.errors import ArgumentTypeError, ArgumentValueError, Message
from torch_cgprune.inputs.mapped import MappedRows
from torch_cgprune.inputs.pixels import as_scored, is_deep
from torch_cgprune.inputs.stacking import is_list, stacked
from torch_cgprune.inputs.tables import is_column, is_pair, table_rows
from torch_cgprune.inputs.views import is_array
from torch_cgprune.utils.arrays import as_tensor

# The cure where images differ in shape.
EQUALISE = Message(
    "Pass a 'transform' that makes them equal, as torchvision.transforms.Resize((32, 32))."
)
# The cure where they differ in channels alone.
CONVERT = Message(
    "Pass a 'transform' that makes them equal, as lambda image: image.convert('RGB') for PIL "
    "images, or torchvision.transforms.Grayscale()."
)

# The cure where items are texts.
ENCODE_TEXTS = Message(
    "Pass features=encoders.load('transformers:NAME') (of torch_cgprune) to score texts, or a "
    "'transform' that opens the images of these names."
)

# What white is in the types that images have; other integers may count anything.
_GREATEST = {torch.uint8: 255, torch.uint16: 65535}


def as_matrix(features: Any) -> Tensor:
    """Return (n, ...) numbers as an (n, d) tensor; bytes become [0, 1], as 16 bits do.

    Other dtypes stay.

    Args:
        features: a tensor, an array, or mapped rows, which stay; a data frame, a list of rows, or a
            column of rows.

    Raises:
        TypeError: no real numeric tensor or array, and nothing that can be read as one.
        ValueError: fewer than two axes, or an empty one; rows of different lengths; masked values.

    """
    if isinstance(features, MappedRows):  # which stands for a tensor where rows are taken
        return cast("Tensor", features)
    if not is_array(features):
        features = _rows_of(features)
    _check_mask(features)
    if isinstance(features, np.ndarray) and features.dtype.kind not in "biuf":
        raise TypeError(f"The 'features' must be real numbers. Got dtype {features.dtype} instead.")
    if isinstance(features, Tensor) and features.layout != torch.strided:
        raise ArgumentTypeError(
            "The 'features' must be dense. Got a tensor of layout %s;",
            features.layout,
            parameter="features",
            cure="pass features.to_dense().",
        )
    tensor = as_tensor(features).detach()
    if tensor.is_complex():
        raise TypeError(f"The 'features' must be real numbers. Got dtype {tensor.dtype} instead.")
    if tensor.ndim < 2 or tensor.numel() == 0:
        raise ValueError(
            "The 'features' must have one row per example and at least one column. "
            f"Got shape {tuple(tensor.shape)} instead."
        )
    return _unit_range(tensor).reshape(len(tensor), -1)


def _rows_of(features: Any) -> Any:
    """Return what is no array as one; raise an error with the cure where it is none."""
    pair = is_pair(features)
    rows = None if pair else table_rows(features)
    if rows is not None:
        return rows
    if not pair and isinstance(features, list) and features and all(map(is_array, features)):
        return stacked(features)
    cure = "for a dataset use CGScoredDataset."
    if isinstance(features, str | os.PathLike):
        cure = "read the file first, as by numpy.load."
    elif pair:
        cure = "pass the rows and the labels one by one, as cg_scores(X, y)."
    elif isinstance(features, DataLoader):
        cure = "score its dataset: CGScoredDataset(loader.dataset)."
    elif is_column(features):
        name = features.column_name
        cure = f"pass CGScoredDataset(dataset, features={name!r}, labels='COLUMN')."
    elif _are_lists_of_cells(features):
        cure = "make each of its rows a list of numbers, none of them missing."
    raise ArgumentTypeError(
        "The 'features' must be a tensor, an array, or a table of numbers. Got %s instead;",
        type(features).__name__,
        parameter="features",
        cure=cure,
    )


def _are_lists_of_cells(rows: Any) -> bool:
    """Return whether these are rows as a table has them, of numbers, texts and gaps."""
    if (
        not isinstance(rows, list | tuple)
        or len(rows) == 0
        or not isinstance(rows[0], list | tuple)
    ):
        return False
    return all(isinstance(cell, Real | str) or cell is None for cell in rows[0])


def _check_mask(features: Any) -> None:
    if not isinstance(features, np.ma.MaskedArray):
        return
    masked: Any = np.ma.getmaskarray(features).reshape(len(features), -1).any(1)
    if masked.any():
        first = int(masked.nonzero()[0][0])
        raise ArgumentValueError(
            "%d of the %d rows of the 'features' hold masked values, first row %d.",
            int(masked.sum()),
            len(masked),
            first,
            parameter="features",
            row=first,
            cure="Fill them, by features.filled(0) say, or leave these rows out.",
        )


def channels_first(image: Any, index: int) -> Tensor:
    """Return an image as encoders take it: (c, h, w) numbers, a tensor in the shape it has.

    Raises:
        TypeError: no PIL image, array or tensor.

    """
    found = numbers(image, index)
    if isinstance(image, Tensor):
        return found
    return found[None] if found.ndim == 2 else found.movedim(-1, 0)


def numbers(image: Any, index: int) -> Tensor:
    """Return an image's numbers in the shape it has, bytes and integers of PIL's as [0, 1].

    Args:
        image: a PIL image, array or tensor.
        index: of the item, for the message.

    Raises:
        TypeError: something else.

    """
    if isinstance(image, Image):
        # Numbers are brightness then: no places in a palette, nothing clipped.
        named = is_deep(image) or image.mode in ("P", "PA")
        image = np.array(as_scored(image) if named else image)
    if is_list(image):
        image = np.asarray(image)
    if isinstance(image, np.ndarray):
        image = as_tensor(image)
    if isinstance(image, Mapping) and {*image} == {"bytes", "path"}:
        raise TypeError(
            f"Item {index} of the dataset is an image that is not decoded. Decode it, as by "
            "dataset.cast_column('image', datasets.Image())."
        )
    if isinstance(image, Mapping):
        raise TypeError(
            f"Item {index} of the dataset is a mapping with {sorted(image)}. Name two of its "
            "columns, as features='image', labels='label'."
        )
    if isinstance(image, str):
        raise ArgumentTypeError(
            "Item %d of the dataset is a text, %r: no PIL image, array or tensor.",
            index,
            shorten(image, 60),
            parameter="features",
            row=index,
            cure=ENCODE_TEXTS,
        )
    if not isinstance(image, Tensor):
        raise TypeError(
            f"Item {index} of the dataset must start with a PIL image, array or tensor. "
            f"Got {type(image).__name__}; pass a 'transform' that makes one, or 'features'."
        )
    return _unit_range(image.detach())


def _unit_range(image: Tensor) -> Tensor:
    greatest = _GREATEST.get(image.dtype)
    return image if greatest is None else image.float().div_(greatest)


def stack_images(images: Sequence[Tensor]) -> Tensor:
    """Return images of one shape as a batch.

    Raises:
        ArgumentValueError: images of different shapes.

    """
    for image in images:
        check_shape(image.shape, images[0].shape)
    return torch.stack([*images])


def check_shape(shape: Sequence[int], expected: Sequence[int], first: int | None = None) -> None:
    """Raise an error unless images are of one shape; ``first`` is the first item that differs."""
    if tuple(shape) != tuple(expected):
        where = "" if first is None else f" (from item {first} on)"
        in_channels = bool(_sides(shape) & _sides(expected))
        raise ArgumentValueError(
            "The dataset's images differ in %s: %s and %s%s.",
            "their channels, as grey ones among colours do" if in_channels else "shape",
            tuple(expected),
            tuple(shape),
            where,
            parameter="transform",
            cure=CONVERT if in_channels else EQUALISE,
        )


def _sides(shape: Sequence[int]) -> set[tuple[int, ...]]:
    """Return what height and width may be: of (h, w), (h, w, c) or (c, h, w), c at most 4."""
    match tuple(shape):
        case (h, w):
            return {(h, w)}
        case (a, b, c):
            return {sides for sides, channels in (((a, b), c), ((b, c), a)) if channels <= 4}
    return set()
