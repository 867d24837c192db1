"""The file of scores: tensors, and metadata as JSON, in the safetensors format."""

from __future__ import annotations

import json
import os
from typing import Any

from torch import Tensor

from torch_cgprune.errors import CacheError
from torch_cgprune.scores.judging import Judgement
from torch_cgprune.scores.posterior import Posterior
from torch_cgprune.utils.files import (
    DELETE,
    read_safetensors,
    tensor_text,
    text_tensor,
    write_safetensors,
)

FORMAT = "torch-cgprune scores 2"
_FORMER = "torch-cgprune scores 1"
_TENSORS = (
    "values",
    "terms",
    "cg_prime",
    "labels",
    "complexity",
    "bound",
    "digests",
    "conflicts",
    "first_partial",
)
_OPTIONAL = ("own", "rival", "margin", "loo", "near_copies", "near_cosines", "position", "cleared")
# Of a judgement and of its posterior; their numbers are in the metadata.
_JUDGED = ("wrong", "suggested", "doubted")
_FITTED = ("bias", "joint", "background")
_NUMBERS = ("temperature", "certainty", "gain", "agreement", "examples")


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
    judgement: Judgement | None = fields["judgement"]
    if judgement is not None:
        posterior = judgement.posterior
        tensors |= {name: getattr(judgement, name) for name in _JUDGED}
        tensors |= {name: getattr(posterior, name) for name in _FITTED}
        numbers = {name: getattr(posterior, name) for name in _NUMBERS}
        metadata["judgement"] = {"threshold": judgement.threshold, **numbers}
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
    written = metadata.pop("format", None)
    if written == _FORMER:
        raise CacheError(
            f"The file {os.fspath(path)!r} holds scores of an earlier version, which judged labels "
            "otherwise. Delete it, or name another file: scores are then computed again."
        )
    if written != FORMAT or not _whole(tensors, metadata.get("judgement")):
        raise CacheError(
            f"The file {os.fspath(path)!r} holds no scores of the format {FORMAT!r}. {DELETE}"
        )
    if "near_copies" in metadata:  # what twins were called, before there were pairs
        metadata["twins"] = metadata.pop("near_copies")
    names = tensors.pop("names", None)
    judgement = _judgement(tensors, metadata.pop("judgement", None))
    return {
        **tensors,
        "classes": tuple(metadata.pop("classes")),
        "names": None if names is None else tensor_text(names),
        "judgement": judgement,
        "metadata": metadata,
    }


def _whole(tensors: dict[str, Tensor], numbers: dict[str, Any] | None) -> bool:
    """Return whether all is there that scores of this format have, with a judgement or without."""
    if numbers is None:
        return {*_TENSORS} <= {*tensors}
    judged = {*_TENSORS, *_JUDGED, *_FITTED} <= {*tensors}
    return judged and {*numbers} == {"threshold", *_NUMBERS}


def _judgement(tensors: dict[str, Tensor], numbers: dict[str, Any] | None) -> Judgement | None:
    """Take a judgement out of what a file holds."""
    if numbers is None:
        return None
    threshold = numbers.pop("threshold")
    fitted: dict[str, Any] = {name: tensors.pop(name) for name in _FITTED}
    judged: dict[str, Any] = {name: tensors.pop(name) for name in _JUDGED}
    return Judgement(**judged, threshold=threshold, posterior=Posterior(**fitted, **numbers))
