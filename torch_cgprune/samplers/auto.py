"""The policy ``"auto"``: the one that keeps what predicts best, where it is better than chance."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from torch import Tensor

from torch_cgprune.advice import Advice, Candidate, advise
from torch_cgprune.advice.candidates import RANDOM
from torch_cgprune.advice.compare import by_pixels, graded, ridge_of, saved_advice
from torch_cgprune.errors import Argument, Message, NothingToPredictError
from torch_cgprune.samplers.source import Examples, Source, check_has_rows
from torch_cgprune.utils.ranks import current_ranks
from torch_cgprune.utils.warn import warn_caller

_log = logging.getLogger(__name__)

AUTO = "auto"

# The cure where photographs are compared by their pixels.
ENCODE = Message("Pass %s to CGScoredDataset.", Argument("features", "encoders.load(NAME)"))


@dataclasses.dataclass(frozen=True)
class Asked:
    """What advice is asked for.

    Attributes:
        owner: the sampler's class, for messages.
        keep: the share.
        balanced: policies choose inside every class.

    """

    owner: str
    keep: float
    balanced: bool


def advised(asked: Asked, source: Source, examples: Examples, left: Tensor | None) -> Candidate:
    """Return the selection that is best at a share, or a random one, and say why in the log.

    Args:
        asked: for what.
        source: of the sampler.
        examples: what it holds.
        left: (m,) indices of those that could be kept; None for all.

    Raises:
        TypeError: the source has no rows, and no advice on this share is kept with its scores.

    """
    if asked.keep == 1:
        return Candidate(RANDOM)  # there is nothing to choose
    if examples.scores is not None and by_pixels(examples.scores):
        warn_caller(
            "The policy %r chooses at random: photographs were scored by their pixels, by which "
            "nobody can tell what a network needs. %s",
            AUTO,
            ENCODE,
        )
        return Candidate(RANDOM)
    try:
        advice = _advice(asked, source, examples, left)
    except NothingToPredictError as error:
        _log.info("The policy 'auto' keeps %.0f %% at random. %s", 100 * asked.keep, error)
        return Candidate(RANDOM)
    best = advice.best(asked.keep)
    _log.info(
        "The policy 'auto' keeps %.0f %% %s: on %d of %d examples it predicts %.1f %% of the "
        "labels held out, a random choice %.1f %%, all the data %.1f %%.%s",
        100 * asked.keep,
        best.candidate.how,
        advice.graded,
        advice.examples,
        100 * best.accuracy,
        100 * (best.accuracy - best.gain),
        100 * advice.accuracy,
        " So few cannot tell what is lost." if best.is_unclear else "",
    )
    return best.candidate


def _advice(asked: Asked, source: Any, examples: Examples, left: Tensor | None) -> Advice:
    is_of_all = left is None and asked.balanced
    if is_of_all and examples.scores is not None:
        known = saved_advice(examples.scores, [asked.keep])
        if known is not None:
            return known
    check_has_rows(source, asked.owner, AUTO)
    progress = getattr(source, "shows_progress", True)
    if is_of_all:
        return advise(source, asked.keep, progress=progress)  # which keeps it with the scores
    some = slice(None) if left is None else left

    def grade() -> Advice:
        return graded(
            source.rows()[some],
            examples.codes[some],
            [asked.keep],
            ridge=ridge_of(source.scores),
            balanced=asked.balanced,
            progress=progress,
        )

    return current_ranks().once(grade)
