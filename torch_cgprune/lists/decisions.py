"""What a person has decided of labels that look wrong, as the page writes it into a CSV file.

A line a label, with the columns ``index`` or ``path``, ``new_label`` and ``decision``: ``wrong`` or
``fine``. A line without a decision is one of a list of wrong labels.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from torch_cgprune.errors import Argument, ArgumentValueError
from torch_cgprune.lists.formats import Entry, entries
from torch_cgprune.lists.lookup import Known, Lookup, places, read_examples
from torch_cgprune.scores import CGScores

WRONG, FINE = "wrong", "fine"


class Decision(NamedTuple):
    """What is decided of a label.

    Attributes:
        wrong: whether it is wrong; else it is fine.
        new_label: code of the class that it should be; None where nobody says.

    """

    wrong: bool
    new_label: int | None = None


def check_csv(path: str | os.PathLike[str], parameter: str, column: str) -> Path:
    """Fail now, not after minutes of scoring, if there is no such table.

    Args:
        path: of the file.
        parameter: that it is given for.
        column: which it needs.

    Raises:
        FileNotFoundError, ValueError: no such file, or of another kind.

    """
    path = check_named_csv(path, parameter, column)
    if not path.is_file():
        raise FileNotFoundError(f"There is no list {str(path)!r}.")
    return path


def check_named_csv(path: str | os.PathLike[str], parameter: str, column: str) -> Path:
    """Return the path of a table that may be there; raise ValueError for one of another kind."""
    path = Path(path)
    if path.suffix.lower() != ".csv":
        raise ValueError(
            f"The {parameter!r} file must be a .csv with a column {column!r}. Got {str(path)!r}."
        )
    return path


def check_relabels(path: str | os.PathLike[str]) -> Path:
    """Fail early if there is no such list of new labels; see :func:`check_csv`."""
    return check_csv(path, "relabel", "new_label")


def read_decisions(
    path: str | os.PathLike[str], scores: Known, *, labels_needed: bool = False
) -> dict[int, Decision]:
    """Return what is decided of which example.

    Args:
        path: of the CSV file.
        scores: of the dataset.
        labels_needed: whether a line without a decision must have a new label.

    Raises:
        FileNotFoundError: no such file.
        ValueError: an unknown class or decision, two for one example, or a list of other data.

    """
    path = Path(path)
    codes = places([name.strip() for name in scores.class_names])
    where, found = Lookup(path, len(scores), scores), dict[int, Decision]()
    for entry in entries(path):
        place = f"The list {str(path)!r}, line {entry.line}"
        if labels_needed and not entry.decision:
            _check_has_label(entry, place)
        decision = Decision(wrong=not is_fine(entry, place))
        if decision.wrong:
            decision = decision._replace(new_label=_code(entry, place, codes, scores.class_names))
        index = where(entry)
        if found.setdefault(index, decision) != decision:
            raise ValueError(
                f"{place}: example {index} has another 'new_label' or 'decision' further up."
            )
    return found


def listed_decisions(decided: Mapping[int, Decision], scores: CGScores) -> bytes:
    r"""Return decisions as the content of a CSV file that :func:`read_decisions` reads.

    Args:
        decided: by index.
        scores: of the dataset.

    Example:
        >>> from torch_cgprune import cg_scores
        >>> scores = cg_scores(torch.eye(4), ["ant", "ant", "bee", "bee"], progress=False)
        >>> listed_decisions({3: Decision(True, 0)}, scores).splitlines()[0]
        b'index,path,label,new_label,decision,wrong_probability'

    """
    column, doubts = "wrong_probability", scores.wrong_probability
    if doubts is None:
        column, doubts = "partial", scores.first_partial
    buffer = io.StringIO(newline="")
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(["index", "path", "label", "new_label", "decision", column])
    for index in sorted(decided):
        one = decided[index]
        name = "" if scores.names is None else scores.names[index]
        label = scores.class_names[int(scores.labels[index])]
        new = "" if one.new_label is None else scores.class_names[one.new_label]
        said = WRONG if one.wrong else FINE
        rows.writerow([index, name, label, new, said, f"{float(doubts[index]):.4g}"])
    return buffer.getvalue().encode("utf-8", "surrogateescape")


def read_relabels(path: str | os.PathLike[str], scores: Known) -> Tensor:
    """Return the labels of all examples, those of a CSV file in place of the given ones.

    What is fine keeps its label, as does what is wrong without a new one.

    Args:
        path: with the columns ``index`` or ``path``, and ``new_label``: names of classes.
        scores: of the dataset.

    Returns:
        (n,) int64 class codes.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another kind of file, or as :func:`read_decisions`.

    """
    decided = read_decisions(check_relabels(path), scores, labels_needed=True)
    new = {i: one.new_label for i, one in decided.items() if one.new_label is not None}
    labels = scores.labels.clone()
    labels[[*new]] = torch.tensor([*new.values()], dtype=labels.dtype, device="cpu")
    return labels


def read_excluded(
    path: str | os.PathLike[str],
    n: int,
    scores: Known | None = None,
    corrected: Tensor | None = None,
) -> Tensor:
    """Return the examples that a list leaves out: all but what is decided to be fine.

    Args:
        path: a list in one of the formats.
        n: examples of the dataset.
        scores: of the dataset, where there are any.
        corrected: (n,) bool, the examples that have another label by now: what is decided to be
            wrong, and has a new label, stays where that is so.

    Returns:
        (m,) int64 sorted indices; raises what :func:`~torch_cgprune.lists.read_examples` does.

    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        return read_examples(path, n, scores)
    where, out = Lookup(path, n, scores), set[int]()
    for entry in entries(path):
        index = where(entry)
        fine = is_fine(entry, f"The list {str(path)!r}, line {entry.line}")
        is_corrected = corrected is not None and bool(corrected[index])
        if not (fine or (is_corrected and entry.decision and (entry.new_label or "").strip())):
            out.add(index)
    return torch.tensor(sorted(out), dtype=torch.int64, device="cpu")


