"""What a user names on the command line, as a dataset: a folder, a file, a torchvision dataset."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torchvision import datasets, transforms
from torchvision.datasets import VisionDataset

from torch_cgprune.cli.array_files import ARRAYS, load_labels, open_arrays
from torch_cgprune.cli.class_folders import open_folder
from torch_cgprune.cli.columns import Columns, Table, has_labels
from torch_cgprune.cli.image_files import in_three_channels
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.row_shards import are_row_shards, open_row_shards
from torch_cgprune.cli.saved_datasets import PREFIX, open_saved
from torch_cgprune.cli.shard_sources import SUFFIX, open_features, open_tars
from torch_cgprune.cli.skipping import without_bad
from torch_cgprune.cli.table_sources import TABLES, is_table, kind_of, open_rows, open_table
from torch_cgprune.streams.features import is_folder
from torch_cgprune.streams.shards import expanded
from torch_cgprune.utils.files import open_matrix

KNOWN = {
    "cifar10": datasets.CIFAR10,
    "cifar100": datasets.CIFAR100,
    "fashion-mnist": datasets.FashionMNIST,
    "mnist": datasets.MNIST,
}

# What an option is for; the others are for tables.
_KEYED = "an .npz or .safetensors file"
_FOR = {
    "keys": _KEYED,
    "features": "images or texts",
    "encoder": "images or texts",
    "resize": "images",
    "skip_unreadable": "files",
    "path_column": "tables and shards",
    "text_column": "tables and shards",
    "label_column": "tables and shards",
}
# What sources of each kind take.
_IMAGES = {"images", "images or texts"}
_TABLES = {"tables", "tables and shards"}
_TAKES = {
    "images": {"files", *_IMAGES},
    "texts": {"images or texts"},
    "features": {"files"},
}


def open_source(
    source: str,
    *,
    labels: str | None = None,
    keys: tuple[str, str] | None = None,
    features: str | None = None,
    encoder: str | None = None,
    resize: int | None = None,
    path_column: str | None = None,
    text_column: str | None = None,
    feature_columns: Sequence[str] | None = None,
    label_column: str | None = None,
    skip_unreadable: bool = False,
    download: bool = False,
    progress: bool = True,
    part: str = "train",
    labelled: bool = True,
) -> Opened:
    """Open a dataset by the name a user gives it.

    Args:
        source: one of these, told by its name:

            - ``NAME:ROOT``, a dataset of torchvision (``KNOWN``);
            - ``hf:NAME_OR_FOLDER``, what ``datasets`` has saved (``saved_datasets``);
            - a ``.csv``, ``.tsv``, ``.csv.gz``, ``.tsv.gz``, ``.parquet`` or ``.jsonl`` table of
              paths, texts or features (``table_sources``);
            - an ``.npz``, ``.npy`` or ``.safetensors`` file of features (``array_files``);
            - a ``.tar`` shard, or several by a pattern as ``train-{00..49}.tar`` (``tar_sources``);
            - a folder of MDS shards or chunks of litdata, or one of these (``row_shards``);
            - a folder of features of shards, as ``encode`` writes them;
            - a folder with one folder of images per class (``class_folders``).

        labels: a file of labels, ``.npy`` or one a line; an ``.npy`` file needs it.
        keys: what features and labels are called in an ``.npz`` or ``.safetensors`` file.
        features: a file of features to score instead of images or texts.
        encoder: the name of what makes features of the images or texts; it is not looked at.
        resize: the side to scale images to, in pixels.
        path_column: of a table, which has the images' paths (``path``), or the images.
        text_column: of a table, which has texts.
        feature_columns: of a table, which have numbers; None for all of them, where it has no
            images.
        label_column: of a table, which has the labels (``label``).
        skip_unreadable: leave out files that cannot be read, and images or rows that are all zeros
            or hold NaN.
        download: let torchvision or ``datasets`` fetch what is not there.
        progress: show progress bars.
        part: ``"train"`` or ``"test"``, of a dataset of torchvision.
        labelled: False if a table or an ``.npy`` file may go without labels.

    Raises:
        FileNotFoundError, ValueError: no such source, or an option that it does not take.

    """
    columns = Columns(path_column, text_column, feature_columns, label_column)
    skips = skip_unreadable or None
    options = {
        "keys": keys,
        "features": features,
        "encoder": encoder,
        "resize": resize,
        "skip_unreadable": skips,
        **columns.named,
    }
    name, colon, root = source.partition(":")
    is_known, path = bool(colon) and name in KNOWN, Path(source)
    wanted = labels is None
    table = None if is_known else _table(source, columns, download=download)
    if table is not None:
        kind = kind_of(table, columns)
        _check_options(source, options, {*_TABLES, *_TAKES[kind]})
        wanted = wanted and (labelled or has_labels(table, columns))
        opened = open_rows(table, columns, kind, labelled=wanted, lenient=skip_unreadable)
    elif is_known:
        _check_options(source, options, _IMAGES)
        opened = Opened(_torchvision(name, root, part, download=download))
    elif source.endswith(SUFFIX):
        _check_options(source, options, {"tables and shards", "files", *_IMAGES})
        paths = expanded(source)
        opened = open_tars(paths, columns, labelled=labelled, known=wanted)
    elif are_row_shards(source):
        _check_options(source, options, {*_TABLES, *_IMAGES})
        opened = open_row_shards(source, columns, labelled=labelled, known=wanted)
    elif is_folder(path):
        _check_options(source, options, _TAKES["features"])
        opened = open_features(path, labelled=wanted and labelled)
    elif path.suffix.lower() in ARRAYS and not path.is_dir():
        _check_options(source, options, _TAKES["features"] | _keys_of(path))
        wanted = wanted and (labelled or path.suffix.lower() != ".npy")
        matrix, own = open_arrays(path, keys or ("features", "labels"), labelled=wanted)
        opened = Opened(matrix, matrix, own)
    else:
        _check_options(source, options, _TAKES["images"])
        opened = Opened(_folder(path))
    opened = dataclasses.replace(
        opened,
        features=opened.features if features is None else open_matrix(features),
        labels=load_labels(labels) if labels else opened.labels,
        transform=_transform(opened.dataset, resize, files=not is_known),
    )
    if not skip_unreadable:
        return opened
    return without_bad(opened, encoded=encoder is not None, progress=progress)


def _table(source: str, columns: Columns, *, download: bool) -> Table | None:
    """Return the table that a source is; None where it is something else."""
    if source.startswith(PREFIX):
        return open_saved(source.removeprefix(PREFIX), download=download)
    path = Path(source)
    return open_table(path, columns) if is_table(path) and path.is_file() else None


def _transform(dataset: Any, resize: int | None, *, files: bool) -> Callable[[Any], Any] | None:
    """Return what images go through; None for what is no images."""
    if not isinstance(dataset, VisionDataset):
        return None
    steps: list[Callable[[Any], Any]] = [transforms.Resize((resize, resize))] if resize else []
    if files:
        steps.append(in_three_channels)
    return transforms.Compose(steps) if steps[1:] else next(iter(steps), None)


def _folder(path: Path) -> Any:
    """Open a folder of images."""
    if path.is_dir():
        return open_folder(path)
    raise FileNotFoundError(
        f"There is no source {str(path)!r}. Name a folder with one folder of images per class, a "
        f"table ({', '.join(TABLES)}), {SUFFIX} shards, an .npz, .npy or .safetensors file of "
        f"features, {PREFIX}FOLDER, or one of {', '.join(f'{known}:ROOT' for known in KNOWN)}."
    )


def _keys_of(path: Path) -> set[str]:
    return set() if path.suffix.lower() == ".npy" else {_KEYED}


def _check_options(source: str, options: dict[str, Any], taken: set[str]) -> None:
    """Raise ValueError for an option that is for nothing of what is ``taken``."""
    for option, value in options.items():
        kind = _FOR.get(option, "tables")
        if value is not None and kind not in taken:
            raise ValueError(
                f"The option --{option.replace('_', '-')} is for {kind}. Got it with {source!r}: "
                "leave it out."
            )


def _torchvision(name: str, root: str, part: str, *, download: bool) -> Any:
    try:
        return KNOWN[name](root, train=part == "train", download=download)
    except RuntimeError as error:
        if download:
            raise
        raise FileNotFoundError(
            f"There is no {KNOWN[name].__name__} below {root!r}, or it is damaged. Name the folder "
            "it was downloaded to before, or pass --download."
        ) from error
