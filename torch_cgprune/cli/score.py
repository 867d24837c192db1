"""``torch-cgprune score``: from a dataset to a file of scores."""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import torch

from torch_cgprune.cli.encoding import check_encoder, encoder_of
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.option_types import integer, real, ridge
from torch_cgprune.cli.output import UsageError, check_output, say, shows_progress
from torch_cgprune.cli.ranks import together
from torch_cgprune.cli.reading import SOURCE, add_reading, reading_of
from torch_cgprune.cli.scored import note
from torch_cgprune.cli.source import open_source
from torch_cgprune.cli.unreadable import all_unreadable_named, workers_of
from torch_cgprune.dataset import CGScoredDataset
from torch_cgprune.lists.shards import KEY as SHARDS
from torch_cgprune.report.summary import facts, in_words
from torch_cgprune.scores import CGScores
from torch_cgprune.scoring.options import METHODS

_SCORING = ("method", "ratio", "runs", "block_size", "ridge", "standardise", "near", "seed")


EXAMPLES = """examples:
  torch-cgprune score animals/train -o animals.safetensors
  torch-cgprune score fashion-mnist:data -o fmnist.safetensors --method local
  torch-cgprune score animals/train -o animals.safetensors --encoder efficientnet_lite:lite0
  torch-cgprune score train.npz --keys x_train y_train -o train.safetensors
  torch-cgprune score train.parquet --label-column kind -o train.safetensors
  torch-cgprune score hf:saved/animals -o animals.safetensors
  torchrun --nproc-per-node 4 -m torch_cgprune score features -o train.safetensors"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    command.set_defaults(mismatch="Name another file, or pass --overwrite.")
    command.add_argument("source", metavar="SOURCE", help=SOURCE)
    command.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="of the scores (.safetensors)"
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace scores of other data or options"
    )
    add_reading(command)
    _add_scoring(command.add_argument_group("the scoring"))


def _add_scoring(scoring: Any) -> None:
    scoring.add_argument(
        "--method",
        choices=METHODS,
        default="auto",
        help="(auto: exact up to 25,000 examples, iterative up to 65,536, then local)",
    )
    scoring.add_argument(
        "--ridge",
        type=ridge,
        metavar="X",
        help="or auto, the likeliest; 0 is the paper's (auto; stochastic: 0)",
    )
    scoring.add_argument(
        "--standardise",
        action="store_true",
        help="bring columns of different units to mean 0 and deviation 1",
    )
    scoring.add_argument(
        "--near",
        type=real("(0, 1]"),
        metavar="X",
        help="exact, iterative, local: find near copies, of this cosine or more, as 0.99",
    )
    scoring.add_argument(
        "--runs", type=integer(1), metavar="N", help="local, stochastic: draws to average"
    )
    scoring.add_argument(
        "--block-size", type=integer(2), metavar="N", help="local: rows per block (2048)"
    )
    scoring.add_argument(
        "--ratio",
        type=real("(0, inf)"),
        default=4.0,
        metavar="X",
        help="stochastic: others per row of the class (4)",
    )
    scoring.add_argument("--seed", type=integer(0), default=0, metavar="N", help="of the draws (0)")
    scoring.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    scoring.add_argument("--device", metavar="D", help="cpu, cuda, cuda:1 (CUDA if there is one)")
    scoring.add_argument(
        "--storage", metavar="FOLDER", help="for what of the matrix finds no room in memory"
    )


def run(args: argparse.Namespace) -> None:
    """Score what the arguments name, or find that it was scored before."""
    check_encoder(args)
    check_output(args.output, args.source, args.labels, args.features, args.weights)
    if Path(args.output).suffix.lower() != ".safetensors":
        raise UsageError(
            f"Scores are written as .safetensors. Got {args.output!r} instead: name it so; lists "
            "are made of it by select."
        )
    start = time.perf_counter()
    progress = shows_progress(args)
    reading = {**reading_of(args), "download": args.download, "progress": progress}
    with together() as ranks:
        opened = open_source(args.source, **reading)
        scored = _scored(opened, args, progress=progress)
        if ranks.rank > 0:
            return
        scores = _noted(scored.scores, opened, args)
    seconds = time.perf_counter() - start
    found = {**facts(scores), "seconds": seconds, "output": args.output}
    how = "was there, of the same data and options"
    if scored.computed:
        how = f"written in {seconds:.1f} s"
    say(args, f"{in_words(found)}\n\n{args.output}: {how}", found)


def _scored(opened: Opened, args: argparse.Namespace, *, progress: bool) -> CGScoredDataset:
    with all_unreadable_named(opened, progress=progress):
        return CGScoredDataset(
            opened.dataset,
            cache=args.output,
            features=opened.features if args.encoder is None else encoder_of(args, opened),
            labels=opened.labels,
            transform=opened.transform,
            num_workers=workers_of(opened, args.num_workers),
            on_mismatch="recompute" if args.overwrite else "error",
            device=args.device,
            dtype=getattr(torch, args.dtype),
            storage=args.storage,
            progress=progress,
            **{name: getattr(args, name) for name in _SCORING},
        )


def _noted(scores: CGScores, opened: Opened, args: argparse.Namespace) -> CGScores:
    """Write down beside the scores where they came from, so that other commands find it."""
    noted: dict[str, Any] = {"source": note(args, opened)}
    if opened.places is not None:
        noted[SHARDS] = opened.places.noted()
    if all(scores.metadata.get(name) == value for name, value in noted.items()):
        return scores
    scores = dataclasses.replace(scores, metadata={**scores.metadata, **noted})
    scores.save(args.output)
    return scores
