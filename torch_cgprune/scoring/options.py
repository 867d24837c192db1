"""The options of a scoring run, checked and made comparable."""

from __future__ import annotations

import difflib
import inspect
import logging
from collections.abc import Sequence
from typing import Any

import torch

from torch_cgprune.errors import Argument, ArgumentValueError, Message, Parameter
from torch_cgprune.scoring.plans import recommended_runs
from torch_cgprune.utils.checks import check_choice, check_integer, check_real, wrong_type

_log = logging.getLogger(__name__)

METHODS = ("auto", "exact", "iterative", "stochastic", "local")
_DTYPES = ("float32", "float64")
# What method="auto" scores exactly, in a minute or so of two cores, and what it iterates over: half
# the matrix is then 8.6 GB in float32. Beyond, "local".
EXACT_UP_TO, ITERATIVE_UP_TO = 25_000, 65_536
BLOCK_SIZE, LOCAL_RUNS = 2048, 5


def check_names(owner: str, options: dict[str, Any]) -> None:
    """Raise TypeError where there is no option of that name, with the one that may be meant."""
    _, *names = inspect.signature(resolve_options).parameters
    for name in options.keys() - {*names}:
        like = difflib.get_close_matches(name, names, n=1)
        meant = f"Did you mean {like[0]!r}?" if like else f"There are {', '.join(names)}."
        raise TypeError(f"{owner} has no option {name!r}. {meant}")


def resolve_options(
    counts: Sequence[int],
    *,
    method: str = "auto",
    ratio: float = 4,
    runs: int | None = None,
    block_size: int | None = None,
    ridge: float | str | None = None,
    standardise: bool = False,
    near: float | None = None,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> dict[str, Any]:
    """Check the options of :func:`cg_scores` and return, as JSON values, those with an effect.

    Args:
        counts: examples in each class.
        method: as in :func:`cg_scores`, like all that follow.
        ratio: likewise.
        runs: likewise.
        block_size: likewise.
        ridge: likewise.
        standardise: likewise.
        near: likewise.
        dtype: likewise.
        seed: likewise.

    Returns:
        What ``CGScores.metadata["options"]`` records and a cache is compared by.

    """
    check_choice("method", "cg_scores", method, METHODS)
    name = dtype_name(dtype, "cg_scores")
    if not isinstance(standardise, bool):
        raise wrong_type("standardise", "cg_scores", "True or False", standardise)
    n = sum(counts)
    if method == "auto":
        method = _method_for(n)
    if ridge is None:
        ridge = 0.0 if method == "stochastic" or len(counts) == 1 else "auto"
    common: dict[str, Any] = {"ridge": _ridge(ridge), "dtype": name}
    if standardise:  # recorded only then: files from before there was this option stay good
        common["standardise"] = True
    if near is not None:  # likewise
        common["near"] = _near(near, method)
    if method == "exact":
        return {"method": method, **common}
    seed = check_integer("seed", "cg_scores", seed, minimum=0)
    if method == "iterative":
        return {"method": method, **common, "seed": seed}
    given = None if runs is None else check_integer("runs", "cg_scores", runs, minimum=1)
    if method == "local":
        size = BLOCK_SIZE if block_size is None else block_size
        size = check_integer("block_size", "cg_scores", size, minimum=2)
        return {
            "method": method,
            **common,
            "block_size": size,
            "runs": given or LOCAL_RUNS,
            "seed": seed,
        }
    ratio = check_real("ratio", "cg_scores", ratio, "(0, inf)")
    per_class = [given] * len(counts) if given else recommended_runs(counts, ratio)
    return {"method": method, **common, "ratio": ratio, "runs": per_class, "seed": seed}


def _method_for(n: int) -> str:
    """Return what ``"auto"`` takes: by n alone, so that a score file is good on any machine."""
    if n <= EXACT_UP_TO:
        return "exact"
    return "iterative" if n <= ITERATIVE_UP_TO else "local"


def log_choices(options: dict[str, Any], requested: dict[str, Any], n: int) -> None:
    """Say in the log what was chosen, where ``method`` or ``runs`` left it open."""
    if requested.get("method", "auto") == "auto":
        _log.info("method='auto' takes %r for n = %d", options["method"], n)
    if options["method"] == "stochastic" and requested.get("runs") is None:
        _log.info("runs=None: half of every other class takes %s runs a class", options["runs"])


def dtype_name(dtype: object, owner: str) -> str:
    """Return the name of a dtype in which is computed; ``owner`` takes it as an argument."""
    return check_choice("dtype", owner, str(dtype).removeprefix("torch."), _DTYPES)


def _near(near: object, method: str) -> float:
    if method == "stochastic":
        raise ArgumentValueError(
            "The %s must be None for the method 'stochastic', whose blocks are drawn at random. "
            "Got %r instead.",
            Parameter("cg_scores", "near"),
            near,
            parameter="near",
            value=near,
            cure=Message("Score with %s.", Argument("method", "'exact', 'iterative' or 'local'")),
        )
    return check_real("near", "cg_scores", near, "(0, 1]")


def _ridge(ridge: object) -> float | str:
    if isinstance(ridge, str) and ridge == "auto":
        return ridge
    return check_real("ridge", "cg_scores", ridge, "[0, inf)")
