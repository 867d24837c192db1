"""Near copies between two sources, as a command tells and writes them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, NamedTuple

from torch_cgprune.cli.compared import Compared
from torch_cgprune.report.summary import many, table
from torch_cgprune.scoring import NearCopies

# Pairs that are shown, the closest.
_SHOWN = 5
_COLUMNS = ("index", "path", "label", "test_index", "test_path", "test_label", "cosine")


class Found(NamedTuple):
    """What was found between a training and a test set."""

    train: Compared
    test: Compared
    copies: NearCopies


def facts(found: Found) -> dict[str, Any]:
    """Return how many there are, as JSON values."""
    ours, theirs = found.copies.pairs.unbind(1)
    return {
        "train": len(found.train.matrix),
        "test": len(found.test.matrix),
        "pairs": len(found.copies.pairs),
        "train_examples": len(ours.unique()),
        "test_examples": len(theirs.unique()),
        "different_labels": _different(found),
    }


def _different(found: Found) -> int | None:
    """Return how many pairs have different labels; None where the classes are others altogether."""
    ours, theirs = found.train.labels, found.test.labels
    if ours is None or theirs is None or not {*ours} & {*theirs}:
        return None
    pairs: list[list[int]] = found.copies.pairs.tolist()
    return sum(ours[i] != theirs[j] for i, j in pairs)


def as_table(found: Found) -> str:
    """Return the pairs as CSV; of it ``exclude=`` reads the columns of the training examples."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_rows(found))
    return buffer.getvalue()


def as_document(found: Found) -> str:
    """Return the pairs as JSON, beside the list of the training examples, which is read as one."""
    indices = found.copies.pairs[:, 0].unique().tolist()
    names = found.train.names
    listed = {} if names is None else {"paths": [names[i] for i in indices]}
    pairs = [dict(zip(_COLUMNS, row, strict=True)) for row in _rows(found)]
    return json.dumps({"indices": indices, **listed, "pairs": pairs}) + "\n"


def _rows(found: Found) -> list[tuple[Any, ...]]:
    train, test, (pairs, cosines) = found
    return [
        (*train.told(i), *test.told(j), cosine)
        for (i, j), cosine in zip(pairs.tolist(), cosines.tolist(), strict=True)
    ]


def in_words(found: Found, told: dict[str, Any]) -> str:
    """Return the facts as text, with the closest pairs."""
    said = (
        f"{many(told['pairs'], 'pair')} of cosine {told['near']:g} or more: "
        f"{told['train_examples']:,} of {many(told['train'], 'training example')}, "
        f"{told['test_examples']:,} of {many(told['test'], 'test example')}"
    )
    lines = [said]
    if told["pairs"] and told["different_labels"] is not None:
        lines.append(f"{many(told['different_labels'], 'pair')} with different labels")
    pairs, cosines = (column[:_SHOWN].tolist() for column in found.copies)
    shown = [
        (found.train.call(i), found.test.call(j), f"{cosine:.6f}")
        for (i, j), cosine in zip(pairs, cosines, strict=True)
    ]
    if shown:
        lines += ["", table(("the closest", "of the test set", "cosine"), shown)]
    if told["output"] is not None:
        lines += ["", f"{told['output']}: written"]
    return "\n".join(lines)
