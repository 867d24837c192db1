"""C-scores as published (Jiang et al., Characterizing Structural Regularities, ICML 2021).

An example's C-score is the accuracy on it of networks that were trained without it; here it is
taken from 1, so that high is irregular. The authors' files, ``cifar10-cscores-orig-order.npz`` and
``cifar100-cscores-orig-order.npz``, are at https://pluskid.github.io/structural-regularity/ (not
run here for CIFAR-100).
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


def c_score(path: Path, labels: Tensor) -> Tensor:
    """Return (n,) float32 in [0, 1], 1 - C of every example; see :func:`published`."""
    return 1 - published(path, labels)


def published(path: Path, labels: Tensor) -> Tensor:
    """Return C of every example.

    The order is that of the file, or the original one where the file knows it: whichever gives the
    labels. (Two examples of one class that changed places are not seen.)

    Args:
        path: an npz. Of the authors: ``labels`` and ``scores``, (n,) each in the original order. Or
            of an image folder: ``path`` (n,) with the class's folder before the name, ``c_score``
            and, where it is known, ``original_index``.
        labels: (n,) int64, those of the data set, in its order; classes are in alphabetical order.

    Returns:
        (n,) float32 in [0, 1].

    Raises:
        FileNotFoundError: no such file.
        ValueError: neither kind of file, or no order of it has these labels.

    """
    if not path.is_file():
        raise FileNotFoundError(
            f"No C-scores at {path}: fetch cifar10-cscores-orig-order.npz, or the one of "
            "CIFAR-100, from https://pluskid.github.io/structural-regularity/."
        )
    with np.load(path) as file:
        orders = _orders(path, file)
    for classes, scores in orders:
        if len(classes) == len(labels) and np.array_equal(classes, labels.numpy()):
            return torch.from_numpy(scores.astype(np.float32))
    n = len(labels)
    differing = [int((c != labels.numpy()).sum()) for c, _ in orders if len(c) == n]
    differ = f", and {min(differing)} differ" if differing else ""
    raise ValueError(
        f"The C-scores of {path} are not in the order of the data set: it has {n} labels, the file "
        f"{len(orders[0][0])}{differ}. Give the whole training set in its original order, with its "
        "original labels, and change either afterwards."
    )


def _orders(path: Path, file: Any) -> list[tuple[Any, Any]]:
    """Return (n,) labels and (n,) C-scores in each order that the file knows."""
    if {"labels", "scores"} <= {*file}:
        return [(file["labels"], file["scores"])]
    if {"path", "c_score"} <= {*file}:
        folders = [name.rsplit("/", 2)[-2] for name in file["path"].tolist()]
        _, classes = np.unique(folders, return_inverse=True)
        scores = file["c_score"]
        orders = [(classes, scores)]
        if "original_index" in file:
            original = file["original_index"].argsort()
            orders.append((classes[original], scores[original]))
        return orders
    raise ValueError(
        f"{path} holds {sorted(file)}, not the C-scores of Jiang et al. (labels, scores) nor those "
        "of an image folder (path, original_index, c_score)."
    )
