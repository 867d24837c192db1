"""The scores of a dataset: out of their file, or computed and kept there."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from torch_cgprune.dataset.cache import check_options
from torch_cgprune.dataset.source import Source
from torch_cgprune.errors import ArgumentValueError, CacheMismatchError
from torch_cgprune.inputs.bad_rows import with_names
from torch_cgprune.inputs.names import find_names
from torch_cgprune.scores import CGScores
from torch_cgprune.scoring import cg_scores
from torch_cgprune.scoring.options import resolve_options
from torch_cgprune.utils.files import check_writable
from torch_cgprune.utils.ranks import Ranks

_log = logging.getLogger(__name__)


def compute(data: Source, ranks: Ranks, cache: Path | None, options: dict[str, Any]) -> CGScores:
    """Read and score the data, on all ranks together, and keep the scores in the file."""
    read = data.read_on(ranks)
    checkpoint = None if cache is None else f"{cache}.partial"
    try:
        scores = cg_scores(read.features, read.labels, checkpoint=checkpoint, **options)
    except ArgumentValueError as error:
        names = find_names(data.dataset)
        if names is None or not error.rows:
            raise
        raise with_names(error, names) from error
    with ranks.together():
        scores = data.mark(scores, read.digests)
        if cache is not None and ranks.rank == 0:
            scores.judged(progress=options["progress"])  # saved with them
            scores.save(cache)
    return scores


def load(
    cache: Path, data: Source, options: dict[str, Any], *, verify: str, on_mismatch: str
) -> CGScores | None:
    """Return the scores in the file, or None where they are to be computed."""
    if cache.is_file():
        scores = CGScores.load(cache)
        try:
            counts = scores.labels.bincount().tolist()
            data.check(scores, str(cache), everything=verify == "full")
            check_options(scores, _wanted(scores, counts, options), str(cache))
        except CacheMismatchError as mismatch:
            if on_mismatch == "error":
                raise
            _log.warning("%s Computing anew.", mismatch)
        else:
            if data.is_recognised():
                return data.named(scores)
            _log.warning("The scores in %r may be of another encoder. Computing anew.", str(cache))
    check_writable(cache)
    return None


def _wanted(scores: CGScores, counts: list[int], options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that scores must have; exact ones are good wherever ``"auto"`` is."""
    exact = scores.metadata.get("options", {}).get("method") == "exact"
    if exact and options.get("method", "auto") == "auto":
        options = {**options, "method": "exact"}
    return resolve_options(counts, **options)
