"""``torch-cgprune report``: from scores to a page that a person looks at."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

from torch_cgprune.cli.array_files import load_labels
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.option_types import add_scores, integer, real
from torch_cgprune.cli.output import check_output, say, shows_progress
from torch_cgprune.cli.reading import noted_reading
from torch_cgprune.cli.shown_columns import add_shown, to_see
from torch_cgprune.cli.source import open_source
from torch_cgprune.dataset.source import Source
from torch_cgprune.errors import CacheMismatchError
from torch_cgprune.noise import RULES
from torch_cgprune.report import write_report
from torch_cgprune.scores import CGScores

EXAMPLES = """example:
  torch-cgprune report animals.safetensors animals/train -o animals.html --open"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    command.set_defaults(mismatch="Score it again, or name what these scores are of.")
    add_scores(command)
    command.add_argument(
        "source", metavar="SOURCE", nargs="?", help="what was scored, to show its examples"
    )
    command.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="of the page (.html)"
    )
    command.add_argument("--open", action="store_true", help="open it in the browser")
    command.add_argument(
        "--keep",
        type=real("(0, 1]"),
        default=0.6,
        metavar="X",
        help="share that the policies' tables begin with (0.6)",
    )
    command.add_argument(
        "--rule", choices=RULES, help="which labels look wrong (posterior, or partial-sign)"
    )
    command.add_argument(
        "--true-labels",
        metavar="FILE",
        help=".npy, or one a line: shows how many of the wrong labels are found",
    )
    command.add_argument(
        "--reviewed",
        metavar="FILE",
        help="a .csv of such a page: what is fine there is no suspect any more",
    )
    add_shown(command)
    command.add_argument(
        "--num-workers", type=integer(0), metavar="N", help="threads that read pictures (4)"
    )


def run(args: argparse.Namespace) -> None:
    """Write the page of some scores, with pictures if their source is named."""
    check_output(args.output, args.scores, args.source, args.true_labels, args.reviewed)
    scores = CGScores.load(args.scores)
    opened = None if args.source is None else opened_source(args, scores)
    write_report(
        scores,
        args.output,
        to_see(args, opened),
        keep=args.keep,
        rule=args.rule,
        reviewed=args.reviewed,
        called=args.scores,
        num_workers=args.num_workers,
        progress=shows_progress(args),
        true_labels=None if args.true_labels is None else load_labels(args.true_labels),
        **({"title": f"What is in {args.source}"} if args.source else {}),
    )
    size = Path(args.output).stat().st_size
    found = {"output": args.output, "bytes": size, "examples": len(scores)}
    say(args, f"{args.output}: {size / 1e6:.1f} MB", found)
    if args.open:
        webbrowser.open(Path(args.output).resolve().as_uri())


def opened_source(args: argparse.Namespace, scores: CGScores) -> Opened:
    """Open the source of the arguments as it was opened for scoring; check that it is the same."""
    reading = noted_reading(scores.metadata.get("source", {}))
    opened = open_source(args.source, **reading, progress=shows_progress(args))
    check_source(opened, scores, args.scores)
    return opened


def check_source(opened: Opened, scores: CGScores, where: str) -> None:
    """Raise CacheMismatchError unless ``scores`` are of these data."""
    source = Source(opened.dataset, opened.features, opened.labels, transform=opened.transform)
    source.check_listed(scores, where)
    try:
        source.check_content(scores, where)
    except CacheMismatchError as error:
        if "source" in scores.metadata:
            raise
        raise CacheMismatchError(
            "%s Or write the page in Python, by torch_cgprune.report.write_report: these scores "
            "were made there, perhaps with a transform or features of their own.",
            error,
        ) from error
