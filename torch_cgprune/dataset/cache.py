"""Check that a score file is of these data and was computed with these options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from torch_cgprune.inputs.fingerprints import check_number, mismatch
from torch_cgprune.inputs.labels import ClassName
from torch_cgprune.scores import CGScores


def check_options(scores: CGScores, options: dict[str, Any], where: str) -> None:
    """Raise unless ``scores`` were computed with ``options``.

    Raises:
        CacheMismatchError: it names every option that differs, with both values.

    """
    cached = scores.metadata.get("options", {})
    differing = [
        f"{name} is {cached.get(name)!r} there and {options.get(name)!r} here"
        for name in dict.fromkeys([*options, *cached])
        if cached.get(name) != options.get(name)
    ]
    if differing:
        raise mismatch(where, "was computed with other options: " + ", ".join(differing))


def check_labels(
    scores: CGScores, labels: Tensor, classes: tuple[ClassName, ...], where: str
) -> None:
    """Raise unless ``scores`` are of these labels.

    Args:
        scores: the cached scores.
        labels: (n,) class codes of the data at hand.
        classes: its class names.
        where: the file, for the message.

    Raises:
        CacheMismatchError: it names what differs: the number of examples, the classes, the labels.

    """
    check_number(len(scores), len(labels), where)
    if scores.classes != classes:
        raise mismatch(where, f"has the classes {scores.classes}, the data {classes}")
    other = (scores.labels != labels).nonzero().squeeze(1)
    if len(other):
        i = int(other[0])
        raise mismatch(
            where,
            f"has other labels for {len(other)} of {len(labels)} examples, first for example {i}: "
            f"{classes[int(scores.labels[i])]!r} there and {classes[int(labels[i])]!r} here",
        )


def check_some_labels(
    scores: CGScores, indices: Sequence[int], labels: Sequence[Any], where: str
) -> None:
    """Raise unless the labels at ``indices`` are these: those of a few items as read now.

    Raises:
        CacheMismatchError: it names the first example whose label differs.

    """
    for i, label in zip(indices, labels, strict=True):
        cached = scores.classes[int(scores.labels[i])]
        if cached != label:
            raise mismatch(where, f"has the label {cached!r} for example {i}, the data {label!r}")


def check_encoder(scores: CGScores, identity: str | None, where: str) -> None:
    """Raise unless ``scores`` are of the features of this encoder, or none.

    Raises:
        CacheMismatchError: they are not.

    """
    if scores.metadata.get("encoder") != identity:
        raise mismatch(where, "is of features of another encoder, or of none")


def check_file_names(scores: CGScores, names: tuple[str, ...] | None, where: str) -> None:
    """Raise unless the examples are the files of these names, where both are known.

    Raises:
        CacheMismatchError: it names the first that differs.

    """
    if scores.names is None or names is None or scores.names == names:
        return
    there, here = next(pair for pair in zip(scores.names, names, strict=True) if pair[0] != pair[1])
    raise mismatch(where, f"has {there!r} where the data have {here!r}")
