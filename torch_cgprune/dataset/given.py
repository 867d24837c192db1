"""What a dataset is given as features and labels, told apart."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from torch import nn

from torch_cgprune.encoders import Encoder
from torch_cgprune.inputs.frames import check_aligned
from torch_cgprune.inputs.labels import Labels
from torch_cgprune.inputs.tables import table_rows
from torch_cgprune.inputs.views import check_map_style, column_view, field_view, is_array
from torch_cgprune.utils.checks import check_integer
from torch_cgprune.utils.files import open_matrix


@dataclass(frozen=True)
class Given:
    """Whose features and whose labels are meant.

    ============================  =============  =====================  ===========
    ``features=``                 ``source``     ``encoder``            ``image``
    ============================  =============  =====================  ===========
    None                          the dataset    None                   None
    an ``Encoder``                the dataset    it                     its column
    a module, a function          the dataset    an ``Encoder`` of it   None
    a file (``.npy``,             its matrix     None                   None
    ``.safetensors``,
    ``.features``)
    another name                  the dataset    None                   that column
    rows, a table, a dataset      these          None                   None
    ============================  =============  =====================  ===========

    Attributes:
        dataset: n items, or a view of them with the image first and the label second.
        source: what is read: n rows, or n items that start with the image.
        encoder: from images to features; None scores them as they are.
        image: the column of the images in a dataset of mappings.
        labels: n of them; None for those that the dataset has.

    """

    dataset: Any
    source: Any
    encoder: Encoder | None
    image: str | None
    labels: Labels | None


def told_apart(dataset: Any, features: Any, labels: Labels | str | int | None) -> Given:
    """Return what is meant by the arguments of ``CGScoredDataset`` of these names.

    Raises:
        TypeError: no dataset.
        ValueError: columns or fields that there are not; an image column that is not named.
        ArgumentTypeError: a sparse matrix, or a data frame with columns that are no numbers.
        CacheError: a file that holds no matrix.

    """
    check_map_style(dataset)
    check_aligned("features", features, "labels", labels)
    rows, encoder, image = _features(features)
    label = labels if isinstance(labels, str) else None
    if label is not None and image is None and rows is None:
        raise ValueError(
            "The 'features' must name a column too (or an Encoder its 'column'), as "
            f"'labels' does ({label!r}), or hold what is to be scored."
        )
    if image is not None or label is not None:
        dataset = column_view(dataset, image, label)
    if isinstance(labels, int):
        field = check_integer("labels", "CGScoredDataset", labels, minimum=1)
        dataset = field_view(dataset, field)
    source = dataset if rows is None else rows
    check_map_style(source)
    return Given(dataset, source, encoder, image, None if isinstance(labels, str | int) else labels)


def _features(features: Any) -> tuple[Any, Encoder | None, str | None]:
    """Return the rows or the other dataset, the encoder, and the column, each None without one."""
    if isinstance(features, Encoder):
        return None, features, features.column
    if isinstance(features, os.PathLike):
        return open_matrix(features), None, None
    if isinstance(features, str):
        if features.lower().endswith((".npy", ".safetensors", ".features")):
            return open_matrix(features), None, None
        return None, None, features
    is_dataset = hasattr(features, "__getitem__") and hasattr(features, "__len__")
    if isinstance(features, nn.Module) or (callable(features) and not is_dataset):
        return None, Encoder(features), None
    rows = None if is_array(features) else table_rows(features)
    return features if rows is None else rows, None, None
