"""``torch-cgprune select``: from scores to a list of what to keep."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from torch import Tensor

from torch_cgprune.cli.output import UsageError, check_output, is_stream, say, write
from torch_cgprune.lists import FORMATS, listed
from torch_cgprune.policies.by_name import POLICIES
from torch_cgprune.report.summary import table
from torch_cgprune.samplers import PrunedSampler, WindowSampler
from torch_cgprune.scores import CGScores


def run(args: argparse.Namespace) -> None:
    """Write or print what a policy keeps, or show it class by class."""
    form = _form(args)
    if not is_stream(args.output):
        check_output(args.output, args.scores, args.exclude)
    scores = CGScores.load(args.scores)
    kept = _kept(scores, args)
    if not args.dry_run:
        write(listed(kept, scores, form), args.output)
    if args.dry_run or not is_stream(args.output):
        found = _by_class(scores, kept)
        say(args, _in_words(found), {"policy": args.policy, "output": args.output, **found})


def _kept(scores: CGScores, args: argparse.Namespace) -> Tensor:
    _check(args)
    if args.start is not None:  # the policy is the window
        balanced = args.balanced is not False
        return WindowSampler(
            scores, args.start, args.keep, exclude=args.exclude, balanced=balanced
        ).selection
    options = {name: getattr(args, name) for name in ("rule", "fraction", "balanced", "seed")}
    return PrunedSampler(scores, args.keep, args.policy, exclude=args.exclude, **options).selection


def _check(args: argparse.Namespace) -> None:
    """Raise UsageError for options that a policy lacks or does not take."""
    policy = POLICIES.get(args.policy)  # None for the noise filter, which finds its own share
    needed = () if policy is None else ("keep", *policy.takes)
    for name in ("keep", "start"):
        if (name in needed) != (getattr(args, name) is not None):
            verb = "needs" if name in needed else "does not take"
            raise UsageError(f"The policy {args.policy} {verb} --{name}.")
    for name in ("rule", "fraction"):
        if getattr(args, name) is not None and policy is not None:
            raise UsageError(f"The option --{name} is for --policy noise-filter.")


def _form(args: argparse.Namespace) -> str:
    """Return the format that is asked for, by an option or by the file's ending."""
    if is_stream(args.output):
        by_default = "json" if args.json and args.output is None else "txt"
        return args.format or by_default
    ending = Path(args.output).suffix.lower().removeprefix(".") or "txt"
    if ending not in FORMATS or args.format not in (None, ending):
        raise UsageError(
            f"The file {args.output!r} must end as its format says, in .txt, .csv, .json or .npy: "
            "a list is read back by its ending."
        )
    return ending


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
    return table(("class", "examples", "kept", "share", "suspects kept"), rows)
