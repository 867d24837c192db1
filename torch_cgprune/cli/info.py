"""``torch-cgprune info``: what is in a file of scores."""

from __future__ import annotations

import argparse

from torch_cgprune.cli.option_types import add_scores
from torch_cgprune.cli.output import say
from torch_cgprune.report.summary import facts, in_words
from torch_cgprune.scores import CGScores

EXAMPLES = """examples:
  torch-cgprune info animals.safetensors
  torch-cgprune info animals.safetensors --json | jq .suspects.count"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    add_scores(command)


def run(args: argparse.Namespace) -> None:
    """Show a summary of the scores in a file."""
    found = facts(CGScores.load(args.scores))
    say(args, in_words(found), found)
