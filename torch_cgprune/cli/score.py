"""``torch-cgprune score``: from a dataset to a file of scores."""

from __future__ import annotations

import argparse
import dataclasses
import time
from typing import Any

import torch

from torch_cgprune.cli.output import say, shows_progress
from torch_cgprune.dataset import CGScoredDataset
from torch_cgprune.errors import BadRowError, UnreadableImageError
from torch_cgprune.files import check_writable
from torch_cgprune.images import unreadable
from torch_cgprune.names import find_names
from torch_cgprune.opening import Opened, open_source
from torch_cgprune.scores import CGScores
from torch_cgprune.summary import facts, in_words

# How a source is read: kept with the scores, so that the report reads it in the same way.
_READING = ("source", "labels", "keys", "features", "resize", "skip_unreadable")
_SCORING = ("method", "ratio", "runs", "block_size", "ridge", "seed")


def run(args: argparse.Namespace) -> None:
    """Score what the arguments name, or find that it was scored before."""
    check_writable(args.output)
    start, progress = time.perf_counter(), shows_progress(args)
    reading = {name: getattr(args, name) for name in _READING}
    opened = open_source(**reading, download=args.download, progress=progress)
    scores = _noted(_scored(opened, args, progress=progress), reading, opened, args.output)
    seconds = time.perf_counter() - start
    found = {**facts(scores), "seconds": seconds, "output": args.output}
    say(args, f"{in_words(found)}\n\n{args.output}: written in {seconds:.1f} s", found)


def _scored(opened: Opened, args: argparse.Namespace, *, progress: bool) -> CGScores:
    try:
        return CGScoredDataset(
            opened.dataset,
            cache=args.output,
            features=opened.features,
            labels=opened.labels,
            transform=opened.transform,
            num_workers=args.num_workers,
            on_mismatch="recompute" if args.overwrite else "error",
            device=args.device,
            dtype=getattr(torch, args.dtype),
            storage=args.storage,
            progress=progress,
            **{name: getattr(args, name) for name in _SCORING},
        ).scores
    except UnreadableImageError as error:
        raise _all_unreadable(opened, progress=progress) from error
    except BadRowError as error:
        names = find_names(opened.dataset)
        if names is None or error.row is None:
            raise
        raise ValueError(f"The image {names[error.row]!r} cannot be scored. {error}") from error


def _all_unreadable(opened: Opened, *, progress: bool) -> UnreadableImageError:
    """Look for the other files that cannot be read too: there is seldom one alone."""
    bad = unreadable(opened.dataset, progress=progress)
    paths = [repr(opened.dataset.samples[i][0]) for i in bad[:5]]
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
    return UnreadableImageError(
        f"{len(bad)} of {len(opened.dataset)} images cannot be read: {', '.join(paths)}{more}. "
        "Delete or mend them, or pass --skip-unreadable."
    )


def _noted(scores: CGScores, reading: dict[str, Any], opened: Opened, path: str) -> CGScores:
    """Write down beside the scores where they came from."""
    source = {**reading, "skipped": [*opened.skipped]}
    if scores.metadata.get("source") == source:
        return scores
    scores = dataclasses.replace(scores, metadata={**scores.metadata, "source": source})
    scores.save(path)
    return scores
