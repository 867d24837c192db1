"""The paper's scores: of pixels, without a ridge, of the labels that are right or of wrong ones."""

import functools
from typing import Any

from example_data import corrupted
from torch import Tensor

from paper.data import Data
from torch_cgprune import CGScores, cg_scores


def options(ratio: int | None, runs: int = 1, seed: int = 0) -> dict[str, Any]:
    """Return the options of :func:`torch_cgprune.cg_scores` by which the paper scores.

    Args:
        ratio: rows of the other classes to one of the class (App. A.2); None for exact scores.
        runs: draws of them that are averaged.
        seed: of the draws.

    """
    how: dict[str, Any] = {"method": "exact"}
    if ratio is not None:
        how = {"method": "stochastic", "ratio": ratio, "runs": runs, "seed": seed}
    return {**how, "ridge": 0, "progress": False}


@functools.lru_cache(maxsize=4)
def exact_scores(data: Data, name: str, noise: float = 0.0, seed: int = 0) -> CGScores:
    """Return the exact scores of a data set, of labels as :func:`mislabelled` gives them."""
    given, _ = mislabelled(data, name, noise, seed)
    return cg_scores(data.examples(name).pixels, given, **options(None))


def mislabelled(data: Data, name: str, noise: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return labels of which a share is wrong, any other class being as likely.

    Returns:
        (n,) int64 labels, and (n,) bool which of them are wrong.

    Raises:
        MissingError: the data are not here.

    """
    true = data.examples(name).labels
    given = corrupted(true, noise, seed=seed)
    return given, given != true
