"""Tar shards as webdataset has them: which members make up an example, and where they are."""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# What webdataset takes for no part of an example, and how it parts a name into key and ending.
_META = re.compile(r"__[^/]*__($|/)")
_NAME = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")
_RECORD = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class Member:
    """A file in a tar: its header starts at ``offset``, its content at ``data``."""

    name: str
    offset: int
    data: int
    size: int

    @property
    def end(self) -> int:
        """Where the next header starts: contents are filled up to whole records."""
        return self.data + -(-self.size // _RECORD) * _RECORD


@dataclass(frozen=True)
class Example:
    """An example of a shard: the members of one key, by their endings in small letters."""

    key: str
    members: dict[str, Member] = field(default_factory=dict)


def read_examples(path: str | os.PathLike[str]) -> list[Example]:
    """Return the examples of a shard in their order, as webdataset groups its members.

    Only headers are read.

    Raises:
        FileNotFoundError: no such file.
        ValueError: truncated, packed, or no tar file; an example that is there twice.

    """
    where = os.fspath(path)
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no shard {where!r}.")
    found: list[Example] = []
    keys: dict[str, int] = {}
    for member in _members(where):
        parts = _NAME.match(member.name)
        if parts is None or _META.match(member.name):
            continue
        key, ending = parts.group(1), parts.group(2).lower()
        if not found or found[-1].key != key:
            if key in keys:
                raise ValueError(
                    f"The shard {where!r} has the key {key!r} twice, in places {keys[key]} and "
                    f"{len(found)}, with others between. Write the files of an example one after "
                    "the other, and each example once."
                )
            keys[key] = len(found)
            found.append(Example(key))
        if ending in found[-1].members:
            raise ValueError(f"The shard {where!r} has the file {member.name!r} twice.")
        found[-1].members[ending] = member
    return found


def read_member(path: str | os.PathLike[str], member: Member) -> bytes:
    """Return the content of a member."""
    with open(path, "rb") as file:  # noqa: PTH123 (many small reads)
        file.seek(member.data)
        return file.read(member.size)


def _members(path: str) -> Iterator[Member]:
    end, size = 0, Path(path).stat().st_size
    try:
        with tarfile.open(path, "r:") as tar:
            while (info := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]
                member = Member(info.name, info.offset, info.offset_data, info.size)
                end = member.end if info.isreg() else info.offset_data
                if end > size:
                    break
                if info.isreg():
                    yield member
    except tarfile.ReadError as error:
        raise ValueError(
            f"The shard {path!r} is truncated or no plain .tar file ({error}). Get it anew; one "
            "that is packed (.tar.gz) must be unpacked before."
        ) from error
    if size < end + _RECORD:  # the last record of a whole tar file is empty
        raise ValueError(
            f"The shard {path!r} is truncated: it has {size} bytes, and the end of what it holds "
            f"should be at {end + _RECORD} or later. Get it anew."
        )
