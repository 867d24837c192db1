"""Features of a stream: a file for each part of it, as of shards."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from torch_cgprune.encoders import Encoder, encode_dataset
from torch_cgprune.inputs.tables import names_in
from torch_cgprune.streams.features import ENDING, ShardFeatures, is_made
from torch_cgprune.utils.arrays import plain
from torch_cgprune.utils.checks import check_integer


class _Column(Dataset[Any]):
    """What a column of samples holds."""

    def __init__(self, samples: Sequence[Mapping[str, Any]], name: str) -> None:
        self._samples, self._name = samples, name

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Any:
        return self._samples[index][self._name]


def encode_stream(
    stream: Iterable[Mapping[str, Any]],
    encoder: Encoder,
    folder: str | os.PathLike[str],
    *,
    image: str,
    label: str | None,
    key: str | None,
    part_size: int = 2000,
    name: str = "stream",
    num_workers: int | None = None,
    progress: bool = True,
) -> int:
    """Encode a stream of samples, as one of ``datasets``, part by part, in one pass.

    Every part is a file in the folder, whole or not there: called again after an interruption, this
    goes on at the next part, past samples that are encoded. ``torch-cgprune score FOLDER`` and
    ``FeatureFolder`` take the folder.

    Args:
        stream: of mappings, in the same order whenever it is iterated.
        encoder: what makes features of them, without a ``cache`` of its own.
        folder: where the files go; it is made.
        image: the field of the images, or texts.
        label: of the labels; classes that ``datasets`` numbers get their names. None without.
        key: of what tells samples; None for their numbers in the stream, from 0.
        part_size: samples of a part, which are in memory together.
        name: of the stream, which the parts are called after.
        num_workers: as for ``encode_dataset``.
        progress: show progress bars, in samples.

    Returns:
        How many samples were encoded.

    Raises:
        CacheMismatchError: the folder has parts of another encoder or size.
        TypeError, ValueError: as ``encode_dataset``, a bad ``part_size``, a sample without a label.

    """
    check_integer("part_size", "encode_stream", part_size, minimum=1)
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    made = {"encoder": str(encoder.identity), "options": repr((image, label, key, part_size))}
    files = (out / f"{name}-{number:06d}{ENDING}" for number in itertools.count())
    there = sum(1 for _ in itertools.takewhile(lambda file: is_made(file, made), files))
    encoded = 0
    names = _class_names(stream, label)
    for number, samples in enumerate(_parts(stream, there * part_size, part_size), there):
        rows, _ = encode_dataset(
            _Column(samples, image), encoder, num_workers=num_workers, progress=progress
        )
        keys = _keys(samples, key, number * part_size)
        labels = None
        if label is not None:
            given = zip(samples, keys, strict=True)
            labels = [_text(plain(sample[label]), names, own) for sample, own in given]
        part = f"{name}-{number:06d}"
        found = ShardFeatures(part, rows.features, keys, labels, range(len(keys)), len(keys))
        found.write(out / f"{part}{ENDING}", made)
        encoded += len(keys)
    return encoded


def _parts(stream: Any, skipped: int, size: int) -> Iterator[list[Mapping[str, Any]]]:
    """Yield what follows the first samples of a stream, so many at a time."""
    left = iter(
        stream.skip(skipped) if hasattr(stream, "skip") else itertools.islice(stream, skipped, None)
    )
    while samples := [*itertools.islice(left, size)]:
        yield samples


def _keys(samples: Sequence[Mapping[str, Any]], key: str | None, first: int) -> list[str]:
    if key is None:
        return [*map(str, range(first, first + len(samples)))]
    return [str(plain(sample[key])) for sample in samples]


def _class_names(stream: Any, label: str | None) -> list[str] | None:
    """Return what ``datasets`` calls the classes that a column numbers; None of all others."""
    kinds = getattr(stream, "features", None)
    return None if label is None or not isinstance(kinds, Mapping) else names_in(kinds.get(label))


def _text(label: Any, names: list[str] | None, key: str) -> str:
    """Return a label as a text: the name of its class, where there are names.

    Raises:
        ValueError: there is none.

    """
    if label is None or (names is not None and label == -1):
        raise ValueError(
            f"The sample {key!r} has no label. Label it, or leave such samples out: "
            "stream.filter(lambda sample: ...)."
        )
    return str(label if names is None else names[label])
