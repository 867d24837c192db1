"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from torch_cgprune.errors import CacheError

# The cure where a file is no file of scores: it may be anything.
DELETE = "Name another file. Delete it only if it held scores: they are then computed again."

# Strings made bytes at a time.
_STRINGS = 2**16

# The end of what is said of an array that would run code where it is read.
OBJECTS = (
    "holds Python objects, which are not read: make it an array of numbers or texts, as by "
    "np.stack(rows) or np.array(labels, dtype=str), and save it again."
)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Fail now, not after minutes of scoring, if ``path`` could not be written.

    Raises:
        FileNotFoundError: its folder does not exist.
        IsADirectoryError: it is a folder itself.
        PermissionError: its folder takes no new file, or it is a device.

    """
    path = Path(path)
    try:
        _check_place(path)
        # Creating a file is the only test that holds for root, network mounts and read-only mounts.
        probe = _sibling(path)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        if error.errno is None:  # ours
            raise
        raise PermissionError(
            f"The folder of the file {str(path)!r} cannot be written ({error.strerror}). "
            "Name a file in another folder."
        ) from error


def _check_place(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder of the file {str(path)!r} does not exist. Create it first."
        )
    if path.is_dir():
        raise IsADirectoryError(
            f"The file {str(path)!r} is a folder. Name a file inside it instead."
        )
    if path.exists() and not path.is_file():  # which must not be replaced
        raise PermissionError(f"The file {str(path)!r} is no regular file. Name another one.")


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary sibling to write, and move it into place once that is done.

    A reader never sees half a file. Two processes that write one path at the same time each move a
    whole file: the later one stays.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: as :func:`check_writable`.
        OSError: the disk is full, say; what was there before is still there.

    """
    path = Path(path).resolve()  # a link stays one
    check_writable(path)
    temporary = _sibling(path)
    try:
        temporary.touch()
        mode = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        # What the user's umask says: safetensors may write for the owner only.
        temporary.chmod(mode)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"The file {str(path)!r} cannot be written: {error}. Free some space or name a file on "
            "another disk; what was there before is untouched."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # what has failed matters more
            temporary.unlink(missing_ok=True)


def write_safetensors(
    path: str | os.PathLike[str], tensors: dict[str, torch.Tensor], metadata: dict[str, str]
) -> None:
    """Write a safetensors file, whole or not at all; errors are those of :func:`replacing`."""
    with replacing(path) as temporary:
        save_file({name: t.contiguous() for name, t in tensors.items()}, temporary, metadata)


def read_safetensors(
    path: str | os.PathLike[str], *, kind: str = "score"
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return the tensors and the string metadata of a safetensors file.

    Args:
        path: of the file.
        kind: ``"score"`` for a file of ours, which can be made again; else what it holds.

    Raises:
        FileNotFoundError: there is no such file.
        CacheError: the file is truncated or of another format.

    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no {kind} file {str(path)!r}.")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise CacheError(
            f"The file {str(path)!r} is truncated or no safetensors file ({error}). "
            f"{DELETE if kind == 'score' else 'Name another file.'}"
        ) from error


def text_tensor(strings: Sequence[str]) -> torch.Tensor:
    """Return strings as bytes, each ended by a zero: a safetensors header is no place for many."""
    content, left = bytearray(), iter(strings)
    # Part by part, as one text of many millions would be there twice.
    while part := [*itertools.islice(left, _STRINGS)]:
        content += "".join(f"{string}\0" for string in part).encode("utf-8", "surrogateescape")
    return torch.from_numpy(np.frombuffer(content, dtype=np.uint8))


def tensor_text(content: torch.Tensor) -> tuple[str, ...]:
    """Return the strings that :func:`text_tensor` was given."""
    text = content.numpy().tobytes().decode("utf-8", "surrogateescape")
    return tuple(text.split("\0")[:-1])


def _sibling(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")


def open_matrix(path: str | os.PathLike[str]) -> Any:
    """Open the features in a ``.npy`` file, memory-mapped, or in a safetensors file.

    A safetensors file holds one tensor, or several of which one is called ``features``; an
    encoder's file, ``.features``, is one.

    Raises:
        FileNotFoundError: no such file.
        CacheError: truncated, or without such a tensor.
        ValueError: another kind of file.

    """
    path = Path(path)
    if path.suffix.lower() in (".safetensors", ".features"):
        tensors, _ = read_safetensors(path, kind="feature")
        if "features" not in tensors and len(tensors) != 1:
            raise CacheError(
                f"The file {str(path)!r} must hold one tensor, or one called 'features'. Got "
                f"{sorted(tensors)} instead."
            )
        return tensors.get("features", next(iter(tensors.values())))
    if path.suffix.lower() != ".npy":
        raise ValueError(
            f"The 'features' file must be .npy, .safetensors or .features. Got {str(path)!r} "
            "instead."
        )
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"There is no feature file {str(path)!r}.") from error
    except OSError:
        raise
    except Exception as error:  # numpy raises anything on a damaged header
        if "Python objects" in str(error):
            raise CacheError(f"The file {str(path)!r} {OBJECTS}") from error
        raise CacheError(
            f"The file {str(path)!r} is truncated or no .npy file ({error})."
        ) from error
