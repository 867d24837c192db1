"""Check that a score file is of these data and was computed with these options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from torch_cgprune.errors import CacheMismatchError
from torch_cgprune.labels import ClassName
from torch_cgprune.scores import CGScores

# Items read to recognise a dataset when a file is loaded.
_SAMPLE = 32


def sample(n: int) -> list[int]:
    """Return the indices of the examples of ``n`` that are compared with a file."""
    drawn: list[int] = np.random.default_rng(0).choice(n, min(_SAMPLE, n), replace=False).tolist()
    return sorted(drawn)


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


def check_number(known: int, n: int, where: str, *, at_most: bool = False) -> None:
    """Raise unless a file is of ``n`` examples, or ``at_most`` of so many.

    Raises:
        CacheMismatchError: it is not.

    """
    if known > n or (known < n and not at_most):
        raise mismatch(where, f"has {known} examples, the data {n}")


def check_names(scores: CGScores, indices: Sequence[int], names: Sequence[Any], where: str) -> None:
    """Raise unless the labels at ``indices`` are ``names``: the labels of a few items as read now.

    Raises:
        CacheMismatchError: it names the first example whose label differs.

    """
    for i, name in zip(indices, names, strict=True):
        cached = scores.classes[int(scores.labels[i])]
        if cached != name:
            raise mismatch(where, f"has the label {cached!r} for example {i}, the data {name!r}")


def check_digests(known: Tensor, indices: Sequence[int], digests: Tensor, where: str) -> None:
    """Raise unless the examples at ``indices`` have the content that they had.

    Args:
        known: (n,) content hashes in the file.
        indices: m indices of examples.
        digests: (m,) their content hashes as read now.
        where: the file, for the message.

    Raises:
        CacheMismatchError: it names the first example whose content differs.

    """
    other = (known[list(indices)] != digests).nonzero().squeeze(1)
    if len(other):
        raise mismatch(
            where,
            f"is of other features: example {indices[int(other[0])]} differs "
            f"({len(other)} of {len(digests)} examined do)",
        )


def check_encoder(scores: CGScores, identity: str | None, where: str) -> None:
    """Raise unless ``scores`` are of the features of this encoder, or none.

    Raises:
        CacheMismatchError: they are not.

    """
    if scores.metadata.get("encoder") != identity:
        raise mismatch(where, "is of features of another encoder, or of none")


def mismatch(where: str, what: str) -> CacheMismatchError:
    """Return the error that a file is of other data or options: it ``what``."""
    return CacheMismatchError(
        f"The file {where!r} {what}. Name another file, delete this one, "
        "or pass on_mismatch='recompute'."
    )
