"""What ``datasets`` of Hugging Face has saved, as ``hf:NAME_OR_FOLDER``."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch_cgprune.cli.arrow_tables import ArrowTable, open_parquet
from torch_cgprune.inputs.tables import names_in
from torch_cgprune.utils.extras import needed

PREFIX = "hf:"
# What is said where datasets is not installed.
_WHAT, _EXTRA = f"Sources that begin with {PREFIX}", "hf"


def open_saved(name: str, *, download: bool) -> ArrowTable:
    """Open a folder that ``save_to_disk`` has written, parquet files, or a dataset by its name.

    Args:
        name: a folder or a parquet file; else the name of a dataset in the local cache. Of several
            splits it is ``train``.
        download: fetch a dataset that is not in the cache.

    Raises:
        FileNotFoundError: no such folder, and no such dataset in the cache.
        ValueError: a folder of something else, or of several splits without ``train``.
        ImportError: datasets or pyarrow is not installed.

    """
    found = _found(name)
    if found is None:
        return _as_table(_by_name(name, download=download), name)
    if isinstance(found, Path):
        return _as_table(_datasets().load_from_disk(str(found)), str(found))
    return open_parquet(found, name)


def open_stream(name: str, *, download: bool) -> Any:
    """Open the same to be iterated, sample by sample: what is on disk stays there.

    Args:
        name: as of :func:`open_saved`; raises what it does.
        download: read a dataset by its name from where it is published, and keep no copy.

    Returns:
        An iterable of mappings with ``features`` and ``skip``, as ``datasets`` has them.

    """
    found = _found(name)
    if found is None:
        return _by_name(name, download=download, streaming=download)
    datasets = _datasets()
    if isinstance(found, Path):
        return datasets.load_from_disk(str(found))
    files = [*map(str, found)]
    with _offline(datasets):  # else it counts, over the network, who reads parquet files
        return datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)


def _found(name: str) -> Path | list[Path] | None:
    """Return the folder that ``save_to_disk`` has written, or parquet files; None without any."""
    path = Path(name)
    if path.is_file():
        return [path]
    if not path.is_dir():
        return None
    if (path / "dataset_dict.json").is_file():
        path = path / _training([p.name for p in path.iterdir() if p.is_dir()], name)
    if (path / "state.json").is_file():
        return path
    files = sorted(path.rglob("*.parquet"))
    if not files:
        raise ValueError(
            f"The folder {name!r} must be one that save_to_disk has written, or hold .parquet "
            "files. It holds neither."
        )
    splits = {file: _split_of(file.relative_to(path)) for file in files}
    named = sorted({split for split in splits.values() if split is not None})
    taken = _training(named, name) if named else None
    return [file for file in files if splits[file] == taken]


def _split_of(file: Path) -> str | None:
    """Return the split that a parquet file is of, by its name or its folder's; None if unsaid."""
    found = re.match(r"(train|test|validation|valid|val|dev)\b", file.name.replace("_", "-"))
    if found is None and len(file.parts) > 1:
        found = re.fullmatch(r"(train|test|validation|valid|val|dev)", file.parts[-2])
    return found and found[1]


def _training(splits: list[str], name: str) -> str:
    """Return which split is read."""
    if "train" in splits:
        return "train"
    if len(splits) == 1:
        return splits[0]
    example = f"{PREFIX}{name}/{min(splits, default='SPLIT')}"
    raise ValueError(
        f"The dataset {name!r} has the splits {', '.join(sorted(splits)) or 'none'}, and no train. "
        f"Name one of them, as {example}."
    )


def _datasets() -> Any:
    return needed("datasets", _WHAT, _EXTRA)


def _as_table(dataset: Any, name: str) -> ArrowTable:
    classes = {column: names_in(feature) for column, feature in dataset.features.items()}
    known = {column: names for column, names in classes.items() if names is not None}
    return ArrowTable(name, Path(name), dataset.with_format("arrow")[:], known)


def _by_name(name: str, *, download: bool, streaming: bool = False) -> Any:
    datasets = _datasets()
    how = {"streaming": True} if streaming else {}
    with contextlib.nullcontext() if download else _offline(datasets):
        try:
            found = datasets.load_dataset(name, **how)
        except Exception as error:  # datasets raises anything, by where it looks
            if download:
                raise
            raise FileNotFoundError(
                f"There is no folder {name!r}, and no dataset of this name in the local cache. "
                "Name a folder that save_to_disk has written or one of .parquet files, or pass "
                "--download."
            ) from error
    return found[_training([*found], name)]


@contextlib.contextmanager
def _offline(datasets: Any) -> Iterator[None]:
    """Keep ``datasets`` from the network, where it looks for newer versions of what it has."""
    settings = (datasets.config, needed("huggingface_hub", _WHAT, _EXTRA).constants)
    before = [setting.HF_HUB_OFFLINE for setting in settings]
    for setting in settings:
        setting.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setting.HF_HUB_OFFLINE = value
