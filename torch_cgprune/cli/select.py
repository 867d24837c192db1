"""``torch-cgprune select``: from scores to a list of what to keep."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.advice.compare import by_pixels, is_predictable, saved_advice
from torch_cgprune.cli.listing import add_listing, form_of
from torch_cgprune.cli.option_types import add_scores, integer, real
from torch_cgprune.cli.output import UsageError, check_output, is_stream, say, write
from torch_cgprune.cli.scored import ScoredSource
from torch_cgprune.lists import listed, reviewed
from torch_cgprune.noise import RULES
from torch_cgprune.policies.by_name import LISTED, POLICIES
from torch_cgprune.report.summary import table
from torch_cgprune.samplers import PrunedSampler, WindowSampler
from torch_cgprune.samplers.arguments import NOISE_FILTER
from torch_cgprune.samplers.auto import AUTO
from torch_cgprune.scores import CGScores

EXAMPLES = """policies:
  stratified    keeps some of every score but the highest (the default)
  low-first     drops the most regular examples first: of much data a little
  high-first    drops the most irregular ones first
  window        keeps --keep of them above the --start that scores lower
  soft          draws, irregular ones more likely (the first epoch's draw)
  herding       follows the mean of each class; reads again what was scored
  random        drawn once: the control (only a sampler can draw anew every epoch)
  auto          the one that torch-cgprune advise has found best at this share
  noise-filter  drops what looks wrong, by a rule:
    posterior     it is probably wrong, and another class likelier (the default)
    centred-sign  its class is less likely than on average
    adjusted      likewise, for much or one-sided noise
    margin        another class is likelier
    confident     another class passes its own examples' average probability
    cleanlab      cleanlab says so
    partial-sign  the paper's; all that stochastic scores have

examples:
  torch-cgprune select animals.safetensors --keep 0.6 -o kept.txt
  torch-cgprune select animals.safetensors --policy noise-filter --dry-run
  torch-cgprune select animals.safetensors --keep 0.6 --exclude suspects -o kept.txt
  torch-cgprune select animals.safetensors --keep 0.6 --exclude relabel.csv -o kept.txt
  torch-cgprune select animals.safetensors --keep 0.6 --dropped -o dropped.txt
  torch-cgprune select animals.safetensors --keep 1 --exclude copies --exclude suspects
  torch-cgprune select animals.safetensors --keep 0.1 --policy window --start 0.3 | head
  torch-cgprune select animals.safetensors --keep 0.2 --policy auto -o kept.txt"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    command.set_defaults(mismatch="Score it again.")
    add_scores(command)
    add_listing(command, instead="standard output")
    command.add_argument(
        "--dropped", action="store_true", help="list what is not kept, in place of what is"
    )
    command.add_argument(
        "--dry-run", action="store_true", help="show what is kept of each class, and write nothing"
    )
    policy = command.add_argument_group("the policy")
    policy.add_argument(
        "--policy", choices=(*LISTED, AUTO, NOISE_FILTER), default="stratified", help="see below"
    )
    policy.add_argument("--keep", type=real("(0, 1]"), metavar="X", help="share of the examples")
    policy.add_argument(
        "--start", type=real("[0, 1)"), metavar="X", help="window: share that scores lower"
    )
    policy.add_argument("--rule", choices=RULES, help="noise-filter: see below")
    policy.add_argument(
        "--fraction", type=real("(0, 1)"), metavar="X", help="noise-filter: share to drop"
    )
    policy.add_argument(
        "--exclude",
        action="append",
        metavar="FILE",
        help="a list of examples to leave out first, or: suspects, copies; as often as needed",
    )
    policy.add_argument(
        "--reviewed",
        metavar="FILE",
        help="a .csv that the page has made: what is fine there is no suspect",
    )
    policy.add_argument(
        "--balanced",
        action=argparse.BooleanOptionalAction,
        help="inside every class (yes, but for noise-filter)",
    )
    policy.add_argument("--seed", type=integer(0), default=0, metavar="N", help="of a draw (0)")


def run(args: argparse.Namespace) -> None:
    """Write or print what a policy keeps, or show it class by class."""
    form = form_of(args)
    if not is_stream(args.output):
        check_output(args.output, args.scores, *(args.exclude or ()), args.reviewed)
    _check(args)
    source = ScoredSource(args)
    if args.reviewed is not None:
        source.scores = reviewed(source.scores, args.reviewed)
    scores = source.scores
    _check_advised(source, args)
    kept = _kept(source, args)
    if not args.dry_run:
        written = _others(kept, len(scores)) if args.dropped else kept
        write(listed(written, scores, form), args.output)
    if args.dry_run or not is_stream(args.output):
        found = {**_asked_for(source, args), **_by_class(scores, kept)}
        say(args, _in_words(found), found)


def _asked_for(source: ScoredSource, args: argparse.Namespace) -> dict[str, Any]:
    """Return the policy, and where it is auto and advice was kept, what that came to."""
    found = {"policy": args.policy, "output": args.output}
    if _takes_advice(source, args):
        advice = saved_advice(source.scores)
        assert advice is not None  # noqa: S101
        found["taken"] = str(advice.best(args.keep).candidate)
    return found


def _takes_advice(source: ScoredSource, args: argparse.Namespace) -> bool:
    """Return whether advice that is kept with the scores decides: it is on all of them."""
    if args.policy != AUTO or args.keep == 1 or by_pixels(source.scores):
        return False
    of_all = args.exclude is None and args.balanced is not False
    return of_all and is_predictable(source.scores)


def _check_advised(source: ScoredSource, args: argparse.Namespace) -> None:
    """Raise ValueError where advice should be kept with the scores, and is not."""
    if _takes_advice(source, args) and saved_advice(source.scores, [args.keep]) is None:
        share = f"{args.keep:g}"
        raise ValueError(
            f"There is no advice on --keep {share} with these scores. Ask for it: torch-cgprune "
            f"advise {args.scores} --keep {share}"
        )


def _kept(source: ScoredSource, args: argparse.Namespace) -> Tensor:
    if args.start is not None:  # the policy is the window
        balanced = args.balanced is not False
        return WindowSampler(
            source, args.start, args.keep, exclude=args.exclude, balanced=balanced
        ).selection
    options = {name: getattr(args, name) for name in ("rule", "fraction", "balanced", "seed")}
    return PrunedSampler(source, args.keep, args.policy, exclude=args.exclude, **options).selection


def _others(kept: Tensor, n: int) -> Tensor:
    """Return the indices of n that are not kept."""
    dropped = torch.ones(n, dtype=torch.bool)
    dropped[kept] = False
    return dropped.nonzero().flatten()


def _check(args: argparse.Namespace) -> None:
    """Raise UsageError for options that a policy lacks or does not take."""
    policy = POLICIES.get(args.policy)
    # The noise filter finds its own share.
    needed = {
        *(() if args.policy == NOISE_FILTER else ("keep",)),
        *(policy.takes if policy else ()),
    }
    for name in ("keep", "start"):
        if (name in needed) != (getattr(args, name) is not None):
            verb = "needs" if name in needed else "does not take"
            raise UsageError(f"The policy {args.policy} {verb} --{name}.")
    for name in ("rule", "fraction"):
        if getattr(args, name) is not None and args.policy != NOISE_FILTER:
            raise UsageError(f"The option --{name} is for --policy noise-filter.")


def _by_class(scores: CGScores, kept: Tensor) -> dict[str, Any]:
    """Return how many are kept of each class, and of those whose labels look wrong."""
    k = len(scores.classes)
    there, left = (codes.bincount(minlength=k) for codes in (scores.labels, scores.labels[kept]))
    suspects = scores.suspects[kept]
    flagged = scores.labels[kept][suspects].bincount(minlength=k)
    columns = zip(scores.class_names, there.tolist(), left.tolist(), flagged.tolist(), strict=True)
    names = ("class", "examples", "kept", "suspects_kept")
    return {
        "examples": len(scores),
        "kept": len(kept),
        "suspects": int(scores.suspects.sum()),
        "suspects_kept": int(suspects.sum()),
        "per_class": [dict(zip(names, row, strict=True)) for row in columns],
    }


def _in_words(found: dict[str, Any]) -> str:
    whole = {**found, "class": "all"}
    rows = [
        (
            row["class"],
            str(row["examples"]),
            str(row["kept"]),
            f"{row['kept'] / row['examples']:.1%}",
            str(row["suspects_kept"]),
        )
        for row in (*found["per_class"], whole)
    ]
    said = [f"auto takes {found['taken']}", ""] if "taken" in found else []
    return "\n".join([*said, table(("class", "examples", "kept", "share", "suspects kept"), rows)])
