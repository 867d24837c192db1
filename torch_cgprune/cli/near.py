"""``torch-cgprune near``: what a test set has in common with a training set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from torch_cgprune.cli.compared import Compared, compared
from torch_cgprune.cli.encoding import check_encoder, encoder_of
from torch_cgprune.cli.option_types import real
from torch_cgprune.cli.output import UsageError, check_output, say, shows_progress, write
from torch_cgprune.cli.pairs import Found, as_document, as_table, facts, in_words
from torch_cgprune.cli.reading import SOURCE, add_reading, reading_of
from torch_cgprune.cli.source import open_source
from torch_cgprune.errors import ArgumentValueError
from torch_cgprune.inputs.bad_rows import with_names
from torch_cgprune.scoring import near_copies

EXAMPLES = """examples:
  torch-cgprune near animals/train animals/test
  torch-cgprune near animals/train animals/test -o leaked.csv
  torch-cgprune select animals.safetensors --keep 1 --exclude leaked.csv -o kept.txt
  torch-cgprune near cifar10:data cifar10:data --near 0.999"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    command.add_argument("train", metavar="TRAIN", help=SOURCE)
    command.add_argument(
        "test",
        metavar="TEST",
        help="what must not be in TRAIN, likewise; of NAME:ROOT the test part",
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="of the pairs (.csv or .json): a list of TRAIN's, as --exclude of select takes it",
    )
    command.add_argument(
        "--near",
        type=real("(0, 1]"),
        default=0.99,
        metavar="X",
        help="cosine from which two are near copies; 1 for exact ones alone (0.99)",
    )
    command.add_argument("--device", metavar="D", help="cpu, cuda, cuda:1 (CUDA if there is one)")
    add_reading(command)
    test = command.add_argument_group("of TEST, where the options above are of TRAIN alone")
    test.add_argument("--test-labels", metavar="FILE", help="as --labels")
    test.add_argument("--test-features", metavar="FILE", help="as --features")


def run(args: argparse.Namespace) -> None:
    """Say which training examples are near copies of test examples, and list them."""
    check_encoder(args)
    if args.output is not None:
        _check_output(args)
    reading = reading_of(args)
    train = _read(args, args.train, reading, part="train")
    files = {"labels": args.test_labels, "features": args.test_features}
    test = _read(args, args.test, {**reading, **files}, part="test")
    found = _found(args, train, test)
    if args.output is not None:
        form = as_table if args.output.lower().endswith(".csv") else as_document
        write(form(found).encode("utf-8", "surrogateescape"), args.output)
    told = {**facts(found), "near": args.near, "output": args.output}
    say(args, in_words(found, told), told)


def _read(args: argparse.Namespace, source: str, reading: dict[str, Any], *, part: str) -> Compared:
    progress = shows_progress(args)
    opened = open_source(
        source, **reading, download=args.download, progress=progress, part=part, labelled=False
    )
    features = opened.features if args.encoder is None else encoder_of(args, opened)
    return compared(opened, features, args.num_workers, progress=progress)


def _check_output(args: argparse.Namespace) -> None:
    check_output(
        args.output,
        *(args.train, args.labels, args.features),
        *(args.test, args.test_labels, args.test_features),
    )
    if Path(args.output).suffix.lower() not in (".csv", ".json"):
        raise UsageError(
            f"The file {args.output!r} must end as its format says, in .csv or .json: a list is "
            "read back by its ending."
        )


def _found(args: argparse.Namespace, train: Compared, test: Compared) -> Found:
    lengths = [examples.matrix.shape[1] for examples in (train, test)]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f"The examples of {args.train!r} are {lengths[0]} numbers each, those of "
            f"{args.test!r} {lengths[1]}. Read both alike: pass --resize N for images of different "
            "sizes, or features of the same encoder."
        )
    options = {"near": args.near, "device": args.device, "progress": shows_progress(args)}
    try:
        return Found(train, test, near_copies(train.matrix, test.matrix, **options))
    except ArgumentValueError as error:
        if not error.rows:
            raise
        of_test = error.parameter == "others"
        names = (test if of_test else train).names
        told = error if names is None else with_names(error, names)
        raise ArgumentValueError("%s: %s", args.test if of_test else args.train, told) from error
