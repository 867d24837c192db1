"""``torch-cgprune info``: what is in a file of scores."""

from __future__ import annotations

import argparse

from torch_cgprune.cli.output import say
from torch_cgprune.report.summary import facts, in_words
from torch_cgprune.scores import CGScores


def run(args: argparse.Namespace) -> None:
    """Show a summary of the scores in a file."""
    found = facts(CGScores.load(args.scores))
    say(args, in_words(found), found)
