"""Copies of tar shards: members byte by byte, with all their headers."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch_cgprune.inputs.tars import Example, Member
from torch_cgprune.streams.copying import Form
from torch_cgprune.streams.members import shard_name

# What tarfile ends a file with: two empty blocks, filled up to a record.
_END, _RECORD = 2 * tarfile.BLOCKSIZE, tarfile.RECORDSIZE


@dataclass(frozen=True)
class Kept:
    """An example that is kept: where it is, and the new content of members that are replaced."""

    path: str
    example: Example
    replaced: Mapping[str, bytes]


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


# How shards of :class:`Kept` are written.
TAR = Form(_contents)
