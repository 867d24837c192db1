"""Tar shards that have nothing but what a list keeps: members are copied byte by byte."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch_cgprune.inputs.tars import Example, Member
from torch_cgprune.streams.members import shard_name
from torch_cgprune.utils.files import replacing
from torch_cgprune.utils.progress import progress_bar

MANIFEST = "manifest.json"
_FORMAT = "torch-cgprune shards 1"
# What tarfile ends a file with: two empty blocks, filled up to a record.
_END, _RECORD = 2 * tarfile.BLOCKSIZE, tarfile.RECORDSIZE
_READ = 2**20


@dataclass(frozen=True)
class Kept:
    """An example that is kept: where it is, and the new content of members that are replaced."""

    path: str
    example: Example
    replaced: Mapping[str, bytes]


def even_shards(kept: Sequence[Kept], names: Sequence[str], examples: int) -> dict[str, list[Kept]]:
    """Deal what is kept to new shards, in order, of as many examples each, up to one.

    They hold about as many as those of the source, and are called as its first one, numbered anew.

    Args:
        kept: m of them, at least one.
        names: of the source's shards.
        examples: that these have together.

    Example:
        >>> made = even_shards([Kept("", Example(str(i)), {}) for i in range(5)], ["a-07.tar"], 3)
        >>> {name: len(part) for name, part in made.items()}
        {'a-00.tar': 3, 'a-01.tar': 2}

    """
    count = min(len(kept), max(1, round(len(kept) * len(names) / examples)))
    number = re.search(r"(\d+)(?=\.tar$)", names[0])
    width = 6 if number is None else len(number.group())
    head = names[0].removesuffix(".tar") + "-" if number is None else names[0][: number.start()]
    each, more = divmod(len(kept), count)
    found, at = {}, 0
    for i in range(count):
        upto = at + each + (i < more)
        found[f"{head}{i:0{width}d}.tar"] = [*kept[at:upto]]
        at = upto
    return found


def write_shards(
    shards: Mapping[str, Sequence[Kept]],
    folder: Path,
    note: Mapping[str, Any],
    *,
    progress: bool = False,
) -> int:
    """Write shards that are not there yet, and a manifest of all of them.

    Args:
        shards: what each is to hold, by its name.
        folder: where they go; it may hold some of them, written by a run that was interrupted.
        note: more to be said in the manifest, as JSON values.
        progress: show a progress bar in shards.

    Returns:
        How many were there before.

    Raises:
        ValueError: the folder holds shards of another list or source.
        OSError: they cannot be written, or read.

    """
    folder.mkdir(parents=True, exist_ok=True)
    plan = _fingerprint(shards)
    _check_folder(folder, shards, plan)
    head = {"format": _FORMAT, "plan": plan, **note}
    _write_json(folder / MANIFEST, {**head, "complete": False})
    there = {name for name in shards if (folder / name).is_file()}
    bar = progress_bar("Writing shards", len(shards), "shard", show=progress)
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:

        def made(name: str) -> dict[str, Any]:
            found = _told(folder / name) if name in there else _write(folder / name, shards[name])
            bar.update(1)
            return {"name": name, "examples": len(shards[name]), **found}

        told = [*pool.map(made, shards)]
    _write_json(folder / MANIFEST, {**head, "complete": True, "shards": told})
    return len(there)


def _check_folder(folder: Path, shards: Mapping[str, Any], plan: str) -> None:
    """Raise ValueError where a folder holds what is none of these shards."""
    manifest = folder / MANIFEST
    noted = json.loads(manifest.read_bytes()) if manifest.is_file() else {}
    others = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    mine = noted.get("plan") == plan
    if (others - {MANIFEST} - {*shards}) or (others and not mine):
        raise ValueError(
            f"The folder {str(folder)!r} holds something else, or shards of another list: first "
            f"{min(others)!r}. Name a new folder with -o."
        )


def _fingerprint(shards: Mapping[str, Sequence[Kept]]) -> str:
    """Return what tells this writing from another, as hexadecimal digits."""
    found = hashlib.blake2b(digest_size=16)
    for name, kept in shards.items():
        for one in kept:
            places = [(m.offset, m.end) for m in one.example.members.values()]
            changes = sorted(one.replaced.items())
            found.update(repr((name, one.path, one.example.key, places, changes)).encode())
    return found.hexdigest()


def _write(path: Path, kept: Sequence[Kept]) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with replacing(path) as temporary, temporary.open("wb") as file:
        for content in _contents(kept):
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


def _contents(kept: Sequence[Kept]) -> Iterator[bytes]:
    """Yield the bytes of a shard: its examples one behind the other, and its end."""
    size = 0
    for path, some in _by_file(kept):
        with open(path, "rb") as file:  # noqa: PTH123 (paths as they were given)
            for one in some:
                for ending, member in one.example.members.items():
                    content = _member(file, member, one.replaced.get(ending))
                    size += len(content)
                    yield content
    yield bytes(-(-(size + _END) // _RECORD) * _RECORD - size)


def _by_file(kept: Sequence[Kept]) -> Iterator[tuple[str, list[Kept]]]:
    some: list[Kept] = []
    for one in kept:
        if some and some[-1].path != one.path:
            yield some[-1].path, some
            some = []
        some.append(one)
    yield some[-1].path, some


def _member(file: Any, member: Member, new: bytes | None) -> bytes:
    """Return a member with all its headers; where it is replaced, with the new size in the last."""
    file.seek(member.offset)
    content: bytes = file.read(member.end - member.offset)
    if len(content) < member.end - member.offset:
        raise OSError(f"The shard {shard_name(file.name)!r} has become shorter: {member.name!r}.")
    if new is None:
        return content
    before = member.data - member.offset - tarfile.BLOCKSIZE
    header = content[before : before + tarfile.BLOCKSIZE]
    info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    info.size = len(new)
    made = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return content[:before] + made + new + bytes(-len(new) % tarfile.BLOCKSIZE)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1))
