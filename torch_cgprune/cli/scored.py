"""Scores in a file, with the source that they are of, which is opened when its rows are needed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from torch import Tensor

from torch_cgprune.cli.encoding import encoder_of
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.output import UsageError, shows_progress
from torch_cgprune.cli.reading import noted_reading, reading_of
from torch_cgprune.cli.source import open_source
from torch_cgprune.cli.unreadable import all_unreadable_named, workers_of
from torch_cgprune.dataset.source import Source
from torch_cgprune.scores import CGScores
from torch_cgprune.scoring.columns import rows_as_scored

# Where scores keep what they are of.
_KEY = "source"


class ScoredSource:
    """Scores in a file and the rows they are of, as ``advise`` and samplers take them.

    Args:
        args: of a command: ``scores``, the file. Where it takes a ``source`` and how that is read,
            these are instead of what was noted beside the scores.

    Attributes:
        scores: of the file.
        shows_progress: whether somebody is there to see a progress bar.

    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.scores = CGScores.load(args.scores)
        self.shows_progress = shows_progress(args)
        self._is_noted = getattr(args, "source", None) is None
        self._args = _completed(args, self.scores.metadata.get(_KEY, {}))

    def rows(self) -> Tensor:
        """Return the (n, d) rows that were scored, read again or from the encoder's file.

        Raises:
            UsageError: nobody has said what the scores are of.
            CacheMismatchError: they are of other data.

        """
        args = self._args
        if args.source is None:
            raise UsageError(
                f"The scores in {args.scores!r} do not say what they are of, as those made in "
                f"Python. Name it: torch-cgprune advise {args.scores} SOURCE."
            )
        progress = self.shows_progress
        opened = self._open(progress=progress)
        with all_unreadable_named(opened, progress=progress):
            data = self._source(opened, progress=progress)
            data.check(self.scores, args.scores, everything=False)
            features = data.read().features
        self.scores.metadata[_KEY] = note(args, opened)
        return rows_as_scored(features, self.scores.metadata)

    def _open(self, *, progress: bool) -> Opened:
        args = self._args
        try:
            return open_source(
                args.source, **reading_of(args), download=args.download, progress=progress
            )
        except FileNotFoundError as error:
            if not self._is_noted:
                raise
            raise FileNotFoundError(
                f"{error} It was there when {args.scores!r} was made. Name it where it is now: "
                f"torch-cgprune advise {args.scores} SOURCE."
            ) from error

    def _source(self, opened: Opened, *, progress: bool) -> Source:
        args = self._args
        return Source(
            opened.dataset,
            opened.features if args.encoder is None else encoder_of(args, opened),
            opened.labels,
            transform=opened.transform,
            num_workers=workers_of(opened, args.num_workers),
            progress=progress,
            device=args.device,
            cache=args.scores,
        )

    def save_scores(self) -> None:
        """Write the scores into their file again, with what was added to them."""
        self.scores.save(self._args.scores)


def _completed(args: argparse.Namespace, noted: dict[str, Any]) -> argparse.Namespace:
    """Return arguments with what was noted in place of what is not given."""
    how = {**dict.fromkeys(("source", "weights", "device", "num_workers")), "download": False}
    found = {**how, **reading_of(argparse.Namespace()), **noted_reading(noted)}
    found |= {name: noted[name] for name in (_KEY, "weights") if name in noted}
    given = {name: value for name, value in vars(args).items() if value or name not in found}
    for one, other in (("features", "encoder"), ("encoder", "features")):
        if given.get(one):
            found[other] = None
    return argparse.Namespace(**found | given)


def note(args: argparse.Namespace, opened: Opened) -> dict[str, Any]:
    """Return what is written down beside scores, to find again what they are of.

    Args:
        args: of the command that has read it.
        opened: what it has read.

    """
    reading = {**reading_of(args), "weights": args.weights}
    files = {name: reading[name] for name in ("labels", "features", "weights") if reading[name]}
    reading |= {name: str(Path(file).resolve()) for name, file in files.items()}
    return {_KEY: args.source, **reading, "skipped": [*opened.skipped]}
