"""Files of features and labels, by the names a user gives them: .npz, .npy, .safetensors, text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from torch_cgprune.utils.arrays import is_whole_number
from torch_cgprune.utils.files import OBJECTS, open_matrix, read_safetensors

# Whole numbers of fewer digits have 64 bits at most.
_DIGITS = 19
ARRAYS = (".npz", ".npy", ".safetensors")


def open_arrays(path: Path, keys: tuple[str, str], *, labelled: bool) -> tuple[Any, Any]:
    """Return the features and the labels that a file holds.

    Args:
        path: of the file.
        keys: what they are called in it; upper and lower case are the same where they can be.
        labelled: whether labels are wanted.

    Returns:
        (n, ...) numbers, and n labels, None if they are not wanted.

    Raises:
        FileNotFoundError: no such file.
        CacheError, ValueError: truncated, of another format, of Python objects, or without these.

    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    suffix, labels = path.suffix.lower(), None
    if suffix == ".npy":
        features = open_matrix(path)
    else:
        read = _read_safetensors if suffix == ".safetensors" else _read_npz
        features, *rest = read(path, keys if labelled else keys[:1])
        labels = rest[0] if rest else None
    return features, _column(labels, path) if labelled else None


def _read_safetensors(path: Path, keys: Sequence[str]) -> list[Any]:
    arrays, _ = read_safetensors(path, kind="feature")
    return [arrays[name] for name in _found(path, [*arrays], keys)]


def _read_npz(path: Path, keys: Sequence[str]) -> list[Any]:
    with path.open("rb") as file:
        try:
            archive = np.load(file, allow_pickle=False)
            there = archive.files
        except Exception as error:  # numpy and zipfile raise anything on damaged files
            raise _unreadable_npz(path, error) from error
        names = _found(path, there, keys)
        try:
            arrays = [archive[name] for name in names]
        except Exception as error:
            raise _unreadable_npz(path, error) from error
    if not all(isinstance(array, np.ndarray) for array in arrays):  # files of another kind, zipped
        raise _unreadable_npz(path)
    return arrays


def _unreadable_npz(path: Path, error: Exception | None = None) -> ValueError:
    if "Object arrays" in str(error):
        return ValueError(f"The file {str(path)!r} {OBJECTS}")
    return ValueError(
        f"The file {str(path)!r} is truncated or no .npz file. Write it anew, as by numpy.savez."
    )


def _found(path: Path, there: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Return what the keys are called in a file: as they are, or else in another case."""
    alike = {key: [name for name in there if name.lower() == key.lower()] for key in keys}
    names = {key: [key] if key in there else alike[key] for key in keys}
    if missing := [key for key in keys if len(names[key]) != 1]:
        raise ValueError(
            f"The file {str(path)!r} has no {' and no '.join(map(repr, missing))}, but "
            f"{', '.join(map(repr, there)) or 'nothing'}. Say which of these are features and "
            "labels, as --keys FEATURES LABELS."
        )
    return [names[key][0] for key in keys]


def _column(labels: Any, path: Path) -> Any:
    """Return labels in one dimension; texts without the blanks around them."""
    if labels is None:
        raise ValueError(
            f"The file {str(path)!r} holds features alone. Name the file of their labels with "
            "--labels labels.npy, or put both into an .npz file as 'features' and 'labels'."
        )
    if isinstance(labels, np.ndarray) and labels.dtype.kind == "U":
        labels = np.char.strip(labels)
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def load_labels(file: str) -> Any:
    """Read labels from an ``.npy`` file, or one a line; whole numbers are read as such.

    Blanks around a label and blank lines at the end are none of it.

    Raises:
        FileNotFoundError: no such file.
        CacheError, ValueError: no array, no UTF-8 text, or a line without a label.

    """
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {file!r}.")
    if path.suffix.lower() == ".npy":
        return _column(np.asarray(open_matrix(path)), path)
    if path.suffix.lower() in ARRAYS:
        raise ValueError(
            f"A file of labels is .npy, or a text with one a line. Got {file!r} instead: save the "
            "labels in it as .npy."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"The file {file!r} is no UTF-8 text ({error}). Save it as such."
        ) from error
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if "" in lines:
        raise ValueError(f"The file {file!r} has no label in line {lines.index('') + 1}.")
    whole = all(is_whole_number(line) and len(line) < _DIGITS for line in lines)
    return [int(line) for line in lines] if whole else lines
