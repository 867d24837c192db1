"""``torch-cgprune encode`` of ``hf:NAME`` to a folder: read as a stream, part by part."""

from __future__ import annotations

import argparse
import dataclasses
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch_cgprune.cli.columns import usual_label_column
from torch_cgprune.cli.encoding import check_folder, check_named, encoder_of
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.output import UsageError, say, shows_progress
from torch_cgprune.cli.ranks import ranks_of_launcher
from torch_cgprune.cli.saved_datasets import PREFIX, open_stream
from torch_cgprune.inputs.tables import names_in
from torch_cgprune.report.summary import many
from torch_cgprune.streams import encode_stream
from torch_cgprune.streams.rows import check_columns, image_column, key_column, kinds_in


@dataclass(frozen=True)
class _Sample:
    """What the first sample of a stream says of all: see ``Columned``."""

    path: str
    columns: Mapping[str, str]


def run(args: argparse.Namespace) -> None:
    """Write the features of a stream, in a file for every part that has none yet."""
    _check(args)
    args.mismatch = "Name another folder."
    start = time.perf_counter()
    stream = open_stream(args.source.removeprefix(PREFIX), download=args.download)
    encoder = dataclasses.replace(encoder_of(args, Opened(None)), device=args.device)
    examples = encode_stream(
        stream,
        encoder,
        args.output,
        **_columns(stream, args),
        name=re.sub(r"[^\w.-]+", "-", args.source.removeprefix(PREFIX)).strip("-")[-100:],
        num_workers=args.num_workers,
        progress=shows_progress(args),
    )
    seconds = time.perf_counter() - start
    said = f"{args.output}: {many(examples, 'example')} encoded, in {seconds:.1f} s"
    say(args, said, {"output": args.output, "examples": examples, "seconds": seconds})


def _check(args: argparse.Namespace) -> None:
    check_named(args)
    check_folder(args.output)
    for option in ("feature_columns", "resize", "skip_unreadable", "overwrite"):
        if getattr(args, option):
            raise UsageError(
                f"The option --{option.replace('_', '-')} is not for {args.source!r} to a folder, "
                "which is read as a stream: leave it out, or name a file with -o, as x.features."
            )
    if ranks_of_launcher().size > 1:
        raise UsageError("A stream is read by one process: start it without torchrun.")


def _columns(stream: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Return which fields of the samples hold what, as ``encode_stream`` takes them.

    Raises:
        ValueError: one that is named is not there; no images, or several columns of them.

    """
    first = next(iter(stream), None)
    if first is None:
        raise ValueError(f"The stream {args.source!r} has no samples: there is nothing to encode.")
    sample = _Sample(args.source, kinds_in(first))
    kinds = stream.features or {}
    classes = {column: names_in(kinds.get(column)) for column in sample.columns}
    label = args.label_column or usual_label_column(classes)
    check_columns(sample, [name for name in (args.text_column, label) if name is not None])
    image = args.text_column or image_column(sample, args.path_column)
    return {"image": image, "label": label, "key": key_column(sample)}
