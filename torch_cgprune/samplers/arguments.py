"""From a sampler's arguments to the selection it goes through, in every epoch."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.errors import Argument, ArgumentValueError, Message, Parameter
from torch_cgprune.noise import noise_report
from torch_cgprune.policies.by_name import POLICIES, kept_by
from torch_cgprune.policies.quotas import checked_window
from torch_cgprune.policies.schedules import Share, share_at, turning_points
from torch_cgprune.samplers.auto import AUTO, Asked, advised
from torch_cgprune.samplers.excluded import ListFile, is_suspects, listed, without
from torch_cgprune.samplers.guards import warn_of_loss, warn_of_suspects
from torch_cgprune.samplers.selection import Selection
from torch_cgprune.samplers.source import Examples, Source, examples_of, rows_of
from torch_cgprune.utils.checks import check_choice, check_integer, check_real, wrong_value

_log = logging.getLogger(__name__)

# What PrunedSampler takes: the window has a sampler of its own.
NOISE_FILTER = "noise-filter"
PRUNING = (
    *(name for name, entry in POLICIES.items() if "start" not in entry.takes),
    AUTO,
    NOISE_FILTER,
)


@dataclasses.dataclass(frozen=True)
class Choice:
    """What a sampler is to keep, as it was told. No data are in it: a sampler may hold it.

    Attributes:
        owner: the sampler's class, for messages.
        keep: see ``PrunedSampler``, as what follows, in its order; for a window the width.
        start: of the window.
        cut: share of the hardest that ``stratified`` drops, where ``"auto"`` has found it.

    """

    owner: str
    keep: Share | ListFile | None
    policy: str
    rule: str | None = None
    fraction: float | None = None
    balanced: bool | None = None
    higher_is_harder: bool = True
    seed: int = 0
    start: Share | None = None
    cut: float | None = None

    @property
    def is_balanced(self) -> bool:
        """Whether a policy that keeps a share is applied inside every class."""
        return self.balanced is None or bool(self.balanced)

    @property
    def changes(self) -> bool:
        """Whether an epoch may keep others than the one before."""
        redrawn = "epoch" in POLICIES[self.policy].takes
        return redrawn or callable(self.keep) or callable(self.start)

    def shares(self, epoch: int) -> tuple[float, float | None]:
        """Return the share to keep in an epoch, and the one below the window."""
        keep = share_at(self.keep, epoch)
        if "start" not in POLICIES[self.policy].takes:
            return check_real("keep", self.owner, keep, "(0, 1]"), None
        start, width = checked_window(self.owner, share_at(self.start, epoch), keep)
        return width, start


def described(choice: Choice) -> list[str]:
    """Return in words what a sampler was told to keep."""
    if isinstance(choice.keep, str | os.PathLike):
        return [f"keep={os.fspath(choice.keep)!r}"]
    given: dict[str, object] = {"keep": choice.keep, "rule": choice.rule}
    if choice.start is not None:
        given = {"start": choice.start, "width": choice.keep}
    given["fraction"] = choice.fraction
    words = [f"{name}={_brief(value)}" for name, value in given.items() if value is not None]
    return [choice.policy, *words]


def _brief(value: object) -> str:
    is_function = callable(value) and not dataclasses.is_dataclass(value)
    return "function" if is_function else repr(value)


def pruned(choice: Choice, source: Source, exclude: Any) -> Selection:
    """Return what is kept; see ``PrunedSampler`` for arguments; errors name the owner."""
    _check(choice)
    if choice.keep is None:
        examples = examples_of(source, higher_is_harder=choice.higher_is_harder)
        # What the same rule says is said once.
        again = choice.rule is None and choice.fraction is None
        kept = _unsuspected(choice, examples)
        return without(choice.owner, kept, examples, exclude, warned=again)
    if isinstance(choice.keep, str | os.PathLike):
        examples = examples_of(source)
        return without(choice.owner, listed(examples, choice.keep), examples, exclude)
    return by_share(choice, source, exclude)


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


def by_share(choice: Choice, source: Source, exclude: Any) -> Selection:
    """Return what a policy keeps that keeps a given share, by epoch where it changes."""
    if choice.policy != AUTO:
        _check_shares(choice)
    examples = examples_of(source, higher_is_harder=choice.higher_is_harder)
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
    if policy.by_scores and choice.keep != 1 and not is_suspects(exclude):
        warn_of_suspects(choice.policy, examples, left, selection)
    return selection


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
