"""From a sampler's arguments to the selection it goes through, in every epoch."""

from __future__ import annotations

import functools
import logging
import os
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torch_cgprune.errors import Argument, ArgumentValueError, Message, Parameter
from torch_cgprune.lists import read_examples
from torch_cgprune.noise import noise_report
from torch_cgprune.policies.by_name import POLICIES, chances_by, kept_by
from torch_cgprune.policies.chances import balancing_weights
from torch_cgprune.policies.schedules import turning_points
from torch_cgprune.samplers.choice import Choice, ListFile
from torch_cgprune.samplers.guards import warn_of_copies, warn_of_loss, warn_of_suspects
from torch_cgprune.samplers.selection import Selection, Weigh
from torch_cgprune.samplers.source import Examples, Source, examples_of, rows_of
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.arrays import are_indices, check_range, real_numbers
from torch_cgprune.utils.checks import check_choice, check_integer, wrong_value

_log = logging.getLogger(__name__)

# For ``exclude``: what looks wrong by the default rule; copies, but for one of each label. Files of
# these names are "./suspects" and "./copies".
SUSPECTS, COPIES = "suspects", "copies"

# What PrunedSampler takes: the window has a sampler of its own.
NOISE_FILTER = "noise-filter"
PRUNING = (
    *(name for name, entry in POLICIES.items() if "start" not in entry.takes),
    NOISE_FILTER,
)


class Kept(NamedTuple):
    """What is kept, and what gives the weights of it, if it was drawn."""

    selection: Selection
    weigh: Weigh | None = None


def pruned(choice: Choice, source: Source, exclude: Any) -> Kept:
    """Return what is kept; see ``PrunedSampler`` for arguments; errors name the owner."""
    _check(choice)
    if choice.keep is None:
        examples = examples_of(source, higher_is_harder=choice.higher_is_harder)
        # What the same rule says is said once.
        again = choice.rule is None and choice.fraction is None
        kept = _unsuspected(choice, examples)
        return Kept(_without(choice.owner, kept, examples, exclude, warned=again))
    if isinstance(choice.keep, str | os.PathLike):
        examples = examples_of(source)
        listed = _listed(examples, choice.keep)
        return Kept(_without(choice.owner, listed, examples, exclude))
    return by_share(choice, source, exclude)


def _check(choice: Choice) -> None:
    """Raise TypeError or ValueError for what no policy takes, or not this one."""
    check_choice("policy", choice.owner, choice.policy, PRUNING)
    check_integer("seed", choice.owner, choice.seed, minimum=0)
    shares = choice.policy in POLICIES
    if shares != (choice.keep is not None):
        wanted = "in (0, 1]" if shares else "None"
        for_policy = f"{wanted} for the policy {choice.policy!r}"
        raise wrong_value("keep", choice.owner, for_policy, choice.keep)
    if shares and (choice.rule is not None or choice.fraction is not None):
        raise ArgumentValueError(
            "The %s are for the policy 'noise-filter'. Got %r and %r for %r; %s says how much that "
            "keeps.",
            Parameter(choice.owner, "rule", "fraction"),
            choice.rule,
            choice.fraction,
            choice.policy,
            Argument("keep"),
            parameter="rule" if choice.fraction is None else "fraction",
            value=choice.rule if choice.fraction is None else choice.fraction,
        )


def by_share(choice: Choice, source: Source, exclude: Any) -> Kept:
    """Return what a policy keeps that keeps a given share, by epoch where it changes."""
    for epoch in turning_points(choice.keep, choice.start):
        choice.shares(epoch)
    examples = examples_of(source, higher_is_harder=choice.higher_is_harder)
    values, codes, left = examples.values, examples.codes, None
    if exclude is not None:  # else no copies: there may be millions
        left = _without(choice.owner, torch.arange(len(codes), device="cpu"), examples, exclude)
        values, codes = values[left], codes[left]
    policy = POLICIES[choice.policy]
    if policy.of_rows is not None:
        rows = rows_of(source, choice.owner, choice.policy)
        rows = rows if left is None else rows[left]
        values = policy.of_rows(rows, codes, balanced=choice.is_balanced, seed=choice.seed)
    kept = functools.partial(_kept, choice, values, codes, left)
    selection = kept if choice.changes else kept(0)
    if policy.by_scores and choice.keep != 1 and not _is_suspects(exclude):
        warn_of_suspects(choice.policy, examples, left, selection)
    if policy.chances is None:
        return Kept(selection)
    return Kept(selection, functools.partial(_weights, choice, values, codes, left, len(examples)))


