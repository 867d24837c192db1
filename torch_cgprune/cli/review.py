"""``torch-cgprune review``: the page, whose decisions are written to a file as they are made."""

from __future__ import annotations

import argparse
import contextlib
import sys
import webbrowser

from torch_cgprune.cli.option_types import add_scores, integer
from torch_cgprune.cli.output import check_output, say, shows_progress
from torch_cgprune.cli.report import opened_source
from torch_cgprune.cli.shown_columns import add_shown, to_see
from torch_cgprune.noise import RULES
from torch_cgprune.report.contents import Drawing
from torch_cgprune.report.pictures import THREADS
from torch_cgprune.report.review import Review
from torch_cgprune.report.serving import ReviewServer
from torch_cgprune.report.summary import many
from torch_cgprune.scores import CGScores

EXAMPLES = """examples:
  torch-cgprune review animals.safetensors animals/train --open
  torch-cgprune review animals.safetensors animals/train -o decided.csv --port 8000

The page is served to this machine alone, under an address that nobody can guess; from another one:
ssh -L 8000:127.0.0.1:8000 MACHINE. What the file has already is taken up. Ctrl-C ends."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    command.set_defaults(mismatch="Score it again, or name what these scores are of.")
    add_scores(command)
    command.add_argument(
        "source", metavar="SOURCE", nargs="?", help="what was scored, to show its examples"
    )
    command.add_argument(
        "-o",
        "--output",
        default="relabel.csv",
        metavar="FILE",
        help="of the decisions, .csv (relabel.csv)",
    )
    command.add_argument("--open", action="store_true", help="open it in the browser")
    command.add_argument(
        "--port", type=integer(0), default=0, metavar="N", help="of this machine (a free one)"
    )
    command.add_argument(
        "--rule", choices=RULES, help="which labels look wrong (posterior, or partial-sign)"
    )
    add_shown(command)
    command.add_argument(
        "--num-workers", type=integer(0), metavar="N", help="threads that read pictures (4)"
    )


def run(args: argparse.Namespace) -> None:
    """Serve the page until somebody ends it."""
    check_output(args.output, args.scores, args.source)
    scores = CGScores.load(args.scores)
    opened = None if args.source is None else opened_source(args, scores)
    threads = THREADS if args.num_workers is None else args.num_workers
    drawing = Drawing(to_see(args, opened), threads, progress=shows_progress(args))
    title = f"What is in {args.source}" if args.source else "What is in the data"
    review = Review(scores, args.output, drawing, title=title, rule=args.rule, called=args.scores)
    with ReviewServer(review, args.port) as server:
        found = {"address": server.address, "output": args.output}
        say(args, f"{server.address}\ndecisions go to {args.output}; Ctrl-C ends", found)
        sys.stdout.flush()
        if args.open:
            webbrowser.open(server.address)
        # That is how one ends it.
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    if not args.json:
        say(args, f"\n{args.output}: {many(len(review.decided), 'decision')}", {})
