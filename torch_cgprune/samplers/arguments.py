"""From a sampler's arguments to the selection it goes through, in every epoch."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torch_cgprune.errors import Argument, ArgumentValueError, Message, Parameter
from torch_cgprune.noise import noise_report
from torch_cgprune.policies.by_name import POLICIES, chances_by, kept_by
from torch_cgprune.policies.chances import balancing_weights
from torch_cgprune.policies.schedules import turning_points
from torch_cgprune.samplers.auto import AUTO, Asked, advised
from torch_cgprune.samplers.choice import Choice
from torch_cgprune.samplers.excluded import leaves_out_suspects, listed, without
from torch_cgprune.samplers.guards import warn_of_loss, warn_of_suspects
from torch_cgprune.samplers.selection import Selection, Weigh
from torch_cgprune.samplers.source import Examples, Source, examples_of, rows_of, without_reviewed
from torch_cgprune.utils.checks import check_choice, check_integer, check_real, wrong_value

_log = logging.getLogger(__name__)

# What PrunedSampler takes: the window has a sampler of its own.
NOISE_FILTER = "noise-filter"
PRUNING = (
    *(name for name, entry in POLICIES.items() if "start" not in entry.takes),
    AUTO,
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
        examples = _examples(choice, source)
        # What the same rule says is said once.
        again = choice.rule is None and choice.fraction is None
        kept = _unsuspected(choice, examples)
        return Kept(without(choice.owner, kept, examples, exclude, warned=again))
    if isinstance(choice.keep, str | os.PathLike):
        examples = _examples(choice, source)
        kept = listed(examples, choice.keep)
        return Kept(without(choice.owner, kept, examples, exclude))
    return by_share(choice, source, exclude)


def _examples(choice: Choice, source: Source) -> Examples:
    examples = examples_of(source, higher_is_harder=choice.higher_is_harder)
    if choice.reviewed is None:
        return examples
    return without_reviewed(examples, choice.owner, choice.reviewed)


def _check(choice: Choice) -> None:
    """Raise TypeError or ValueError for what no policy takes, or not this one."""
    check_choice("policy", choice.owner, choice.policy, PRUNING)
    check_integer("seed", choice.owner, choice.seed, minimum=0)
    shares = choice.policy != NOISE_FILTER
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
    if choice.policy != AUTO:
        _check_shares(choice)
    examples = _examples(choice, source)
    values, codes, left = examples.values, examples.codes, None
    if exclude is not None:  # else no copies: there may be millions
        left = without(choice.owner, torch.arange(len(codes), device="cpu"), examples, exclude)
        values, codes = values[left], codes[left]
    if choice.policy == AUTO:
        choice = _advised(choice, source, examples, left)
    policy = POLICIES[choice.policy]
    if policy.of_rows is not None:
        rows = rows_of(source, choice.owner, choice.policy)
        rows = rows if left is None else rows[left]
        values = policy.of_rows(rows, codes, balanced=choice.is_balanced, seed=choice.seed)
    kept = functools.partial(_kept, choice, values, codes, left)
    selection = kept if choice.changes else kept(0)
    if policy.by_scores and choice.keep != 1 and not leaves_out_suspects(exclude):
        warn_of_suspects(choice.policy, examples, left, selection)
    if policy.chances is None:
        return Kept(selection)
    return Kept(selection, functools.partial(_weights, choice, values, codes, left, len(examples)))


def _check_shares(choice: Choice) -> None:
    for epoch in turning_points(choice.keep, choice.start):
        choice.shares(epoch)


def _advised(choice: Choice, source: Source, examples: Examples, left: Tensor | None) -> Choice:
    """Return what ``"auto"`` comes to."""
    keep = check_real("keep", choice.owner, choice.keep, "(0, 1]")
    best = advised(Asked(choice.owner, keep, choice.is_balanced), source, examples, left)
    return dataclasses.replace(choice, **dataclasses.asdict(best))


def _kept(choice: Choice, values: Tensor, codes: Tensor, left: Tensor | None, epoch: int) -> Tensor:
    """Return what is kept in an epoch, as indices of all examples: ``left`` are those given."""
    keep, start = choice.shares(epoch)
    kept = kept_by(
        choice.policy,
        values,
        codes,
        keep,
        start=start,
        cut=choice.cut,
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
    how: Any = {"cut": choice.cut, "balanced": choice.is_balanced}
    chances = chances_by(choice.policy, values, codes, keep, **how)
    if left is not None:
        chances = chances.new_zeros(n).index_copy(0, left, chances)
    return balancing_weights(chances, selection)


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