def _kept(choice: Choice, values: Tensor, codes: Tensor, left: Tensor | None, epoch: int) -> Tensor:
    """Return what is kept in an epoch, as indices of all examples: ``left`` are those given."""
    keep, start = choice.shares(epoch)
    kept = kept_by(
        choice.policy,
        values,
        codes,
        keep,
        start=start,
        balanced=choice.is_balanced,
        seed=choice.seed,
        epoch=epoch,
    )
    return kept if left is None else left[kept]


def _weights(
    choice: Choice,
    values: Tensor,
    codes: Tensor,
    left: Tensor | None,
    n: int,
    epoch: int,
    selection: Tensor,
) -> Tensor:
    """Return the weights of what is kept in an epoch, by index of the n examples."""
    keep, _ = choice.shares(epoch)
    chances = chances_by(choice.policy, values, codes, keep, balanced=choice.is_balanced)
    if left is not None:
        chances = chances.new_zeros(n).index_copy(0, left, chances)
    return balancing_weights(chances, selection)


def _without(
    owner: str, kept: Tensor, examples: Examples, exclude: Any, *, warned: bool = False
) -> Tensor:
    """Return what is kept, without the excluded examples."""
    if exclude is None:
        return kept
    if _is_suspects(exclude):
        out = _suspects(owner, examples, warned=warned)
    elif isinstance(exclude, str) and exclude == COPIES:
        out = _copies(owner, examples)
    elif isinstance(exclude, str | os.PathLike):
        out = _listed(examples, exclude)
    else:
        out = _indices(owner, exclude, len(examples))
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


def _suspects(owner: str, examples: Examples, *, warned: bool) -> Tensor:
    """Return the examples whose label looks wrong, but for the last of a class."""
    report = noise_report(_scores(owner, examples, SUSPECTS, "which labels look wrong"))
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
    suspected = torch.ones(len(examples), dtype=torch.bool, device="cpu")
    suspected[report.selection] = False
    return suspected.nonzero().flatten()


def _copies(owner: str, examples: Examples) -> Tensor:
    """Return the copies of examples that are left."""
    scores = _scores(owner, examples, COPIES, "which are copies")
    warn_of_copies(scores)
    return scores.later_copies.nonzero().flatten()


def _scores(owner: str, examples: Examples, word: str, what: str) -> CGScores:
    """Return what says which examples are meant by a word."""
    if examples.scores is None:
        raise TypeError(
            f"The 'exclude' parameter of {owner} can be {word!r} for a CGScoredDataset or "
            f"CGScores: a pair of scores and labels does not say {what}. Pass indices, or a file "
            "that lists examples."
        )
    return examples.scores


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


def _listed(examples: Examples, path: ListFile) -> Tensor:
    """Return the examples that a file lists."""
    return read_examples(path, len(examples), examples.scores)


def _unsuspected(choice: Choice, examples: Examples) -> Tensor:
    """Return what the noise filter keeps, and say what it drops."""
    if examples.scores is None:
        raise TypeError(
            "The policy 'noise-filter' needs a CGScoredDataset or CGScores as 'source'. For "
            "scores of another method, pass the indices that policies.noise_filter gives to "
            "SelectionSampler."
        )
    report = noise_report(
        examples.scores, choice.rule, fraction=choice.fraction, balanced=bool(choice.balanced)
    )
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
        asked=choice.fraction is not None,
    )
    return report.selection
