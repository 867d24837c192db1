"""``torch-cgprune encode`` of shards: a file of features for each, dealt to ranks."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import time
from pathlib import Path
from typing import Any

from torch_cgprune.cli.chosen import label_names
from torch_cgprune.cli.encoding import check_folder, check_named, encoder_of
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.output import UsageError, say, shows_progress
from torch_cgprune.cli.ranks import ranks_of_launcher
from torch_cgprune.cli.reading import reading_of
from torch_cgprune.cli.source import open_source
from torch_cgprune.cli.unreadable import all_unreadable_named, workers_of
from torch_cgprune.encoders import Encoder, encode_dataset
from torch_cgprune.errors import CacheMismatchError
from torch_cgprune.inputs.names import find_names
from torch_cgprune.inputs.rows import as_matrix
from torch_cgprune.report.summary import many
from torch_cgprune.streams.features import ENDING, ShardFeatures, is_made
from torch_cgprune.streams.members import shard_name
from torch_cgprune.utils.progress import progress_bar


def run(args: argparse.Namespace, shards: list[str]) -> None:
    """Write the features of every shard of this rank that has none yet.

    Under ``torchrun`` every rank takes its own shards; they need not wait for each other.
    """
    if len({*map(shard_name, shards)}) < len(shards):
        raise UsageError("Two of the shards have one name: call their files differently.")
    check_folder(args.output)
    folder, start = Path(args.output), time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    mine = [*ranks_of_launcher().mine(shards)]
    encoder = functools.cache(lambda: encoder_of(args, Opened(None)))
    made, examples, skipped = 0, 0, list[str]()
    with progress_bar("Encoding shards", len(mine), "shard", show=shows_progress(args)) as bar:
        for shard in mine:
            target, content = (
                folder / f"{shard_name(shard)}{ENDING}",
                _content(shard, args, encoder),
            )
            if not _is_made(target, content, args):
                features, left_out = _encoded(shard, args, encoder)
                features.write(target, content)
                made, examples = made + 1, examples + len(features.keys)
                skipped += left_out
            bar.update(1)
    seconds = time.perf_counter() - start
    found = {"shards": len(mine), "made": made, "examples": examples, "skipped": skipped}
    said = f"{many(examples, 'example')} of {many(made, 'shard')} encoded"
    said += f", {many(len(mine) - made, 'shard')} there before" if made < len(mine) else ""
    lines = [f"{args.output}: {said}, in {seconds:.1f} s", *(f"left out: {s}" for s in skipped)]
    say(args, "\n".join(lines), {**found, "output": args.output, "seconds": seconds})


def _is_made(target: Path, content: dict[str, str], args: argparse.Namespace) -> bool:
    try:
        return is_made(target, content)
    except CacheMismatchError:
        if args.overwrite:
            return False
        raise


def _content(shard: str, args: argparse.Namespace, encoder: Any) -> dict[str, str]:
    """Return what a file of features is made of, by which it is known again."""
    if not Path(shard).is_file():
        raise FileNotFoundError(f"There is no shard {shard!r}.")
    identity = "none" if args.encoder is None else str(encoder().identity)
    options = {name: value for name, value in reading_of(args).items() if value}
    options.pop("encoder", None)
    size = f"{Path(shard).stat().st_size} bytes"
    return {"encoder": identity, "content": size, "options": repr(sorted(options.items()))}


def _encoded(
    shard: str, args: argparse.Namespace, encoder: Any
) -> tuple[ShardFeatures, tuple[str, ...]]:
    """Return the features of a shard, and the names of the examples that are left out."""
    progress = shows_progress(args)
    how = {"download": args.download, "progress": progress, "labelled": False}
    opened = open_source(shard, **reading_of(args), **how)
    name, n = shard_name(shard), len(opened.dataset)
    rows = _rows(opened, args, encoder, progress=progress)
    places = opened.places
    positions = range(n) if places is None else places.positions.tolist()
    names = find_names(opened.dataset) or [f"{name}/{row}" for row in positions]
    features = ShardFeatures(
        name,
        rows,
        [full.removeprefix(f"{name}/") for full in names],
        label_names(opened),
        positions,
        n if places is None else places.sizes[name],
    )
    return features, opened.skipped


def _rows(opened: Opened, args: argparse.Namespace, encoder: Any, *, progress: bool) -> Any:
    if args.encoder is None:
        if opened.features is None or isinstance(opened.features, str):
            check_named(args)
        return as_matrix(opened.features)
    column = opened.features if isinstance(opened.features, str) else None
    used: Encoder = dataclasses.replace(encoder(), device=args.device, column=column)
    with all_unreadable_named(opened, progress=progress):
        encoded, _ = encode_dataset(
            opened.dataset,
            used,
            transform=opened.transform,
            num_workers=workers_of(opened, args.num_workers),
            progress=progress,
        )
    return encoded.features
