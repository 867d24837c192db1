"""What is shown of advice: a plot of what policies predict at each share, and a table of it."""

from __future__ import annotations

import io
import textwrap
from typing import Any

from torch import Tensor

from torch_cgprune.advice import Advice, Grade
from torch_cgprune.report.extras import matplotlib
from torch_cgprune.report.plots import BLUE, GREY, ORANGE, axes_of
from torch_cgprune.scores import CGScores

# Each policy's colour and marker: whoever does not see the one sees the other.
_LOOKS = {
    "random": (GREY, "o"),
    "low-first": (BLUE, "^"),
    "high-first": (ORANGE, "v"),
    "window": ("#4aa564", "s"),
    "stratified": ("#a66bc4", "D"),
    "herding": ("#d0597a", "P"),
}
# Standard errors that a bar is long on either side: as many as make a loss measurable.
_BARS = 2


def advice_curves(advice: Advice, *, ax: Any = None) -> Any:
    """Draw the predicted accuracy of each policy against the share that it keeps.

    Of ``window`` and ``stratified`` the best start and cut at each share. The bars are two standard
    errors of the loss against all the data, the dashed line, of a random choice. What is worse than
    that choice by far is below the plot. Marked is the least share at which nothing is lost, but
    not where photographs were compared by their pixels.

    Args:
        advice: what :func:`torch_cgprune.advise` has found.
        ax: to draw on; None makes a new one.

    Returns:
        The axes.

    """
    ax = axes_of(ax)
    for policy in advice.policies:
        _curve(advice, policy, ax)
    ax.axhline(advice.accuracy, color=GREY, ls="--", lw=1, label="all the data")
    if advice.lossless < 1 and not advice.pixels:
        name = f"nothing lost at {advice.lossless:.0%}"
        ax.axvline(advice.lossless, color=GREY, ls=":", lw=1.5, label=name)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
    ax.set(xlabel="share kept", ylabel="predicted accuracy", xlim=(0, 1.02), ylim=_span(advice))
    ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.46, -0.14))
    return ax


def _curve(advice: Advice, policy: str, ax: Any) -> None:
    found = advice.of(policy)
    colour, marker = _LOOKS.get(policy, (GREY, "x"))
    is_control = policy == "random"
    # All lines end at all the data.
    shares = [*(grade.keep for grade in found), 1.0]
    accuracies = [*(grade.accuracy for grade in found), advice.accuracy]
    bars = [*(_BARS * grade.loss_error for grade in found), 0.0]
    ax.errorbar(
        shares,
        accuracies,
        yerr=bars if is_control else None,
        color=colour,
        marker=marker,
        ms=4.5,
        lw=2.4 if is_control else 1.3,
        capsize=3,
        zorder=3 if is_control else 2,
        label=policy,
    )


def _span(advice: Advice) -> tuple[float, float]:
    """Return from where to where accuracies are drawn: as far below random as that is below all."""
    best = max(advice.accuracy, *(grade.accuracy for grade in advice.grades))
    low = min(grade.accuracy - _BARS * grade.loss_error for grade in advice.of("random"))
    room = max(best - low, 0.01)
    lowest = min(grade.accuracy for grade in advice.grades)
    return max(lowest - 0.1 * room, low - room), best + 0.1 * room


def drawn(advice: Advice, form: str) -> bytes:
    """Return the plot as a file of its own, its title the verdict.

    Args:
        advice: what is drawn.
        form: of the file, one that matplotlib writes.

    """
    with matplotlib().rc_context({"svg.fonttype": "none", "savefig.dpi": 150}):
        figure = matplotlib().figure.Figure((7.5, 5), layout="constrained")
        ax = advice_curves(advice, ax=figure.add_subplot())
        ax.set_title(textwrap.fill(advice.verdict, 90), fontsize=10, loc="left")
        buffer = io.BytesIO()
        figure.savefig(buffer, format=form)
    return buffer.getvalue()


def advice_data(advice: Advice, scores: CGScores, flagged: Tensor) -> dict[str, Any]:
    """Return what the page draws of advice.

    Args:
        advice: on the scores.
        scores: of n examples of k classes.
        flagged: (n,) bool, the labels that look wrong.

    Returns:
        ``accuracy`` of all the data, by share in ``best`` the policy that is, and by policy in
        ``grades`` a list a share, ascending: share, accuracy, points lost and their standard error,
        what was taken (of windows and strata the best), and where a policy does not take so by
        itself, how many examples it keeps of each class, and how many of the flagged; else None.

    """
    return {
        "accuracy": advice.accuracy,
        "best": {f"{keep:g}": advice.best(keep).candidate.policy for keep in advice.shares},
        "grades": {
            policy: [_row(grade, scores, flagged) for grade in advice.of(policy)]
            for policy in advice.policies
        },
    }


def _row(grade: Grade, scores: CGScores, flagged: Tensor) -> list[Any]:
    numbers = (grade.accuracy, 100 * grade.loss, 100 * grade.loss_error)
    shown = [grade.keep, *(float(f"{number:.4g}") for number in numbers), str(grade.candidate)]
    candidate = grade.candidate
    if candidate.start is None and candidate.cut is None:
        return [*shown, None, None]
    kept = candidate.kept(scores.values, scores.labels, grade.keep, balanced=True)
    k = len(scores.classes)
    parts = (scores.labels[kept], scores.labels[kept[flagged[kept]]])
    return [*shown, candidate.start, [part.bincount(minlength=k).tolist() for part in parts]]
