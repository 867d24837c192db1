"""``torch-cgprune export``: from scores to a table of all examples."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from torch_cgprune.cli.option_types import add_scores
from torch_cgprune.cli.output import UsageError, check_output, say, write
from torch_cgprune.lists import TABLES, listed
from torch_cgprune.scores import CGScores

EXAMPLES = """columns:
  index, path, label, score, wrong_probability, suggested_label,
  suggested_probability, copy_group; what the method does not have is empty

examples:
  torch-cgprune export animals.safetensors -o animals.csv
  torch-cgprune export animals.safetensors -o animals.parquet"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    add_scores(command)
    command.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="of the table (.csv or .parquet)"
    )


def run(args: argparse.Namespace) -> None:
    """Write the table of all examples."""
    form = Path(args.output).suffix.lower().removeprefix(".")
    if form not in TABLES:
        raise UsageError(f"The table {args.output!r} must end in .csv or .parquet: name it so.")
    check_output(args.output, args.scores)
    scores = CGScores.load(args.scores)
    write(listed(torch.arange(len(scores)), scores, form), args.output)
    said = f"{args.output}: {len(scores)} examples"
    say(args, said, {"output": args.output, "examples": len(scores)})