def without_label(decided: dict[int, Decision]) -> list[int]:
    """Return the examples whose label is wrong, and nobody says which is right."""
    return [i for i, one in decided.items() if one.wrong and one.new_label is None]


def reviewed(scores: CGScores, path: str | os.PathLike[str]) -> CGScores:
    """Return scores that suspect nothing a person has found to be fine; see ``CGScores.cleared``.

    Args:
        scores: of the dataset.
        path: a CSV file with a column ``decision``, as the page writes it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another kind of file, or as :func:`read_decisions`.

    """
    path = check_csv(path, "reviewed", "decision")
    if all(entry.decision is None for entry in entries(path)) and any(entries(path)):
        raise ArgumentValueError(
            "The %s file %r must have a column 'decision' with 'wrong' or 'fine' in it.",
            Argument("reviewed"),
            str(path),
            parameter="reviewed",
            value=str(path),
        )
    fine = [i for i, one in read_decisions(path, scores).items() if not one.wrong]
    return cleared_of(scores, fine)


def cleared_of(scores: CGScores, fine: Iterable[int]) -> CGScores:
    """Return scores that suspect none of the given examples, nor those cleared before."""
    cleared = torch.zeros(len(scores), dtype=torch.bool, device="cpu")
    cleared[[*fine]] = True
    if scores.cleared is not None:
        cleared |= scores.cleared
    scores.judged()  # once, and not for every copy
    return dataclasses.replace(scores, cleared=cleared)


def is_fine(entry: Entry, place: str) -> bool:
    """Return whether an entry says that a label is fine.

    Args:
        entry: of a list.
        place: where it is, for the message.

    Raises:
        ValueError: a decision that is none.

    """
    if entry.decision not in (None, "", WRONG, FINE):
        raise ValueError(
            f"{place}: the 'decision' must be {WRONG!r} or {FINE!r}. Got {entry.decision!r} "
            "instead; correct it, or delete the line."
        )
    return entry.decision == FINE


def _check_has_label(entry: Entry, place: str) -> None:
    if not (entry.new_label or "").strip():
        raise ArgumentValueError(
            "%s: there is no 'new_label'. Fill in that column with a class, delete the line, "
            "or leave these examples out with %s instead.",
            place,
            Argument("exclude"),
            parameter="exclude",
        )


def _code(entry: Entry, place: str, codes: dict[str, int], names: tuple[str, ...]) -> int | None:
    """Return the code of an entry's new label; None where it has none."""
    new_label = (entry.new_label or "").strip()
    if not new_label:
        return None
    if new_label not in codes:
        known = ", ".join(map(repr, names[:20]))
        raise ValueError(
            f"{place}: the 'new_label' must be one of the classes {known}"
            f"{' and so on' if len(names) > 20 else ''}. Got {new_label!r} instead; "
            "correct it, or delete the line."
        )
    return codes[new_label]
