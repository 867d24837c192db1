"""From a sampler's arguments to the selection it goes through, in every epoch."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from torch_cgprune.errors import Argument, ArgumentValueError, Message, Parameter
from torch_cgprune.lists import read_examples
from torch_cgprune.noise import noise_report
from torch_cgprune.policies.by_name import (
    POLICIES,
    inside_in_epoch,
    kept_in_epoch,
    share_in_epoch,
)
from torch_cgprune.policies.quotas import checked, checked_window
from torch_cgprune.policies.schedules import Share, share_at, turning_points
from torch_cgprune.samplers.guards import warn_of_loss, warn_of_suspects
from torch_cgprune.samplers.selection import Selection
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.arrays import are_indices, check_range, real_numbers
from torch_cgprune.utils.checks import check_choice, check_integer

_log = logging.getLogger(__name__)

# A file that lists examples; see torch_cgprune.lists.
ListFile: TypeAlias = str | os.PathLike[str]

# For ``exclude``: what looks wrong by the default rule. A file of this name is "./suspects".
SUSPECTS = "suspects"

# What PrunedSampler takes: the window has a sampler of its own.
PRUNING = (*(policy for policy in POLICIES if policy != "window"), "noise-filter")


def pruned(
    owner: str,
    source: Any,
    keep: Share | ListFile | None,
    policy: str,
    *,
    rule: str | None,
    fraction: float | None,
    exclude: Any,
    balanced: bool | None,
    higher_is_harder: bool,
    seed: int,
) -> Selection:
    """Return what a policy keeps; see ``PrunedSampler`` for arguments; errors name the owner."""
    check_choice("policy", owner, policy, PRUNING)
    seed = check_integer("seed", owner, seed, minimum=0)
    if (keep is None) != (policy == "noise-filter"):
        wanted = "in (0, 1]" if keep is None else "None"
        raise ValueError(
            f"The 'keep' parameter of {owner} must be {wanted} for the policy "
            f"{policy!r}. Got {keep!r} instead."
        )
    if keep is None:
        unsuspected = _unsuspected(
            source, rule, fraction, balanced=bool(balanced), higher_is_harder=higher_is_harder
        )
        # What the same rule says is said once.
        again = rule is None and fraction is None
        return _without(owner, unsuspected, source, exclude, warned=again)
    if rule is not None or fraction is not None:
        raise ValueError(
            f"The 'rule' and 'fraction' parameters of {owner} are for the policy 'noise-filter'. "
            f"Got {rule!r} and {fraction!r} for {policy!r}; 'keep' says how much that keeps."
        )
    if isinstance(keep, str | os.PathLike):
        return _without(owner, _listed(source, keep), source, exclude)
    for epoch in turning_points(keep):
        share_in_epoch(owner, keep, epoch)
    left, values, codes = _left(owner, source, exclude, higher_is_harder=higher_is_harder)
    kept = functools.partial(
        kept_in_epoch, owner, values, codes, keep, policy, balanced=balanced is not False, seed=seed
    )
    selection = _among(left, kept, changes=callable(keep) or policy == "soft")
    if policy != "random" and keep != 1 and not _is_suspects(exclude):
        warn_of_suspects(policy, _scores(source), _replaced(source), left, selection)
    return selection


def windowed(
    owner: str,
    source: Any,
    start: Share,
    width: Share,
    *,
    exclude: Any,
    balanced: bool,
    higher_is_harder: bool,
) -> Selection:
    """Return the examples in a window; see ``WindowSampler``; errors name the owner."""
    for epoch in turning_points(start, width):
        checked_window(owner, share_at(start, epoch), share_at(width, epoch))
    left, values, codes = _left(owner, source, exclude, higher_is_harder=higher_is_harder)
    inside = functools.partial(
        inside_in_epoch, owner, values, codes, start, width, balanced=balanced
    )
    selection = _among(left, inside, changes=callable(start) or callable(width))
    if width != 1 and not _is_suspects(exclude):
        warn_of_suspects("window", _scores(source), _replaced(source), left, selection)
    return selection


def _left(
    owner: str, source: Any, exclude: Any, *, higher_is_harder: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Return the examples that are left, None for all of them, with their scores and codes."""
    values, codes = _harder_is_higher(source, higher_is_harder=higher_is_harder)
    if exclude is None:  # no copies: there may be millions
        return None, values, codes
    left = _without(owner, torch.arange(len(codes), device="cpu"), source, exclude)
    return left, values[left], codes[left]


def _among(left: Tensor | None, select: Callable[[int], Tensor], *, changes: bool) -> Selection:
    """Return a selection among the examples that are left, as indices of all; by epoch or once."""
    if left is not None:
        select = functools.partial(_selected, left, select)
    return select if changes else select(0)


def _selected(left: Tensor, select: Callable[[int], Tensor], epoch: int) -> Tensor:
    return left[select(epoch)]


