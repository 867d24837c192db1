"""The features an encoder makes of a dataset, computed once and kept in a file."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torch_cgprune.encoders.encoder import Encoder
from torch_cgprune.errors import CacheMismatchError
from torch_cgprune.inputs.fingerprints import (
    RECOMPUTE,
    check_digests,
    check_number,
    row_digests,
    sample,
)
from torch_cgprune.inputs.reading import Transform, read_images, read_rows
from torch_cgprune.utils.files import check_writable, read_safetensors, write_safetensors

FORMAT = "torch-cgprune features 1"

_log = logging.getLogger(__name__)


class Encoded(NamedTuple):
    """What an encoder makes of the first m of n images.

    Attributes:
        features: (m, d) float32.
        digests: (m,) int64 content hash of every image as it was read.

    """

    features: Tensor
    digests: Tensor


def encode_dataset(
    dataset: Any,
    encoder: Encoder,
    *,
    on_mismatch: str = "error",
    transform: Transform = None,
    save_every: float = 60,
    **reading: Any,
) -> tuple[Encoded, list[Any] | None]:
    """Encode all images of a dataset, or take what is left of an earlier run in the encoder's file.

    Args:
        dataset: n items ``(image, label, ...)`` or images.
        encoder: what makes features of them.
        on_mismatch: with a file of another encoder or other images, ``"error"`` or ``"recompute"``.
        transform: from an image to what is encoded; see
            :func:`~torch_cgprune.inputs.reading.read_dataset`, as for the rest.
        save_every: seconds of encoding that an interruption may cost.
        reading: ``expected``, ``num_workers``, ``progress``.

    Returns:
        All n features and digests, and the labels of the items read: none of them where a file
        spares some, or where items carry none.

    Raises:
        CacheMismatchError: the file is of another encoder or of other images.
        TypeError, ValueError: images that cannot be read, or an encoder's output that is no row of
            finite numbers per image, of one length.

    """
    done, identity = None, encoder.identity if encoder.cache else ""
    if encoder.cache:
        try:
            done = _load(encoder.cache, identity, dataset, transform)
        except CacheMismatchError as mismatch:
            if on_mismatch == "error":
                raise
            _log.warning("%s Encoding anew.", mismatch)
    n, at, saved = len(dataset), 0 if done is None else len(done.digests), time.monotonic()
    if done is not None and at == n:
        return done, None
    features, digests = _begun(done, n)
    labels: list[Any] = []
    reading |= {"transform": transform, "batch_size": encoder.batch_size}
    with encoder.running() as encode:
        for images, batch_labels in read_images(dataset, first=at, **reading):
            rows = encode(images)
            if features is None:
                features = rows.new_empty(n, rows.shape[1])
            _check_length(rows, features)
            features[at : at + len(rows)] = rows
            digests[at : at + len(rows)] = row_digests(images.flatten(1))
            at += len(rows)
            labels.extend(batch_labels)
            if encoder.cache and (at == n or time.monotonic() - saved > save_every):
                _save(encoder.cache, identity, Encoded(features[:at], digests[:at]))
                saved = time.monotonic()
    assert features is not None  # noqa: S101
    known = done is None and labels[0] is not None
    return Encoded(features, digests), labels if known else None


def _begun(done: Encoded | None, n: int) -> tuple[Tensor | None, Tensor]:
    """Return room for n rows and n digests, with those that are done; no rows without any."""
    digests = torch.zeros(n, dtype=torch.int64)
    if done is None:
        return None, digests
    m, d = done.features.shape
    features = done.features.new_empty(n, d)
    features[:m], digests[:m] = done
    return features, digests


def _check_length(rows: Tensor, features: Tensor) -> None:
    if rows.shape[1] != features.shape[1]:
        raise ValueError(
            f"The encoder must return rows of one length. Got {features.shape[1]} and "
            f"{rows.shape[1]}; pass 'resize', or a 'transform' that makes images equal."
        )


def _save(path: str | os.PathLike[str], identity: str, encoded: Encoded) -> None:
    write_safetensors(path, encoded._asdict(), {"format": FORMAT, "encoder": identity})


def _load(
    path: str | os.PathLike[str], identity: str, dataset: Any, transform: Transform
) -> Encoded | None:
    """Return what a file holds of this encoder's features of these images; None without a file."""
    if not Path(path).is_file():
        check_writable(path)
        return None
    tensors, metadata = read_safetensors(path)
    if metadata.get("format") != FORMAT or metadata.get("encoder") != identity:
        raise CacheMismatchError(
            "The feature file %r is of another encoder: other weights, 'resize', 'normalize' or "
            "'autocast'.",
            os.fspath(path),
            cure=RECOMPUTE,
        )
    encoded, where = Encoded(**tensors), os.fspath(path)
    check_number(len(encoded.digests), len(dataset), where, at_most=True)
    compared = sample(len(encoded.digests))
    images, _ = read_rows(dataset, compared, transform, images=True)
    check_digests(encoded.digests, compared, row_digests(images), where)
    _log.info("%d of %d images are encoded in %s", len(encoded.digests), len(dataset), where)
    return encoded
