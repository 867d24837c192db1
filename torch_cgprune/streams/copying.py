"""Shards that have nothing but what a list keeps: dealt, written in parallel, taken up again."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from torch_cgprune.utils.files import replacing
from torch_cgprune.utils.progress import progress_bar

MANIFEST = "manifest.json"
_FORMAT = "torch-cgprune shards 1"
_READ = 2**20

_Kept = TypeVar("_Kept")


@dataclass(frozen=True)
class Form:
    """How shards of a kind are written.

    Attributes:
        contents: from what a shard is to hold to its bytes.
        beside: files of JSON that go with all shards, by their names: from what the manifest says
            of these to what such a file holds.
        threads: that write shards side by side; None for as many as there are cores.

    """

    contents: Callable[[Sequence[Any]], Iterable[bytes]]
    beside: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], Any]] = field(default_factory=dict)
    threads: int | None = None


def even_shards(
    kept: Sequence[_Kept], names: Sequence[str], examples: int
) -> dict[str, list[_Kept]]:
    """Deal what is kept to new shards, in order, of as many examples each, up to one.

    They hold about as many as those of the source, and are called as its first one, numbered anew.

    Args:
        kept: m of them, at least one.
        names: of the source's shards.
        examples: that these have together.

    Example:
        >>> made = even_shards([*range(5)], ["a-07.tar"], 3)
        >>> {name: len(part) for name, part in made.items()}
        {'a-00.tar': 3, 'a-01.tar': 2}

    """
    count = min(len(kept), max(1, round(len(kept) * len(names) / examples)))
    head, ending = names[0].rpartition(".")[::2]
    number = re.search(r"\d+$", head)
    width = 6 if number is None else len(number.group())
    head = f"{head}-" if number is None else head[: number.start()]
    each, more = divmod(len(kept), count)
    found, at = {}, 0
    for i in range(count):
        upto = at + each + (i < more)
        found[f"{head}{i:0{width}d}.{ending}"] = [*kept[at:upto]]
        at = upto
    return found


def write_shards(
    shards: Mapping[str, Sequence[Any]],
    folder: Path,
    note: Mapping[str, Any],
    form: Form,
    *,
    progress: bool = False,
) -> int:
    """Write shards that are not there yet, and a manifest of all of them.

    Args:
        shards: what each is to hold, by its name: values whose ``repr`` tells them from others.
        folder: where they go; it may hold some of them, written by a run that was interrupted.
        note: more to be said in the manifest, as JSON values.
        form: how they are written.
        progress: show a progress bar in shards.

    Returns:
        How many were there before.

    Raises:
        ValueError: the folder holds shards of another list or source.
        OSError: they cannot be written, or read.

    """
    folder.mkdir(parents=True, exist_ok=True)
    plan = _fingerprint(shards)
    _check_folder(folder, {MANIFEST, *shards, *form.beside}, plan)
    head = {"format": _FORMAT, "plan": plan, **note}
    _write_json(folder / MANIFEST, {**head, "complete": False})
    there = {name for name in shards if (folder / name).is_file()}
    bar = progress_bar("Writing shards", len(shards), "shard", show=progress)
    with bar, ThreadPoolExecutor(form.threads or os.cpu_count()) as pool:

        def made(name: str) -> dict[str, Any]:
            path = folder / name
            found = _told(path) if name in there else _write(path, form.contents(shards[name]))
            bar.update(1)
            return {"name": name, "examples": len(shards[name]), **found}

        told = [*pool.map(made, shards)]
    for name, content in form.beside.items():
        _write_json(folder / name, content(told))
    _write_json(folder / MANIFEST, {**head, "complete": True, "shards": told})
    return len(there)


def _check_folder(folder: Path, mine: set[str], plan: str) -> None:
    """Raise ValueError where a folder holds other files, or those of another plan."""
    manifest = folder / MANIFEST
    noted = json.loads(manifest.read_bytes()) if manifest.is_file() else {}
    found = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    if found - mine or (found and noted.get("plan") != plan):
        raise ValueError(
            f"The folder {str(folder)!r} holds something else, or shards of another list: first "
            f"{min(found)!r}. Name a new folder with -o."
        )


def _fingerprint(shards: Mapping[str, Sequence[Any]]) -> str:
    """Return what tells this writing from another, as hexadecimal digits."""
    found = hashlib.blake2b(digest_size=16)
    for name, kept in shards.items():
        for one in kept:
            found.update(repr((name, one)).encode())
    return found.hexdigest()


def _write(path: Path, contents: Iterable[bytes]) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with replacing(path) as temporary, temporary.open("wb") as file:
        for content in contents:
            file.write(content)
            digest.update(content)
            size += len(content)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _told(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while part := file.read(_READ):
            digest.update(part)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1))