def _without(
    owner: str, kept: Tensor, source: Any, exclude: Any, *, warned: bool = False
) -> Tensor:
    """Return what is kept, without the excluded examples."""
    if exclude is None:
        return kept
    if _is_suspects(exclude):
        out = _suspects(owner, source, warned=warned)
    elif isinstance(exclude, str | os.PathLike):
        out = _listed(source, exclude)
    else:
        out = _indices(owner, exclude, _number(source))
    left = kept[~torch.isin(kept, out)]
    if not len(left):
        raise ArgumentValueError(
            "The %s leaves none of %d examples.",
            Parameter(owner, "exclude"),
            len(kept),
            parameter="exclude",
            value=exclude,
        )
    return left


def _is_suspects(exclude: Any) -> bool:
    return isinstance(exclude, str) and exclude == SUSPECTS


def _suspects(owner: str, source: Any, *, warned: bool) -> Tensor:
    """Return the examples whose label looks wrong, but for the last of a class."""
    scores = _scores(source)
    if scores is None:
        raise TypeError(
            f"The 'exclude' parameter of {owner} can be 'suspects' for a CGScoredDataset or "
            "CGScores: a pair of scores and labels does not say which labels look wrong. Pass "
            "indices, or a file that lists examples."
        )
    report = noise_report(scores)
    if not warned:
        warn_of_loss(
            report,
            Message("%s leaves out", Argument("exclude", "'suspects'")),
            Message(
                "exclude a list of those that are wrong, or pass %s with another %s or a %s",
                Argument("policy", "'noise-filter'"),
                Argument("rule"),
                Argument("fraction"),
            ),
        )
    suspected = torch.ones(len(scores), dtype=torch.bool, device="cpu")
    suspected[report.selection] = False
    return suspected.nonzero().flatten()


def _indices(owner: str, exclude: Any, n: int) -> Tensor:
    """Return the indices that ``exclude`` holds, which may be none."""
    what = f"The 'exclude' parameter of {owner}"
    found = real_numbers([*exclude] if isinstance(exclude, set | frozenset) else exclude, what)
    if found.numel() == 0:
        return found.long().flatten()
    if not are_indices(found):
        raise TypeError(
            f"{what} must be indices, or a file that lists examples. Got {found.dtype} of shape "
            f"{tuple(found.shape)} instead; for a mask pass mask.nonzero().flatten()."
        )
    return check_range(found.long(), n, what)


def _number(source: Any) -> int:
    """Return how many examples a source has."""
    return len(_harder_is_higher(source, higher_is_harder=True)[1])


def _listed(source: Any, path: ListFile) -> Tensor:
    """Return the examples that a file lists."""
    return read_examples(path, _number(source), _scores(source))


def _unsuspected(
    source: Any,
    rule: str | None,
    fraction: float | None,
    *,
    balanced: bool,
    higher_is_harder: bool,
) -> Tensor:
    scores = _scores(source)
    if scores is None:
        raise TypeError(
            "The policy 'noise-filter' needs a CGScoredDataset or CGScores as 'source'. For "
            "scores of another method, pass the indices that policies.noise_filter gives to "
            "SelectionSampler."
        )
    _check_direction(higher_is_harder=higher_is_harder)
    report = noise_report(scores, rule, fraction=fraction, balanced=balanced)
    _log.info("%s", report)
    warn_of_loss(
        report,
        "The noise filter drops",
        Message(
            "pass another %s, a %s or %s",
            Argument("rule"),
            Argument("fraction"),
            Argument("balanced", "True"),
        ),
        asked=fraction is not None,
    )
    return report.selection


def _harder_is_higher(source: Any, *, higher_is_harder: bool) -> tuple[Tensor, Tensor]:
    """Return (n,) scores that are higher for harder examples, and class codes."""
    scores = _scores(source)
    if scores is not None:
        _check_direction(higher_is_harder=higher_is_harder)
        return scores.values, scores.labels
    if not (isinstance(source, tuple) and len(source) == 2):
        raise TypeError(
            "The 'source' of a sampler must be a CGScoredDataset, CGScores, or a tuple "
            f"(scores, labels). Got {type(source).__name__} instead."
        )
    values, codes = checked(*source)
    return (values if higher_is_harder else -values.double()), codes


def _scores(source: Any) -> CGScores | None:
    scores = getattr(source, "scores", source)
    return scores if isinstance(scores, CGScores) else None


def _replaced(source: Any) -> Tensor | None:
    """Return (n,) bool, the examples that a CGScoredDataset gives another label; None elsewhere."""
    found = getattr(source, "relabelled", None)
    return found if isinstance(found, Tensor) else None


def _check_direction(*, higher_is_harder: bool) -> None:
    if not higher_is_harder:
        raise ValueError(
            "The 'higher_is_harder' parameter of a sampler must be True for CG-scores, which are "
            "higher for harder examples. Got False; it is for a pair (scores, labels)."
        )
