"""``torch-cgprune suspects``: from scores to a list of the labels that look wrong."""

from __future__ import annotations

import argparse

from torch import Tensor

from torch_cgprune.cli.listing import add_listing, form_of
from torch_cgprune.cli.option_types import add_scores
from torch_cgprune.cli.output import check_output, is_stream, say, write
from torch_cgprune.lists import listed
from torch_cgprune.noise import RULES
from torch_cgprune.report.summary import many, table
from torch_cgprune.report.suspects import call, doubts, suspects_of
from torch_cgprune.scores import CGScores
from torch_cgprune.scores.said import suspicion_rule

EXAMPLES = """examples:
  torch-cgprune suspects animals.safetensors
  torch-cgprune suspects animals.safetensors -o suspects.csv
  torch-cgprune suspects animals.safetensors --rule margin --format txt | head"""

# Lines of the table on a terminal.
_SHOWN = 20


def add_options(command: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    add_scores(command)
    add_listing(command, instead="a table of the first ones")
    command.add_argument(
        "--rule", choices=RULES, help="which labels look wrong (posterior, or partial-sign)"
    )


def run(args: argparse.Namespace) -> None:
    """Write the list of suspects, the most suspicious first, or show the first of them."""
    form = form_of(args)
    if not is_stream(args.output):
        check_output(args.output, args.scores)
    scores = CGScores.load(args.scores)
    suspects, _ = suspects_of(scores, args.rule)
    rule = args.rule or suspicion_rule(scores)
    found = f"{many(len(suspects), 'label')} of {len(scores):,} {_verb(suspects)} wrong ({rule})"
    if args.output is None and args.format is None and not args.json:
        say(args, "\n".join([found, *_lines(scores, suspects)]), {})
        return
    write(listed(suspects, scores, form), args.output)
    if not is_stream(args.output):
        counts = {"examples": len(scores), "suspects": len(suspects), "rule": rule}
        say(args, f"{args.output}: {found}", {**counts, "output": args.output})


def _verb(suspects: Tensor) -> str:
    return "looks" if len(suspects) == 1 else "look"


def _lines(scores: CGScores, suspects: Tensor) -> list[str]:
    """Return the first suspects as the lines of a table."""
    if not len(suspects):
        return []
    shown = suspects[:_SHOWN]
    likelier = None if scores.own is None else scores.alternatives("a suggestion")
    head = ["example", "label", "suggested", "probably wrong"]
    rows = [
        [
            _printable(call(scores, index)),
            _printable(scores.class_names[int(scores.labels[index])]),
            "" if likelier is None else _printable(scores.class_names[int(likelier[index])]),
            f"{doubt:.1%}" if likelier is not None else f"{doubt:.3g}",
        ]
        for index, doubt in zip(shown.tolist(), doubts(scores)[shown].tolist(), strict=True)
    ]
    if likelier is None:  # nothing is predicted: no suggestion and no probability
        head = ["example", "label", "partial score"]
        rows = [[name, label, doubt] for name, label, _, doubt in rows]
    rest = len(suspects) - len(shown)
    more = [f"and {rest:,} more: list them all with -o FILE"] if rest else []
    return ["", table(head, rows), *more]


def _printable(name: str) -> str:
    """Return a name as it is, or escaped where it would break the table or the terminal."""
    return name if name.isprintable() else repr(name)
