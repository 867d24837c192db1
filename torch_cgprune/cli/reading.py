"""The options that say how a source is read: every command that reads one takes these."""

from __future__ import annotations

import argparse
from typing import Any

from torch_cgprune.cli.encoding import add_encoder
from torch_cgprune.cli.option_types import integer
from torch_cgprune.cli.source import KNOWN

SOURCE = (
    "a folder with one folder of images per class; a table (.csv, .tsv, packed as .gz, .parquet, "
    ".jsonl) of paths, texts or numbers, with labels; an .npz, .npy or .safetensors file of "
    "features and labels; .tar shards, by a pattern as 'train-{000..099}.tar', or the folder of "
    "features that encode makes of them; hf:FOLDER, what datasets has saved; or NAME:ROOT, the "
    f"training part of a torchvision dataset below a folder, NAME being {', '.join(KNOWN)}"
)

# How a source is read, beside its name: kept with the scores, for the report to read it likewise.
_COLUMNS = ("path_column", "text_column", "feature_columns", "label_column")
_READING = ("labels", "keys", "features", "encoder", "resize", "skip_unreadable", *_COLUMNS)


def add_reading(
    command: argparse.ArgumentParser, *, scored: bool = True, items: bool = True
) -> None:
    """Tell the parser of a command how its source is read.

    Args:
        command: the parser.
        scored: whether labels are wanted, and features may be there.
        items: whether every item is looked at.

    """
    options = command.add_argument_group("the data")
    if scored:
        _add_arrays(options)
    add_encoder(options)
    _add_columns(options)
    options.add_argument(
        "--resize", type=integer(1), metavar="N", help="scale images to N x N pixels"
    )
    options.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out files that cannot be read, images and rows of zeros or with NaN",
    )
    if items:
        _add_items(options)


def _add_arrays(options: Any) -> None:
    options.add_argument("--labels", metavar="FILE", help=".npy, or one a line: instead of its own")
    options.add_argument(
        "--keys",
        nargs=2,
        metavar=("FEATURES", "LABELS"),
        help="what they are called in the file (features labels)",
    )
    options.add_argument(
        "--features",
        metavar="FILE",
        help=".npy, .safetensors or .features: scored instead of the images or texts",
    )


def _add_columns(options: Any) -> None:
    options.add_argument(
        "--path-column", metavar="NAME", help="of a table: paths of images, or images (path)"
    )
    options.add_argument("--text-column", metavar="NAME", help="of a table: texts")
    options.add_argument(
        "--feature-columns",
        nargs="+",
        metavar="NAME",
        help="of a table: numbers (all that are, where it has no images)",
    )
    options.add_argument(
        "--label-column", metavar="NAME", help="of a table: labels (label, or the only classes)"
    )


def _add_items(options: Any) -> None:
    options.add_argument(
        "--download",
        action="store_true",
        help="fetch what is not there: the dataset, the encoder",
    )
    options.add_argument(
        "--num-workers",
        type=integer(0),
        metavar="N",
        help="processes (image files: by size)",
    )


def reading_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return how the source is read, as ``open_source`` takes it."""
    return {name: getattr(args, name, None) for name in _READING}


def noted_reading(noted: dict[str, Any]) -> dict[str, Any]:
    """Return how a source was read, from what was noted beside its scores."""
    return {name: noted[name] for name in _READING if name in noted}
