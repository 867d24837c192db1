"""The encoder that is named on the command line."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.output import UsageError
from torch_cgprune.encoders import Encoder, load


def add_encoder(options: Any) -> None:
    """Tell a parser, or a group of its options, how an encoder is named."""
    options.add_argument(
        "--encoder",
        metavar="NAME",
        help="what makes features of images or texts: torchvision:resnet50, timm:NAME, "
        "open_clip:NAME/TAG, transformers:NAME or :FOLDER, efficientnet_lite:lite0",
    )
    options.add_argument(
        "--weights", metavar="FILE", help="of the encoder: .safetensors, or of torch.save"
    )


def check_encoder(args: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go with the encoder, or not without one."""
    if args.encoder is None and args.weights is not None:
        raise UsageError("The option --weights is of an encoder. Name it with --encoder.")
    if args.encoder is not None and args.features is not None:
        raise UsageError(
            "The options --encoder and --features exclude each other: both say what is scored. "
            "Leave one out."
        )


def check_named(args: argparse.Namespace) -> None:
    """Raise UsageError where features are to be made, and no encoder is named."""
    if args.encoder is None:
        raise UsageError("What makes the features? Name it with --encoder NAME.")


def check_folder(output: str) -> None:
    """Raise UsageError where features of shards, or of a stream, would go to a file."""
    if Path(output).is_file():
        raise UsageError(
            f"Features of shards go to a folder, a file for each. Got the file {output!r}."
        )


def encoder_of(args: argparse.Namespace, opened: Opened) -> Encoder:
    """Return the encoder of the arguments, for a source that is opened."""
    encoder = load(args.encoder, args.weights, download=args.download)
    column = opened.features if isinstance(opened.features, str) else None
    return dataclasses.replace(encoder, column=column)
