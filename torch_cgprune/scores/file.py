"""The file of scores: tensors, and metadata as JSON, in the safetensors format."""

from __future__ import annotations

import json
import os
from typing import Any

from torch_cgprune.errors import CacheError
from torch_cgprune.utils.files import (
    DELETE,
    read_safetensors,
    tensor_text,
    text_tensor,
    write_safetensors,
)

FORMAT = "torch-cgprune scores 1"
_TENSORS = (
    "values",
    "terms",
    "cg_prime",
    "labels",
    "complexity",
    "bound",
    "digests",
    "conflicts",
    "suspicion",
)
_OPTIONAL = ("own", "rival", "margin", "loo")


def write_scores(path: str | os.PathLike[str], fields: dict[str, Any]) -> None:
    """Write the fields of ``CGScores``, whole or not at all.

    Args:
        path: of the file.
        fields: by name.

    Raises:
        FileNotFoundError, PermissionError: the folder is missing or cannot be written.

    """
    tensors = {name: fields[name] for name in _TENSORS}
    tensors |= {name: fields[name] for name in _OPTIONAL if fields[name] is not None}
    if fields["names"] is not None:
        tensors["names"] = text_tensor(fields["names"])
    metadata = {"format": FORMAT, "classes": [*fields["classes"]], **fields["metadata"]}
    write_safetensors(path, tensors, {name: json.dumps(value) for name, value in metadata.items()})


def read_scores(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the fields that :func:`write_scores` was given.

    Raises:
        FileNotFoundError: no such file.
        CacheError: truncated, another format, or another version of it.

    """
    tensors, strings = read_safetensors(path)
    try:
        metadata = {name: json.loads(text) for name, text in strings.items()}
    except json.JSONDecodeError:
        metadata = {}
    if metadata.pop("format", None) != FORMAT or not {*_TENSORS} <= {*tensors}:
        raise CacheError(
            f"The file {os.fspath(path)!r} holds no scores of the format {FORMAT!r}. {DELETE}"
        )
    names = tensors.pop("names", None)
    return {
        **tensors,
        "classes": tuple(metadata.pop("classes")),
        "names": None if names is None else tensor_text(names),
        "metadata": metadata,
    }
