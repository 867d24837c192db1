"""The examples that a sampler leaves out, whatever their scores."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import torch
from torch import Tensor

from torch_cgprune.errors import Argument, ArgumentValueError, Message, Parameter
from torch_cgprune.lists import read_examples, read_excluded
from torch_cgprune.noise import noise_report
from torch_cgprune.samplers.guards import warn_of_copies, warn_of_loss
from torch_cgprune.samplers.source import Examples
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.arrays import are_indices, check_range, real_numbers

# A file that lists examples; see torch_cgprune.lists.
ListFile: TypeAlias = str | os.PathLike[str]

# For ``exclude``: what looks wrong by the default rule; copies, but for one of each label. Files of
# these names are "./suspects" and "./copies".
SUSPECTS, COPIES = "suspects", "copies"


def without(
    owner: str, kept: Tensor, examples: Examples, exclude: Any, *, warned: bool = False
) -> Tensor:
    """Return what is kept, without the excluded examples."""
    if exclude is None:
        return kept
    out = [_excluded(owner, examples, one, warned=warned) for one in _several(exclude)]
    left = kept[~torch.isin(kept, torch.cat(out))]
    if not len(left):
        raise ArgumentValueError(
            "The %s leaves none of %d examples.",
            Parameter(owner, "exclude"),
            len(kept),
            parameter="exclude",
            value=exclude,
        )
    return left


def leaves_out_suspects(exclude: Any) -> bool:
    """Return whether ``exclude`` is, or has among others, the word for suspects."""
    return any(isinstance(one, str) and one == SUSPECTS for one in _several(exclude))


def _several(exclude: Any) -> list[Any]:
    """Return the words and files that ``exclude`` lists, or else it alone."""
    is_of_lists = isinstance(exclude, list | tuple) and bool(exclude)
    if is_of_lists and all(isinstance(one, str | os.PathLike) for one in exclude):
        return [*exclude]
    return [exclude]


def _excluded(owner: str, examples: Examples, one: Any, *, warned: bool) -> Tensor:
    """Return the examples that a word, a file or indices leave out."""
    if isinstance(one, str) and one == SUSPECTS:
        return _suspects(owner, examples, warned=warned)
    if isinstance(one, str) and one == COPIES:
        return _copies(owner, examples)
    if isinstance(one, str | os.PathLike):
        return read_excluded(one, len(examples), examples.scores, examples.replaced)
    return _indices(owner, one, len(examples))


def _suspects(owner: str, examples: Examples, *, warned: bool) -> Tensor:
    """Return the examples whose label looks wrong, but for the last of a class."""
    report = noise_report(_scores(owner, examples, SUSPECTS, "which labels look wrong"))
    if not warned:
        warn_of_loss(
            report,
            Message("%s leaves out", Argument("exclude", "'suspects'")),
            Message(
                "exclude a list of those that are wrong, or pass %s with another %s or a %s",
                Argument("policy", "'noise-filter'"),
                Argument("rule"),
                Argument("fraction"),
            ),
        )
    suspected = torch.ones(len(examples), dtype=torch.bool, device="cpu")
    suspected[report.selection] = False
    return suspected.nonzero().flatten()


def _copies(owner: str, examples: Examples) -> Tensor:
    """Return the copies of examples that are left."""
    scores = _scores(owner, examples, COPIES, "which are copies")
    warn_of_copies(scores)
    return scores.later_copies.nonzero().flatten()


def _scores(owner: str, examples: Examples, word: str, what: str) -> CGScores:
    """Return what says which examples are meant by a word."""
    if examples.scores is None:
        raise TypeError(
            f"The 'exclude' parameter of {owner} can be {word!r} for a CGScoredDataset or "
            f"CGScores: a pair of scores and labels does not say {what}. Pass indices, or a file "
            "that lists examples."
        )
    return examples.scores


def _indices(owner: str, exclude: Any, n: int) -> Tensor:
    """Return the indices that ``exclude`` holds, which may be none."""
    what = f"The 'exclude' parameter of {owner}"
    found = real_numbers([*exclude] if isinstance(exclude, set | frozenset) else exclude, what)
    if found.numel() == 0:
        return found.long().flatten()
    if not are_indices(found):
        raise TypeError(
            f"{what} must be indices, or a file that lists examples. Got {found.dtype} of shape "
            f"{tuple(found.shape)} instead; for a mask pass mask.nonzero().flatten()."
        )
    return check_range(found.long(), n, what)


def listed(examples: Examples, path: ListFile) -> Tensor:
    """Return the examples that a file lists."""
    return read_examples(path, len(examples), examples.scores)
