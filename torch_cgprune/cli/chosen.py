"""What a list keeps of a source: looked up, checked, and where it is."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.output import shows_progress
from torch_cgprune.cli.reading import noted_reading, reading_of
from torch_cgprune.cli.skipping import without_bad
from torch_cgprune.cli.source import open_source
from torch_cgprune.dataset.source import Source
from torch_cgprune.inputs.labels import encode_labels, find_labels
from torch_cgprune.inputs.names import find_class_names, find_names
from torch_cgprune.lists import read_decisions, read_examples, read_relabels
from torch_cgprune.lists.decisions import without_label
from torch_cgprune.lists.lookup import Examples, Known, counts_on_order
from torch_cgprune.scores import CGScores


@dataclass(frozen=True)
class Chosen:
    """What is kept of a source.

    Attributes:
        opened: the source, as it was scored.
        reading: how it was opened.
        examples: what is known of its n examples.
        kept: (m,) indices of what is kept.
        labels: (n,) their class codes, new ones included.
        numbered: a list that tells examples by numbers, which nothing was compared with.

    """

    opened: Opened
    reading: dict[str, Any]
    examples: Known
    kept: Tensor
    labels: Tensor
    numbered: str | None

    @property
    def dataset(self) -> Any:
        """The whole of what was opened."""
        dataset = self.opened.dataset
        return dataset.dataset if isinstance(dataset, Subset) else dataset

    @property
    def places(self) -> list[int]:
        """The m indices of what is kept, in the whole dataset."""
        dataset = self.opened.dataset
        places = dataset.indices if isinstance(dataset, Subset) else range(len(dataset))
        return [places[i] for i in self.kept.tolist()]

    @property
    def rows(self) -> list[int]:
        """The m numbers of the rows of a table that are kept."""
        rows = self.opened.rows
        return self.places if rows is None else [rows[i] for i in self.kept.tolist()]

    @property
    def names(self) -> list[str]:
        """The m labels of what is kept."""
        return [self.examples.class_names[code] for code in self.labels[self.kept].tolist()]

    @property
    def relabelled(self) -> Tensor:
        """(m,) bool, what of it has a new label."""
        return (self.labels != self.examples.labels)[self.kept]


def choose(args: argparse.Namespace) -> Chosen:
    """Open the source of the arguments, and look up in it what the list keeps.

    Raises:
        FileNotFoundError, ValueError: no such source or list, or a list of something else.

    """
    scores = None if args.scores is None else CGScores.load(args.scores)
    reading = reading_of(args)
    if scores is not None:
        given = {name: value for name, value in reading.items() if value}
        reading = noted_reading(scores.metadata.get("source", {})) | given
    opened = open_source(args.source, **reading, progress=shows_progress(args))
    if scores is not None:
        _check_scores(opened, scores, args.scores)
    examples: Known = _examples(opened) if scores is None else scores
    kept = read_examples(args.kept, len(examples), examples)
    labels = examples.labels
    if args.relabel:
        labels = read_relabels(args.relabel, examples)
        unknown = without_label(read_decisions(args.relabel, examples))
        kept = kept[~torch.isin(kept, torch.tensor(unknown, dtype=kept.dtype))]
    if not len(kept):
        raise ValueError(f"The list {args.kept!r} keeps nothing.")
    numbered = None if scores is not None else _numbered(args, examples)
    if numbered and not args.skip_unreadable:
        encoded = args.encoder is not None
        _check_order(numbered, opened, encoded=encoded, progress=shows_progress(args))
    return Chosen(opened, reading, examples, kept, labels, numbered)


def _examples(opened: Opened) -> Examples:
    """Return what is known of a source's examples, called as its scores call them."""
    found = _labels(opened)
    if found is None:
        raise ValueError("The source has no labels. Pass those that were scored, with --labels.")
    return Examples(find_names(opened.dataset), *found)


def label_names(opened: Opened) -> list[str] | None:
    """Return what a source calls the classes of its n examples; None where it has no labels."""
    found = _labels(opened)
    if found is None:
        return None
    codes, called = found
    return [called[code] for code in codes.tolist()]


def _labels(opened: Opened) -> tuple[Tensor, tuple[str, ...]] | None:
    own = find_labels(opened.dataset) if opened.labels is None else opened.labels
    if own is None or all(label is None for label in own):
        return None
    codes, classes = encode_labels(own)
    given = opened.labels is not None
    called = find_class_names(opened.dataset, classes, given=given) or map(str, classes)
    return codes, tuple(called)


def _check_scores(opened: Opened, scores: CGScores, where: str) -> None:
    """Raise CacheMismatchError unless scores are of these data."""
    source = Source(opened.dataset, opened.features, opened.labels, transform=opened.transform)
    source.check_listed(scores, where)
    source.check_content(scores, where)


def _numbered(args: argparse.Namespace, examples: Known) -> str | None:
    """Return a list that tells examples by their numbers; None where all are told by names."""
    lists = [path for path in (args.kept, args.relabel) if path]
    return next((path for path in lists if counts_on_order(path, examples)), None)


def _check_order(numbered: str, opened: Opened, *, encoded: bool, progress: bool) -> None:
    """Raise ValueError where a list's numbers may count without what could not be scored."""
    bad = without_bad(opened, encoded=encoded, progress=progress).skipped
    if bad:
        raise ValueError(
            f"The list {numbered!r} tells examples by their numbers, and {len(bad)} of the source "
            f"cannot be read or scored, first {bad[0]!r}: these are not counted if it was scored "
            "without them. Pass --scores, of which the list is, or --skip-unreadable as when it "
            "was scored."
        )
