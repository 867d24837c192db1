"""The features an encoder makes of a dataset, computed once and kept in a file."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torch_cgprune.encoders.consistency import check_consistent, check_length
from torch_cgprune.encoders.encoder import Encoder
from torch_cgprune.errors import CacheMismatchError, UnstableDatasetError
from torch_cgprune.inputs.fingerprints import RECOMPUTE, check_digests, check_number, sample
from torch_cgprune.inputs.reading import Transform, known_labels, read_digests, read_images
from torch_cgprune.inputs.views import column_view
from torch_cgprune.utils.files import check_writable, read_safetensors, write_safetensors

FORMAT = "torch-cgprune features 1"

_log = logging.getLogger(__name__)


class Encoded(NamedTuple):
    """What an encoder makes of the first m of n images or texts.

    Attributes:
        features: (m, d) float32.
        digests: (m,) int64 content hash of every item as it was read, before the encoder's own
            ``transform``.

    """

    features: Tensor
    digests: Tensor


def encode_dataset(
    dataset: Any,
    encoder: Encoder,
    *,
    on_mismatch: str = "error",
    transform: Transform = None,
    num_workers: int | None = None,
    progress: bool = True,
    expected: Sequence[Any] | None = None,
    save_every: float = 60,
) -> tuple[Encoded, list[Any] | None]:
    """Encode all items of a dataset, or take what is left of an earlier run in the encoder's file.

    Args:
        dataset: n items ``(image, label, ...)`` or images, or texts in their place; or mappings,
            with the encoder's ``column``.
        encoder: what makes features of them. With its ``cache``, they are kept in that file, which
            ``CGScoredDataset(features=FILE)`` takes.
        on_mismatch: with a file of another encoder or other images, ``"error"`` or ``"recompute"``.
        transform: from an image to what is encoded, as of ``CGScoredDataset``; before the
            encoder's own.
        num_workers: worker processes that read items; None reads in this one.
        progress: show a progress bar in items.
        expected: n labels that the items should carry; compared with the first items read.
        save_every: seconds of encoding that an interruption may cost.

    Returns:
        All n features and digests, and the labels of the items read: none of them where a file
        spares some, or where items carry none.

    Raises:
        CacheMismatchError: the file is of another encoder or of other images.
        UnstableDatasetError: items that change; what was kept of them in this run is removed.
        TypeError, ValueError: images that cannot be read, or an encoder's output that is no row of
            finite numbers per image, of one length, that depends on the image alone.

    Example:
        >>> images = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> encoder = Encoder(torch.nn.Flatten())
        >>> encoded, _ = encode_dataset(images, encoder, progress=False)
        >>> encoded.features.shape
        torch.Size([6, 16])

    """
    if encoder.column is not None:
        dataset = column_view(dataset, encoder.column, None)
    keeper = _Keeper.of(encoder, save_every)
    done = None if keeper is None else keeper.load(dataset, transform, on_mismatch)
    n, at = len(dataset), 0 if done is None else len(done.digests)
    if done is not None and at == n:
        return done, None
    features, digests = _begun(done, n)
    labels: list[Any] = []
    reading = read_images(
        dataset,
        first=at,
        batch_size=encoder.batch_size,
        expected=expected,
        transform=transform,
        prepare=encoder.transform,
        num_workers=num_workers,
        progress=progress,
    )
    with encoder.running() as encode, _forgotten_if_unstable(keeper):
        for images, batch_digests, batch_labels in reading:
            rows = encode(images)
            if not labels:
                check_consistent(encode, images, rows)
            if features is None:
                features = rows.new_empty(n, rows.shape[1])
            check_length(rows, features)
            features[at : at + len(rows)] = rows
            digests[at : at + len(rows)] = batch_digests
            at += len(rows)
            labels.extend(batch_labels)
            if keeper:
                keeper.save(Encoded(features[:at], digests[:at]), last=at == n)
    assert features is not None  # noqa: S101
    return Encoded(features, digests), known_labels(labels) if done is None else None


def _begun(done: Encoded | None, n: int) -> tuple[Tensor | None, Tensor]:
    """Return room for n rows and n digests, with those that are done; no rows without any."""
    digests = torch.zeros(n, dtype=torch.int64, device="cpu")
    if done is None:
        return None, digests
    m, d = done.features.shape
    features = done.features.new_empty(n, d)
    features[:m], digests[:m] = done
    return features, digests


class _Keeper:
    """The file of an encoder's features.

    Args:
        path: of the file.
        identity: of the encoder.
        every: seconds between two writes.

    """

    def __init__(self, path: str | os.PathLike[str], identity: str, every: float) -> None:
        self.path, self.identity, self.every = os.fspath(path), identity, every
        self.saved, self.has_saved = time.monotonic(), False

    @classmethod
    def of(cls, encoder: Encoder, every: float) -> _Keeper | None:
        """Return what keeps an encoder's features; None where it has no file, or is not known."""
        if encoder.cache is None:
            return None
        identity = encoder.identity
        if identity is None:
            _log.warning(
                "Features are not kept in %r: nothing tells the encoder from another, as %s.",
                os.fspath(encoder.cache),
                encoder.unknown,
            )
            return None
        return cls(encoder.cache, identity, every)

    def load(self, dataset: Any, transform: Transform, on_mismatch: str) -> Encoded | None:
        """Return what the file holds of these images; None where there is none to take."""
        try:
            return _load(self.path, self.identity, dataset, transform)
        except CacheMismatchError as mismatch:
            if on_mismatch == "error":
                raise
            _log.warning("%s Encoding anew.", mismatch)
        return None

    def save(self, encoded: Encoded, *, last: bool) -> None:
        """Write what there is, if it is all or the time has come."""
        if last or time.monotonic() - self.saved > self.every:
            content = {"format": FORMAT, "encoder": self.identity}
            write_safetensors(self.path, encoded._asdict(), content)
            self.saved, self.has_saved = time.monotonic(), True


@contextlib.contextmanager
def _forgotten_if_unstable(keeper: _Keeper | None) -> Iterator[None]:
    """Remove what was kept of a dataset that turns out to be read wrongly."""
    try:
        yield
    except UnstableDatasetError:
        if keeper is not None and keeper.has_saved:
            Path(keeper.path).unlink(missing_ok=True)
        raise


def _load(path: str, identity: str, dataset: Any, transform: Transform) -> Encoded | None:
    """Return what a file holds of this encoder's features of these images; None without a file."""
    if not Path(path).is_file():
        check_writable(path)
        return None
    tensors, metadata = read_safetensors(path)
    if metadata.get("format") != FORMAT or metadata.get("encoder") != identity:
        raise CacheMismatchError(
            "The feature file %r is of another encoder: other weights, 'transform', 'resize', "
            "'normalize' or 'autocast'.",
            os.fspath(path),
            cure=RECOMPUTE,
        )
    encoded, where = Encoded(**tensors), os.fspath(path)
    check_number(len(encoded.digests), len(dataset), where, at_most=True)
    compared = sample(len(encoded.digests))
    digests, _ = read_digests(dataset, compared, transform)
    check_digests(encoded.digests, compared, digests, where)
    _log.info("%d of %d images are encoded in %s", len(encoded.digests), len(dataset), where)
    return encoded
