"""Lists of examples as the content of files; torch_cgprune.listings reads them back."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
from torch import Tensor

from torch_cgprune.scores import CGScores


def listed(indices: Tensor, scores: CGScores, form: str) -> bytes:
    r"""Return a list of examples as the content of a file.

    Args:
        indices: (m,) of the examples.
        scores: of the dataset.
        form: ``"txt"``, ``"csv"``, ``"json"`` or ``"npy"``.

    Raises:
        ValueError: a name with a line break in it, as text.

    Example:
        >>> import torch
        >>> from torch_cgprune import cg_scores
        >>> scores = cg_scores(torch.eye(4), ["ant", "ant", "bee", "bee"], progress=False)
        >>> listed(torch.tensor([0, 3]), scores, "txt")
        b'0\n3\n'

    """
    if form == "npy":
        buffer = io.BytesIO()
        np.save(buffer, indices.numpy())
        return buffer.getvalue()
    chosen = indices.tolist()
    names = None if scores.names is None else [scores.names[i] for i in chosen]
    text = _WRITERS[form](chosen, names, scores)
    return text.encode("utf-8", "surrogateescape")


def _as_lines(chosen: list[int], names: list[str] | None, _: CGScores) -> str:
    broken = [name for name in names or () if {"\n", "\r"} & {*name}]
    if broken:
        raise ValueError(
            f"The file name {broken[0]!r} has a line break in it, which a list of lines cannot "
            "hold. Pass format='csv' or 'json'."
        )
    return "".join(f"{item}\n" for item in names or chosen)


def _as_table(chosen: list[int], names: list[str] | None, scores: CGScores) -> str:
    buffer = io.StringIO(newline="")
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(["index", "path", "label", "score"])
    labels = [scores.class_names[c] for c in scores.labels[chosen].tolist()]
    values = scores.values[chosen].tolist()
    rows.writerows(zip(chosen, names or [""] * len(chosen), labels, values, strict=True))
    return buffer.getvalue()


def _as_document(chosen: list[int], names: list[str] | None, _: CGScores) -> str:
    return json.dumps({"indices": chosen} | ({} if names is None else {"paths": names})) + "\n"


_WRITERS = {"txt": _as_lines, "csv": _as_table, "json": _as_document}
FORMATS = (*_WRITERS, "npy")
