"""Where the features and labels of a dataset come from, and how to read and recognise them."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torch_cgprune.dataset.cache import (
    check_encoder,
    check_file_names,
    check_labels,
    check_some_labels,
)
from torch_cgprune.dataset.given import told_apart
from torch_cgprune.dataset.relabel import check_coding, no_label
from torch_cgprune.encoders import Encoder, encode_dataset
from torch_cgprune.inputs.fingerprints import (
    check_digests,
    check_number,
    matrix_digests,
    row_digests,
    sample,
)
from torch_cgprune.inputs.labels import (
    Labels,
    check_carried,
    check_classes,
    encode_labels,
    find_labels,
)
from torch_cgprune.inputs.names import find_class_names, find_names, names_of_column
from torch_cgprune.inputs.reading import (
    are_photographs,
    read_dataset,
    read_digests,
    read_labels,
    read_rows,
)
from torch_cgprune.inputs.rows import as_matrix
from torch_cgprune.inputs.views import is_array, without_reading
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.checks import check_integer
from torch_cgprune.utils.ranks import Ranks

# What scores have as the identity of an encoder that nothing tells from another.
_UNKNOWN = "unknown"

_log = logging.getLogger(__name__)


class Read(NamedTuple):
    """Everything that was read of a dataset.

    Attributes:
        features: (n, ...) what is scored.
        labels: n of them.
        digests: (n,) int64 content hashes of what was encoded; None without an encoder.

    """

    features: Any
    labels: Labels
    digests: Tensor | None


class Source:
    """Where the features and labels of a dataset come from.

    Args:
        dataset: see ``CGScoredDataset``, as are ``features``, ``labels``, ``transform``,
            ``num_workers``, ``progress`` and ``on_mismatch``.
        features: what is scored instead.
        labels: instead of the dataset's own.
        transform: from an image to what is scored or encoded.
        num_workers: to read items.
        progress: show progress bars.
        device: of the encoder, where it names none.
        cache: of the scores, beside which features are kept.
        on_mismatch: with a file of other features.

    Raises:
        TypeError, ValueError: features or labels that are none, or not one per item.

    """

    def __init__(
        self,
        dataset: Any,
        features: Any,
        labels: Labels | str | int | None,
        *,
        transform: Callable[[Any], Any] | None,
        num_workers: int | None = None,
        progress: bool = False,
        device: torch.device | None = None,
        cache: str | os.PathLike[str] | None = None,
        on_mismatch: str = "error",
    ) -> None:
        if num_workers is not None:
            check_integer("num_workers", "CGScoredDataset", num_workers, minimum=0)
        given = told_apart(dataset, features, labels)
        self.dataset, self.source, self.image = given.dataset, given.source, given.image
        self.encoder = given.encoder and _completed(given.encoder, device, cache)
        self.scores_pixels = self.encoder is None and given.source is given.dataset
        if self.encoder is None and transform is None:
            self.source = without_reading(self.source)
        self.transform, self.on_mismatch = transform, on_mismatch
        self.how: dict[str, Any] = {"num_workers": num_workers, "progress": progress}
        self._check_length("features", self.source, "row")
        self.carried = find_labels(self.dataset) if given.labels is None else None
        self.labels = self.carried if given.labels is None else given.labels
        if self.carried is not None:
            check_classes(self.carried)
        if self.labels is not None:
            encode_labels(self.labels)  # bad ones fail before anything is read
            self._check_length("labels", self.labels, "label")

    def _check_length(self, name: str, given: Any, what: str) -> None:
        if len(given) != len(self.dataset):
            raise ValueError(
                f"The {name!r} must be one {what} per item of the dataset. "
                f"Got {len(given)} for {len(self.dataset)} items instead."
            )

    def __len__(self) -> int:
        return len(self.dataset)

    def read(self) -> Read:
        """Read everything, through the encoder if there is one."""
        features: Any = self.source
        digests = read = None
        reading: dict[str, Any] = {
            "expected": self.carried,
            "transform": self.transform,
            **self.how,
        }
        if self.encoder is not None:
            (features, digests), read = encode_dataset(
                self.source, self.encoder, on_mismatch=self.on_mismatch, **reading
            )
        elif not is_array(features):
            features, read = read_dataset(features, **reading)
        labels = read if self.labels is None else self.labels
        if labels is None and (self.encoder is not None or self.source is not self.dataset):
            labels = read_labels(self.dataset, **self.how)
        if labels is None:
            raise ValueError("The dataset's items carry no labels. Pass labels=... instead.")
        if self.labels is None:
            check_classes(labels)
        elif self.carried is not None:
            self._check_items(read)
        return Read(features, labels, digests)

    def _check_items(self, read: list[Any] | None) -> None:
        """Raise ValueError unless the items carry the labels that the dataset's attributes give."""
        assert self.carried is not None  # noqa: S101
        if read is not None:
            check_carried(self.carried, range(len(self)), read)
            return
        compared = sample(len(self))
        try:
            found = read_labels(self.dataset, compared)
        except Exception as error:  # noqa: BLE001 (where features are given, images may be gone)
            _log.info("the labels of the items are not compared with the attributes: %s", error)
            return
        check_carried(self.carried, compared, found or [None] * len(compared))

    def check_relabelled(self) -> None:
        """Raise unless the items carry labels, in the coding of those that are scored."""
        compared = sample(len(self))
        own = read_labels(self.dataset, compared)
        if own is None:
            raise TypeError(no_label(self.dataset[0]))
        if self.labels is not None and self.labels is not self.carried:
            codes, classes = encode_labels(self.labels)
            check_coding(compared, own, [classes[c] for c in codes[compared].tolist()])

    def read_on(self, ranks: Ranks) -> Read:
        """Read everything on all ranks; features that are computed must be the same on all."""
        with ranks.together():
            alone = self.encoder is not None and ranks.rank > 0
            read = None if alone else self.read()
        if self.encoder is not None:
            read = ranks.tell(read)
        assert read is not None  # noqa: S101
        return read

    def _digests_of(
        self, indices: Sequence[int], *, images: bool
    ) -> tuple[Tensor, list[Any] | None]:
        """Return the content hashes of a few examples, and their labels if they are read too."""
        if images:
            return read_digests(self.source, indices, self.transform)
        rows, labels = read_rows(self.source, indices, self.transform)
        return row_digests(rows), labels

    def _everything(self) -> tuple[Tensor, Labels]:
        """Return the content hashes and labels of all examples, without encoding any."""
        if self.encoder is None:
            read = self.read()
            matrix = as_matrix(read.features)
            return matrix_digests(matrix, show=self.how["progress"]), read.labels
        digests, labels = read_digests(self.source, transform=self.transform, **self.how)
        found = labels if self.labels is None else self.labels
        return digests, [None] * len(self) if found is None else found

    def mark(self, scores: CGScores, digests: Tensor | None) -> CGScores:
        """Let scores know the encoder, and the images by their own hashes, not their features'.

        Or that they are of the pixels of photographs, where an encoder would see more.
        """
        scores = self.named(scores)
        if self.encoder is not None and digests is not None:
            metadata = {**scores.metadata, "encoder": self.identity}
            return dataclasses.replace(scores, digests=digests, metadata=metadata)
        if self.scores_pixels and are_photographs(self.source, self.transform):
            metadata = {**scores.metadata, "photographs_as_pixels": True}
            return dataclasses.replace(scores, metadata=metadata)
        return scores

    def named(self, scores: CGScores) -> CGScores:
        """Let scores know what the dataset calls its examples and classes today."""
        given = self.labels is not self.carried
        class_names = names_of_column(self.labels, scores.classes) or find_class_names(
            self.dataset, scores.classes, given=given
        )
        metadata = {**scores.metadata}
        if class_names is not None:
            metadata["class_names"] = class_names
        names = find_names(self.dataset) or scores.names
        return dataclasses.replace(scores, names=names, metadata=metadata)

    def check(self, scores: CGScores, where: str, *, everything: bool) -> None:
        """Raise CacheMismatchError unless ``scores`` are of these data, encoded as here."""
        check_number(len(scores), len(self), where)
        check_encoder(scores, self.identity, where)
        if everything:
            digests, labels = self._everything()
            check_labels(scores, *encode_labels(labels), where)
            check_digests(scores.digests, range(len(self)), digests, where)
            return
        compared = sample(len(self))
        digests, read = self._digests_of(compared, images=self.encoder is not None)
        if self.carried is not None and read is not None:
            check_carried(self.carried, compared, read)
        if self.labels is not None:
            check_labels(scores, *encode_labels(self.labels), where)
        else:  # those of the items compared have to do
            labels = read or read_labels(self.dataset, compared) or [None] * len(compared)
            check_some_labels(scores, compared, labels, where)
        check_digests(scores.digests, compared, digests, where)

    @functools.cached_property
    def identity(self) -> str | None:
        """The encoder's, or that it is unknown; None without one. Weights take long to hash."""
        return None if self.encoder is None else self.encoder.identity or _UNKNOWN

    def is_recognised(self) -> bool:
        """Return whether scores of these data can be known again: not where an encoder is not."""
        return self.identity != _UNKNOWN

    def check_listed(self, scores: CGScores, where: str) -> None:
        """Raise CacheMismatchError unless number, labels and file names are those of ``scores``.

        No item is read: labels and names are what is given, or what the dataset lists.
        """
        check_number(len(scores), len(self), where)
        if self.labels is not None:
            check_labels(scores, *encode_labels(self.labels), where)
        check_file_names(scores, find_names(self.dataset), where)

    def check_content(self, scores: CGScores, where: str) -> None:
        """Raise CacheMismatchError unless sampled examples are as ``scores`` know them.

        Whichever encoder has made their features: scores know the images by their own content.
        """
        compared = sample(len(self))
        digests, _ = self._digests_of(compared, images="encoder" in scores.metadata)
        check_digests(scores.digests, compared, digests, where)


def _completed(
    encoder: Encoder, device: torch.device | None, cache: str | os.PathLike[str] | None
) -> Encoder:
    return dataclasses.replace(
        encoder,
        column=None,  # the dataset is a view of it
        device=device if encoder.device is None else encoder.device,
        cache=f"{os.fspath(cache)}.features" if encoder.cache is None and cache else encoder.cache,
    )
