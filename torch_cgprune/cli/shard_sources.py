"""Tar shards, and features of shards, as datasets to score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torchvision.datasets.folder import IMG_EXTENSIONS

from torch_cgprune.cli.columns import Columns
from torch_cgprune.cli.image_files import ListedImages
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.table_sources import Texts, coded, numbered
from torch_cgprune.inputs.image_loader import StoredImage
from torch_cgprune.inputs.tars import Example, read_examples, read_member
from torch_cgprune.lists.shards import Places
from torch_cgprune.streams.features import FeatureFolder
from torch_cgprune.streams.members import shard_name

SUFFIX = ".tar"
_IMAGES = (*(ending.removeprefix(".") for ending in IMG_EXTENSIONS), "gif")


class ShardImages(ListedImages):
    """The images of shards; ``example_names`` are the shard and the key of each."""

    def __init__(self, *args: Any, names: Sequence[str]) -> None:
        super().__init__(*args)
        self.example_names = [*names]


class ShardTexts(Texts):
    """The texts of shards; ``example_names`` are the shard and the key of each."""

    def __init__(self, *args: Any, names: Sequence[str]) -> None:
        super().__init__(*args)
        self.example_names = [*names]


def open_features(folder: Path, *, labelled: bool) -> Opened:
    """Return a folder of features of shards as a dataset to score; rows are read where needed.

    Raises:
        ValueError: labels are wanted, and shards have none; and as ``FeatureFolder``.

    """
    found = FeatureFolder(folder)
    if labelled and found.labels is None:
        raise ValueError(
            f"The features in {str(folder)!r} have no labels: the shards had none. Pass --labels."
        )
    labels = found.labels and numbered([*found.labels])
    return Opened(found.rows, found.rows, labels, places=found.places)


def open_tars(
    paths: Sequence[str], columns: Columns, *, labelled: bool, known: bool = True
) -> Opened:
    """Return the examples of tar shards as a dataset to score, in the order of the shards.

    Args:
        paths: of the shards.
        columns: endings of the members that hold the images, texts and labels, or the field of a
            ``.json`` member that has the label; those of None are found.
        labelled: whether there must be labels.
        known: whether labels are taken from the shards, where there are any.

    Raises:
        FileNotFoundError: a shard that is not there.
        ValueError: truncated, an example without what is wanted, nothing at all.

    """
    shards = [(path, read_examples(path)) for path in paths]
    sizes = {shard_name(path): len(examples) for path, examples in shards}
    if not sum(sizes.values()) or len(sizes) < len(paths):
        raise ValueError(
            f"The {len(paths)} shards must hold examples, and be called differently: they have "
            f"{sum(sizes.values())} examples, and {len(sizes)} names."
        )
    examples = [(path, example) for path, found in shards for example in found]
    names = [f"{shard_name(path)}/{example.key}" for path, example in examples]
    codes: list[int | None] = [None] * len(examples)
    classes: list[str] = []
    label = columns.label or "cls"
    has_labels = labelled or columns.label is not None or _has_label(*examples[0], label)
    if known and has_labels:
        codes, classes = coded([_label(path, example, label) for path, example in examples], None)
    if columns.text is not None:
        texts = [read_member(path, _member(path, e, [columns.text])) for path, e in examples]
        decoded = [text.decode("utf-8", "replace") for text in texts]
        dataset: Any = ShardTexts(decoded, codes, classes, names=names)
    else:
        wanted = _IMAGES if columns.path is None else [columns.path]
        images = [_image(path, example, wanted) for path, example in examples]
        dataset = ShardImages(Path(paths[0]).parent, images, codes, classes, names=names)
    numbers = np.repeat(np.arange(len(sizes)), [*sizes.values()])
    positions = np.concatenate([np.arange(size) for size in sizes.values()])
    return Opened(dataset, label_column=label, places=Places(sizes, numbers, positions))


def _member(path: str, example: Example, endings: Sequence[str]) -> Any:
    member = next((m for e in endings if (m := example.members.get(e.lower()))), None)
    if member is None:
        said = ", ".join(f".{ending}" for ending in endings)
        raise ValueError(
            f"The example {example.key!r} of the shard {path!r} has no {said}. It has "
            f"{sorted(example.members)}: name one, with --path-column, --text-column or "
            "--label-column."
        )
    return member


def _image(path: str, example: Example, endings: Sequence[str]) -> StoredImage:
    member = _member(path, example, endings)
    return StoredImage(path, member.data, member.size, f"{path}/{member.name}")


def _has_label(path: str, example: Example, name: str) -> bool:
    if name in example.members:
        return True
    return "json" in example.members and name in _fields(path, example)


def _fields(path: str, example: Example) -> dict[str, Any]:
    """Return what the ``.json`` member of an example holds."""
    try:
        found = json.loads(read_member(path, example.members["json"]))
    except ValueError as error:
        raise ValueError(
            f"The .json of the example {example.key!r} in the shard {path!r} is none ({error})."
        ) from error
    return found if isinstance(found, dict) else {}


def _label(path: str, example: Example, name: str) -> str:
    if name not in example.members and "json" in example.members:
        fields = _fields(path, example)
        if name in fields:
            return str(fields[name])
    content = read_member(path, _member(path, example, [name]))
    return content.decode("utf-8", "surrogateescape").strip()
