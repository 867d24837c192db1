"""What a sampler warns of when it is made, in words that lead to the cure."""

from __future__ import annotations

from torch import Tensor

from torch_cgprune.errors import Argument, Message
from torch_cgprune.noise import NoiseReport
from torch_cgprune.noise.guards import LOOK, gathered, too_much
from torch_cgprune.samplers.selection import Selection
from torch_cgprune.samplers.source import Examples
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.warn import warn_caller


def warn_of_loss(
    report: NoiseReport, who: Message | str, cure: Message, *, asked: bool = False
) -> None:
    """Warn where more is lost than is estimated to be wrong.

    Args:
        report: of what is lost.
        who: loses it, with the verb.
        cure: what else can be done, but to look at it.
        asked: whether so much was asked for: then only of classes that lose more than half.

    """
    rate = None if asked else report.rate
    lost = too_much(report.classes, report.counts, report.dropped, rate)
    if lost is not None:
        warn_caller("%s %s. Look at %s and the report's page, and %s.", who, lost, LOOK, cure)


def warn_of_copies(scores: CGScores) -> None:
    """Warn where more than half of a class are copies that are left out."""
    k = len(scores.classes)
    counts, lost = (
        codes.bincount(minlength=k) for codes in (scores.labels, scores.labels[scores.later_copies])
    )
    found = too_much(scores.class_names, counts, lost, None)
    if found is not None:
        warn_caller(
            "%s leaves out %s. Look at the copies on the report's page; if they are none, score "
            "with a higher %s.",
            Argument("exclude", "'copies'"),
            found,
            Argument("near"),
        )


def warn_of_suspects(
    policy: str, examples: Examples, left: Tensor | None, selection: Selection
) -> None:
    """Warn where a policy gathers labels that look wrong, in epoch 0.

    Args:
        policy: by its name.
        examples: those of another method's scores suspect nobody. The paper's partial score, all
            that stochastic ones have, suspects too many to be told.
        left: (m,) indices of those that could be kept; None for all.
        selection: of those that are.

    """
    if examples.scores is None or examples.scores.wrong_probability is None:
        return
    suspects = examples.scores.suspects
    if examples.replaced is not None:
        suspects = suspects & ~examples.replaced
    kept = suspects[selection(0) if callable(selection) else selection]
    found = gathered(suspects if left is None else suspects[left], kept)
    if found is not None:
        warn_caller(
            "%s keeps %s: pass %s. The report's page shows them, %s how many there are of each "
            "class.",
            policy,
            found,
            Argument("exclude", "'suspects'"),
            LOOK,
        )
