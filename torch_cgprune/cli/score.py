"""``torch-cgprune score``: from a dataset to a file of scores."""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import torch

from torch_cgprune.cli.image_files import load_image, unreadable
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.output import UsageError, check_output, say, shows_progress
from torch_cgprune.cli.source import READING, open_source
from torch_cgprune.dataset import CGScoredDataset
from torch_cgprune.errors import UnreadableImageError
from torch_cgprune.inputs.bad_rows import some_of
from torch_cgprune.inputs.loading import workers_for
from torch_cgprune.inputs.names import find_names
from torch_cgprune.report.summary import facts, in_words
from torch_cgprune.scores import CGScores

_SCORING = ("method", "ratio", "runs", "block_size", "ridge", "standardise", "seed")


def run(args: argparse.Namespace) -> None:
    """Score what the arguments name, or find that it was scored before."""
    check_output(args.output, args.source, args.labels, args.features)
    if Path(args.output).suffix.lower() != ".safetensors":
        raise UsageError(
            f"Scores are written as .safetensors. Got {args.output!r} instead: name it so; lists "
            "are made of it by select."
        )
    start = time.perf_counter()
    progress = shows_progress(args)
    reading = {name: getattr(args, name) for name in READING}
    opened = open_source(args.source, **reading, download=args.download, progress=progress)
    scored = _scored(opened, args, progress=progress)
    scores = _noted(scored.scores, reading, opened, args)
    seconds = time.perf_counter() - start
    found = {**facts(scores), "seconds": seconds, "output": args.output}
    how = "was there, of the same data and options"
    if scored.computed:
        how = f"written in {seconds:.1f} s"
    say(args, f"{in_words(found)}\n\n{args.output}: {how}", found)


def _scored(opened: Opened, args: argparse.Namespace, *, progress: bool) -> CGScoredDataset:
    try:
        return CGScoredDataset(
            opened.dataset,
            cache=args.output,
            features=opened.features,
            labels=opened.labels,
            transform=opened.transform,
            num_workers=_workers(opened, args.num_workers),
            on_mismatch="recompute" if args.overwrite else "error",
            device=args.device,
            dtype=getattr(torch, args.dtype),
            storage=args.storage,
            progress=progress,
            **{name: getattr(args, name) for name in _SCORING},
        )
    except UnreadableImageError as error:
        raise _all_unreadable(opened, progress=progress) from error


def _workers(opened: Opened, asked: int | None) -> int | None:
    """Return how many processes read: image files are each opened anew, wherever that is."""
    own_files = opened.features is None and find_names(opened.dataset) is not None
    return workers_for(len(opened.dataset)) if asked is None and own_files else asked


def _all_unreadable(opened: Opened, *, progress: bool) -> UnreadableImageError:
    """Look for the other files that cannot be read too: there is seldom one alone."""
    bad = unreadable(opened.dataset, progress=progress)
    paths = [opened.dataset.samples[i][0] for i in bad]
    listed = some_of([*map(repr, paths)])
    return UnreadableImageError(
        f"{len(bad)} of {len(opened.dataset)} images cannot be read: {listed}. {_reason(paths[0])} "
        "Delete or mend them, or pass --skip-unreadable."
    )


def _reason(path: str) -> str:
    """Return why a file cannot be read; a missing one is of a list, whose folder may be wrong."""
    if not Path(path).exists():
        return "There is no such file: paths in a list start at the list's folder."
    try:
        load_image(path)
    except UnreadableImageError as error:
        return str(error)
    return ""


def _noted(
    scores: CGScores, reading: dict[str, Any], opened: Opened, args: argparse.Namespace
) -> CGScores:
    """Write down beside the scores where they came from, so that the report finds it."""
    files = {name: reading[name] for name in ("labels", "features") if reading[name] is not None}
    reading |= {name: str(Path(file).resolve()) for name, file in files.items()}
    source = {"source": args.source, **reading, "skipped": [*opened.skipped]}
    if scores.metadata.get("source") == source:
        return scores
    scores = dataclasses.replace(scores, metadata={**scores.metadata, "source": source})
    scores.save(args.output)
    return scores
