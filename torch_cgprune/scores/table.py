"""Scores as a table, a row an example: what data frames, CSV and parquet files have in common."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from torch_cgprune.utils.extras import pandas

# The columns, with the types that pandas calls them by: those with a capital hold missing values.
COLUMNS = {
    "index": "int64",
    "path": "string",
    "label": "string",
    "score": "float64",
    "wrong_probability": "Float64",
    "suggested_label": "string",
    "suggested_probability": "Float64",
    "copy_group": "Int64",
}


def columns(scores: Any, indices: Tensor | None = None) -> dict[str, list[Any]]:
    """Return the table of some examples, column by column; None is what is missing.

    ==========================  ====================================================================
    ``index``                   of the example, from 0
    ``path``                    its file's name, where examples are files
    ``label``                   the name of the given class
    ``score``                   its CG-score
    ``wrong_probability``       that the given label is wrong
    ``suggested_label``         of a suspect the name of the likeliest other class, else the given
    ``suggested_probability``   of that class, as the other examples have it (``pred_probs()``)
    ``copy_group``              a number that copies share, where there are any (``copy_groups``)
    ==========================  ====================================================================

    Missing are the probabilities and the suggestion of ``stochastic`` scores, and the probability
    of what is suggested where n k exceeds 2^27.

    Args:
        scores: n of them, as ``CGScores``.
        indices: (m,) int64 of the examples, in the order of the rows; None for all.

    Returns:
        The columns of ``COLUMNS``, m values each: integers, floats and texts.

    """
    chosen = torch.arange(len(scores), device="cpu") if indices is None else indices
    suggested = None if scores.rival is None else scores.suggested_labels
    probability = None
    if suggested is not None and scores.loo is not None:
        probability = scores.pred_probs().gather(1, suggested[:, None]).squeeze(1)

    def values(of_all: Tensor | None) -> list[Any]:
        return [None] * len(chosen) if of_all is None else of_all[chosen].tolist()

    def names(codes: Tensor | None) -> list[Any]:
        return [None if code is None else scores.class_names[code] for code in values(codes)]

    paths = scores.names
    found = {
        "index": chosen.tolist(),
        "path": values(None) if paths is None else [paths[i] for i in chosen.tolist()],
        "label": names(scores.labels),
        "score": values(scores.values),
        "wrong_probability": values(scores.wrong_probability),
        "suggested_label": names(suggested),
        "suggested_probability": values(probability),
        "copy_group": [None if group < 0 else group for group in values(scores.copy_groups)],
    }
    return {name: found[name] for name in COLUMNS}


def as_frame(scores: Any) -> Any:
    """Return the :func:`columns` of all examples as a ``pandas.DataFrame``.

    Raises:
        ImportError: pandas is not installed.

    """
    pd = pandas()
    # Names of files may be no UTF-8: Python's texts hold them, Arrow's do not.
    types = {**COLUMNS, "string": pd.StringDtype("python")}
    return pd.DataFrame(
        {
            name: pd.array(values, dtype=types.get(COLUMNS[name], COLUMNS[name]))
            for name, values in columns(scores).items()
        }
    )
