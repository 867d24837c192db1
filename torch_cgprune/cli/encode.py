"""``torch-cgprune encode``: from images or texts to a file of features."""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

from torch_cgprune.cli import encode_shards, encode_streams
from torch_cgprune.cli.encoding import check_named, encoder_of
from torch_cgprune.cli.output import UsageError, check_output, say, shows_progress
from torch_cgprune.cli.reading import SOURCE, add_reading, reading_of
from torch_cgprune.cli.row_shards import are_row_shards, row_shards
from torch_cgprune.cli.saved_datasets import PREFIX
from torch_cgprune.cli.shard_sources import SUFFIX
from torch_cgprune.cli.source import open_source
from torch_cgprune.cli.unreadable import all_unreadable_named, workers_of
from torch_cgprune.encoders import encode_dataset
from torch_cgprune.report.summary import many

EXAMPLES = """Of shards there is a file for each, in a folder: an interrupted run goes on at the
next one, and under torchrun every rank takes its own. To a folder, hf:NAME is read as a stream,
with --download from where it is published: a file for every 2,000 samples, and no copy of them.

examples:
  torch-cgprune encode animals/train --encoder efficientnet_lite:lite0 -o animals.features
  torch-cgprune score animals/train --features animals.features -o animals.safetensors
  torch-cgprune encode 'train-{000..099}.tar' --encoder torchvision:resnet50 -o features
  torch-cgprune encode 'part-{0..9}.parquet' --feature-columns embedding -o features
  torch-cgprune encode hf:NAME --download --encoder torchvision:resnet50 -o features
  torch-cgprune score features -o train.safetensors"""

_ENDINGS = (".features", ".safetensors")


def add_options(command: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    command.set_defaults(mismatch="Name another file, or pass --overwrite.")
    command.add_argument("source", metavar="SOURCE", help=SOURCE)
    command.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="of the features, for score --features (.features or .safetensors); a folder of those "
        "of shards, or of hf:NAME as a stream",
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace features of other data or encoders"
    )
    add_reading(command, scored=False)
    command.add_argument("--device", metavar="D", help="cpu, cuda, cuda:1 (CUDA if there is one)")


def run(args: argparse.Namespace) -> None:
    """Write the features of a source, or what is left of them after an interruption."""
    shards = row_shards(args.source)
    if shards[1:] or shards[0].endswith(SUFFIX) or are_row_shards(args.source):
        encode_shards.run(args, shards)
        return
    if args.source.startswith(PREFIX) and not _is_file(args.output):
        encode_streams.run(args)
        return
    _check(args)
    start = time.perf_counter()
    progress = shows_progress(args)
    how = {"download": args.download, "progress": progress, "labelled": False}
    opened = open_source(args.source, **reading_of(args), **how)
    encoder = dataclasses.replace(encoder_of(args, opened), cache=args.output, device=args.device)
    with all_unreadable_named(opened, progress=progress):
        encoded, _ = encode_dataset(
            opened.dataset,
            encoder,
            on_mismatch="recompute" if args.overwrite else "error",
            transform=opened.transform,
            num_workers=workers_of(opened, args.num_workers),
            progress=progress,
        )
    n, d = encoded.features.shape
    seconds = time.perf_counter() - start
    found = {
        "output": args.output,
        "encoder": args.encoder,
        "examples": n,
        "features": d,
        "skipped": [*opened.skipped],
        "seconds": seconds,
    }
    left_out = f", {len(opened.skipped):,} left out" if opened.skipped else ""
    said = f"{many(d, 'feature')} of {many(n, 'example')}{left_out}, in {seconds:.1f} s"
    say(args, f"{args.output}: {said}", found)


def _check(args: argparse.Namespace) -> None:
    """Fail on bad usage before anything is read."""
    check_named(args)
    if not _is_file(args.output):
        raise UsageError(
            f"Features are written as .features or .safetensors. Got {args.output!r} instead: name "
            "it so."
        )
    check_output(args.output, args.source, args.weights)


def _is_file(output: str) -> bool:
    return Path(output).suffix.lower() in _ENDINGS
