"""A data frame as a dataset: the numbers of its rows, and a column of labels."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from torch_cgprune.encoders import Encoder
from torch_cgprune.errors import ArgumentValueError
from torch_cgprune.inputs.frames import check_aligned, columns_of, frame_rows, numbers_the_rows
from torch_cgprune.inputs.label_arrays import label_array
from torch_cgprune.inputs.labels import Labels
from torch_cgprune.utils.arrays import as_tensor
from torch_cgprune.utils.warn import warn_caller


class FrameRows(Dataset[tuple[Any, Any]]):
    """The rows of a data frame, with their labels.

    Args:
        rows: (n, d) numbers, or n texts.
        labels: n integers or strings.

    Attributes:
        targets: the labels, as items have them.

    """

    def __init__(self, rows: np.ndarray[Any, Any] | list[Any], labels: Labels) -> None:
        self.rows: Tensor | list[Any] = rows if isinstance(rows, list) else as_tensor(rows)
        self.targets = label_array(labels).tolist()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.rows[index], self.targets[index]


def as_dataset(
    frame: Any, features: Any, labels: Labels | str | int | None
) -> tuple[FrameRows, Any]:
    """Return a data frame of pandas or polars as a dataset, and what is scored of it.

    Args:
        frame: n rows.
        features: as ``CGScoredDataset`` takes them: the name of a column; an encoder, whose
            ``column`` is what items have, texts too; None for all columns but that of the labels.
        labels: the name of the column that has them, or n of them.

    Raises:
        ArgumentTypeError: columns that are no numbers.
        ArgumentValueError: no such column, labels that are not named, or of other rows.

    """
    columns = dict(columns_of(frame))
    if isinstance(labels, str | int) and labels in columns:
        given = columns[labels]
    elif labels is None or isinstance(labels, str | int):
        raise _no_column("labels", labels, columns)
    else:
        given = labels
        check_aligned("dataset", frame, "labels", labels)
    if isinstance(features, Encoder) and features.column is not None:
        items = _column(features.column, columns).to_list()
        return FrameRows(items, given), dataclasses.replace(features, column=None)
    if isinstance(features, str):
        _column(features, columns)
        return FrameRows(_numbers_of(frame[[features]]), given), None
    others = [name for name in columns if given is labels or name != labels]
    return FrameRows(_numbers_of(frame[others]), given), features


def _column(name: str, columns: dict[Any, Any]) -> Any:
    if name not in columns:
        raise _no_column("features", name, columns)
    return columns[name]


def _numbers_of(features: Any) -> np.ndarray[Any, Any]:
    """Return the (n, d) numbers of a frame; columns that only number its rows are told."""
    rows = frame_rows(features)
    numbering = [name for name, series in columns_of(features) if numbers_the_rows(name, series)]
    if numbering:
        warn_caller(
            "The columns %s number the rows, and are scored as features: drop them from the frame.",
            numbering,
        )
    return rows


def _no_column(parameter: str, value: Any, columns: dict[Any, Any]) -> ArgumentValueError:
    return ArgumentValueError(
        "The %r of a data frame must be one of its columns %s, or one per row. Got %r instead;",
        parameter,
        [*columns],
        value,
        parameter=parameter,
        value=value,
        cure=f"pass {parameter}={['COLUMN', *columns][-1]!r}, say.",
    )
