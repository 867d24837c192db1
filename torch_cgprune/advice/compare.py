"""Grade selections without training: which share may go, and by which policy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.advice.advice import Advice
from torch_cgprune.advice.rounds import grades, rounds_of
from torch_cgprune.advice.sample import folds, sample
from torch_cgprune.advice.source import Scored, scored_rows
from torch_cgprune.errors import ArgumentValueError, NothingToPredictError, Parameter
from torch_cgprune.inputs.labels import encode_labels
from torch_cgprune.scores import CGScores
from torch_cgprune.scores.groups import first_alike
from torch_cgprune.utils.checks import check_real
from torch_cgprune.utils.devices import own_settings, pick_device
from torch_cgprune.utils.progress import progress_bar
from torch_cgprune.utils.ranks import current_ranks

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# Of the sample, of the parts and of all draws: the same data get the same advice.
_SEED = 0
# Where scores keep it.
_KEY = "advice"


def advise(
    source: Scored,
    keep: float | Iterable[float] = SHARES,
    *,
    device: torch.device | str | None = None,
    progress: bool = True,
) -> Advice:
    r"""Predict what is lost by keeping a share of the data, and which share to keep, untrained.

    A part of the data is held out; policies choose from the rest; kernel ridge regression in the
    arc-cosine kernel on what they keep predicts the held-out labels. That is done in several
    rounds, on as many examples as take a minute or so on two cores for a share. Compared are
    ``high-first``, windows that start at every twentieth, ``low-first``, ``stratified`` with three
    cuts, and ``herding``, all inside every class, with random choices. What is held out is scored
    by nobody: the others' scores, computed anew without it, do not know its labels. Its exact
    copies (equal rows up to scale) are held out with it; near copies are not, and tell its label.

    A prediction is as good as the space. In that of an encoder it is a guide where policies differ
    by much; a network that learns its own features loses less than it says. The pixels of
    photographs are no such space, and the advice is then a random choice. So it is where examples
    are too few to tell: a share is called lossless only where a loss of two points would show. Of
    the policies that keep others in every epoch, as ``redrawn``, it says nothing.

    The advice is kept with the scores, in their file too where there is one, and shares that were
    graded before stay in it. On ranks the first one computes it, so all must call this together.

    Args:
        source: a ``CGScoredDataset``, or a pair of (n, ...) rows and their :class:`CGScores`.
        keep: one or several shares in (0, 1) to try.
        device: where to compute; None for CUDA if there is one.
        progress: show a bar.

    Returns:
        The advice; ``print`` shows it as a table.

    Raises:
        TypeError, ValueError: a source without rows, or with other rows than were scored; no share,
            or one outside (0, 1); no class with two examples, copies apart; one class.
        NotEnoughMemoryError: the Gram matrix of the sample does not fit, which takes 2.3 GB at most
            (more of over 12,000 classes: two examples of each).

    References:
        Choi, Ki, Chung (ICML 2024), "BWS: Best window selection based on sample scores for data
        pruning", which grades windows on the examples that were sorted.

    Example:
        >>> import torch, torch_cgprune
        >>> rows = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
        >>> scores = torch_cgprune.cg_scores(rows, (rows[:, 0] > 0).long(), progress=False)
        >>> advice = torch_cgprune.advise((rows, scores), keep=0.5, progress=False)
        >>> advice.best(0.5).accuracy > 0.8
        True

    """
    shares = _checked_shares(keep)

    def compare() -> Advice:
        rows, scores = scored_rows(source)
        how: Any = {"pixels": by_pixels(scores), "device": device, "progress": progress}
        advice = graded(rows, scores.labels, shares, ridge=ridge_of(scores), **how)
        return advice.joined(saved_advice(scores))

    found = current_ranks().once(compare)
    _keep(source, found)
    return found


def saved_advice(scores: CGScores, shares: Iterable[float] = ()) -> Advice | None:
    """Return the advice that is kept with scores; None where there is none on all these shares."""
    values = scores.metadata.get(_KEY)
    if values is None:
        return None
    advice = Advice.from_json(values)
    return advice if all(map(advice.covers, shares)) else None


def is_predictable(scores: CGScores) -> bool:
    """Return whether :func:`advise` has labels to predict, or keeps nothing but a random choice."""
    codes, _ = encode_labels(scores.labels)
    counts = codes.bincount()
    if len(counts) == 1 or int(counts.max()) == 1:
        return False
    some, count = sample(codes, seed=_SEED)
    copies = first_alike(scores.digests[some])
    return any(True for _ in folds(codes[some], copies, count, seed=_SEED))


def by_pixels(scores: CGScores) -> bool:
    """Return whether photographs were compared by their pixels."""
    return bool(scores.metadata.get("photographs_as_pixels"))


def ridge_of(scores: CGScores) -> float:
    """Return the ridge that scores were computed with."""
    chosen = scores.metadata.get("ridge", {}).get("chosen")
    return float(scores.metadata["options"]["ridge"] if chosen is None else chosen)


def _keep(source: Any, advice: Advice) -> None:
    scores: CGScores = source[1] if isinstance(source, tuple) else source.scores
    scores.metadata[_KEY] = advice.as_json()
    save = getattr(source, "save_scores", None)
    if save is not None:
        save()


def _checked_shares(keep: float | Iterable[float]) -> list[float]:
    given = [*keep] if isinstance(keep, Iterable) else [keep]
    if not given:
        raise ArgumentValueError(
            "The %s must hold a share. Got none.",
            Parameter("advise", "keep"),
            parameter="keep",
            value=keep,
        )
    return sorted({check_real("keep", "advise", share, "(0, 1)") for share in given})


def graded(
    rows: Tensor,
    codes: Tensor,
    shares: list[float],
    *,
    ridge: float,
    pixels: bool = False,
    device: torch.device | str | None = None,
    balanced: bool = True,
    progress: bool = True,
) -> Advice:
    """Return the grades of what keeps these shares; see :func:`advise` for errors.

    Args:
        rows: (n, d).
        codes: (n,) int64 class codes, of which some may be missing.
        shares: in (0, 1).
        ridge: of the scores.
        pixels: photographs are compared by them.
        device: where to compute.
        balanced: policies choose inside every class.
        progress: show a bar.

    """
    codes, _ = encode_labels(codes)
    counts = codes.bincount()
    if int(counts.max()) == 1:
        raise NothingToPredictError(
            f"Advice needs a class of two examples or more. Got {len(codes)} examples, each of a "
            "class of its own."
        )
    if len(counts) == 1:
        raise NothingToPredictError(
            "Advice needs two classes or more: it goes by how well labels are predicted. Got "
            f"{len(codes)} examples of one. Keep some at random."
        )
    some, count = sample(codes, seed=_SEED)
    with own_settings(), progress_bar("Advice", len(shares) + 1, "share", show=progress) as bar:
        rounds = rounds_of(
            rows[some],
            codes[some],
            count,
            ridge=ridge,
            device=pick_device(device, rows.device),
            balanced=balanced,
            seed=_SEED,
        )
        full = torch.cat([one.right_by([torch.arange(len(one.rest))])[0] for one in rounds])
        copies = torch.cat([one.copies[one.held] for one in rounds])
        bar.update()
        found = []
        for share in shares:
            right = torch.cat([one.right(share) for one in rounds], dim=1)
            found += grades(share, right, full, copies)
            bar.update()
    accuracy = float(full.double().mean())
    return Advice(tuple(found), accuracy, len(codes), len(some), len(rounds), pixels)
