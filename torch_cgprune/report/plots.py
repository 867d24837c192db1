"""Plots of scores: each draws on an ``ax`` of matplotlib, or on a new one, and returns it.

They need matplotlib: ``pip install 'torch-cgprune[report]'``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.errors import Argument, ArgumentValueError
from torch_cgprune.inputs.labels import ClassName, Labels
from torch_cgprune.noise import evidence
from torch_cgprune.policies.by_name import BY_VALUES, kept_by
from torch_cgprune.report.extras import matplotlib
from torch_cgprune.report.summary import confusion_counts, wrong_labels
from torch_cgprune.scores import CGScores
from torch_cgprune.scores.histogram import bins_of

BLUE, ORANGE, GREY = "#3f7fd0", "#e07a35", "#8c8c8c"
_COLOURS = (BLUE, ORANGE, GREY, "#4aa564", "#a66bc4", "#c9a227", "#d0597a")
_BINS = 50
# More classes than these cannot be told apart in a plot: the most telling ones are shown.
CLASSES_SHOWN = 30


def score_histogram(scores: CGScores, *, of: ClassName | None = None, ax: Any = None) -> Any:
    """Draw how the CG-scores are distributed, over all classes or in one.

    The highest 0.5 % are in the last bar.

    Args:
        scores: of a dataset.
        of: a class, one of ``scores.classes``; None for all.
        ax: to draw on; None makes a new one.

    Returns:
        The axes.

    Raises:
        ValueError: no such class.

    References:
        Ki, Choi, Chung (ICLR 2023), Fig. 8 and 14.

    """
    if of is not None and of not in scores.classes:
        raise ValueError(
            f"The 'of' parameter of score_histogram must be one of the classes {scores.classes}. "
            f"Got {of!r}."
        )
    ax = axes_of(ax)
    counts, low, high = bins_of(scores.values, _BINS)
    edges = np.linspace(low, high, _BINS + 1)
    if of is not None:
        inside = scores.values[scores.labels == scores.classes.index(of)]
        counts = torch.from_numpy(np.histogram(inside.clamp(max=high).numpy(), edges)[0])
    ax.stairs(counts.numpy(), edges, fill=True, color=BLUE)
    ax.set_xlim(low, high)
    ax.set(xlabel="CG-score", ylabel="examples")
    return ax


def class_means(scores: CGScores, *, ax: Any = None) -> Any:
    """Draw mean and standard deviation of each class's CG-scores, sorted by the mean.

    Without examples in conflict with a copy, whose scores a ridge alone decides. Of more than 30
    classes, the 15 with the lowest and the 15 with the highest means. Arguments and result are
    those of :func:`score_histogram`.

    References:
        Ki, Choi, Chung (ICLR 2023), Fig. 8a and 9a.

    """
    ax = axes_of(ax)
    k = len(scores.classes)
    sound = ~scores.conflicts
    inside = [scores.values[(scores.labels == code) & sound] for code in range(k)]
    inside = [values if len(values) else values.new_zeros(1) for values in inside]
    means = torch.stack([values.mean() for values in inside])
    order = _ends(means.argsort(stable=True))
    deviations = torch.stack([values.std(correction=0) for values in inside])
    places = range(len(order))
    ax.errorbar(
        means[order].numpy(), places, xerr=deviations[order].numpy(), fmt="o", ms=4, color=BLUE
    )
    _name_classes(ax.yaxis, scores, order.tolist())
    ax.set(xlabel="CG-score, mean ± standard deviation")
    return ax


def partial_scores(scores: CGScores, *, wrong: Tensor | None = None, ax: Any = None) -> Any:
    """Draw the partial score of every example against its CG-score.

    Args:
        scores: of a dataset.
        wrong: (n,) bool, whose label is known to be wrong; None colours the suspects.
        ax: to draw on; None makes a new one.

    Returns:
        The axes.

    References:
        Ki, Choi, Chung (ICLR 2023), Fig. 6c.

    """
    ax = axes_of(ax)
    marked, name = (scores.suspects, "suspect") if wrong is None else (wrong, "wrong label")
    for chosen, colour, label in ((~marked, GREY, "others"), (marked, ORANGE, name)):
        ax.scatter(
            scores.values[chosen].numpy(),
            scores.partial[chosen].numpy(),
            s=3,
            linewidths=0,
            alpha=0.5,
            color=colour,
            label=label,
            rasterized=True,
        )
    # A few conflicts among copies score a thousandfold: they would press all others together.
    ax.set_xlim(*_span(scores.values[~scores.conflicts]))
    ax.set_ylim(*_span(scores.partial[~scores.conflicts]))
    ax.axhline(0, color=GREY, lw=0.8)
    ax.set(xlabel="CG-score", ylabel="partial score")
    ax.legend(markerscale=4)
    return ax


def mislabels_found(
    scores: CGScores, true_labels: Labels, *, rule: str | None = None, ax: Any = None
) -> Any:
    """Draw which share of the wrong labels lies in the share examined, the worst first.

    Args:
        scores: of a dataset.
        true_labels: n labels, of the kind that the dataset has.
        rule: ranks the examples; see :func:`torch_cgprune.noise.evidence`.
        ax: to draw on; None makes a new one.

    Returns:
        The axes.

    Raises:
        ValueError: not one label per example, or none of them differs from the given ones.

    References:
        Ki, Choi, Chung (ICLR 2023), Fig. 3b.

    """
    wrong = wrong_labels(scores, true_labels)
    if not wrong.any():
        raise ArgumentValueError(
            "The %s are the given ones: there is no wrong label to find.",
            Argument("true_labels"),
            parameter="true_labels",
        )
    ax = axes_of(ax)
    share = np.linspace(0, 1, 201)
    at = (share * len(wrong)).round().astype(int)
    rankings = {"CG-score": scores.values}
    if len(scores.classes) > 1:
        rankings["evidence" if rule is None else rule] = evidence(scores, rule)
    for (name, ranking), colour in zip(rankings.items(), (BLUE, ORANGE), strict=False):
        found = wrong[ranking.argsort(descending=True, stable=True)].cumsum(0) / wrong.sum()
        ax.plot(share, np.concatenate([[0.0], found.numpy()])[at], color=colour, label=name)
    ideal = np.minimum(share * len(wrong) / int(wrong.sum()), 1)
    ax.plot(share, ideal, color=GREY, ls="--", lw=1, label="ideal")
    ax.plot(share, share, color=GREY, ls=":", lw=1, label="at random")
    ax.set(xlabel="share examined", ylabel="share of wrong labels found")
    ax.legend()
    return ax


def policy_shares(scores: CGScores, keep: float = 0.6, *, ax: Any = None) -> Any:
    """Draw which share of each class the policies keep that rank over all classes.

    With ``balanced=True`` each keeps the same share of every class.

    Args:
        scores: of a dataset.
        keep: share of all examples, in (0, 1].
        ax: to draw on; None makes a new one.

    Returns:
        The axes.

    """
    ax, k = axes_of(ax), len(scores.classes)
    values, codes = scores.values, scores.labels
    shares = {
        policy: codes[kept_by(policy, values, codes, keep, balanced=False)].bincount(minlength=k)
        / codes.bincount()
        for policy in BY_VALUES
    }
    order = _ends((shares["high-first"] - shares["low-first"]).argsort(stable=True))
    for (policy, share), colour in zip(shares.items(), _COLOURS, strict=False):
        ax.plot(share[order], range(len(order)), "o", ms=4, alpha=0.8, color=colour, label=policy)
    ax.axvline(keep, color=GREY, lw=0.8)
    _name_classes(ax.yaxis, scores, order.tolist())
    ax.set(xlabel=f"share kept of each class, of all {keep:.0%}", xlim=(-0.03, 1.03))
    ax.legend(fontsize="small", ncols=3, loc="lower center", bbox_to_anchor=(0.4, 1))
    return ax


def confusion(scores: CGScores, *, ax: Any = None) -> Any:
    """Draw how often each label is given (rows) and which one is suggested (columns).

    Of more than 30 classes, those of which most labels are doubted. The colour is that of the
    numbers off the diagonal. Arguments and result are those of :func:`score_histogram`.

    Raises:
        ValueError: the method suggests no labels (``stochastic``).

    """
    counts = confusion_counts(scores)
    ax = axes_of(ax)
    doubted = counts.sum(1) - counts.diagonal()
    shown = doubted.argsort(descending=True, stable=True)[:CLASSES_SHOWN].sort().values
    counts = counts[shown][:, shown]
    off = counts.clone().fill_diagonal_(0)
    # From clear to blue: right on a page of any colour.
    ramp = matplotlib().colors.LinearSegmentedColormap.from_list("clear", ["#3f7fd000", BLUE])
    ax.pcolormesh(off.numpy(), cmap=ramp, vmin=0, vmax=max(1, int(off.max())))
    ax.invert_yaxis()
    if len(shown) <= 12:
        for (row, column), count in np.ndenumerate(counts.numpy()):
            ax.text(column + 0.5, row + 0.5, str(count), ha="center", va="center", fontsize=7)
    for axis in (ax.xaxis, ax.yaxis):
        _name_classes(axis, scores, shown.tolist(), 0.5)
    ax.tick_params(axis="x", rotation=90)
    ax.set(xlabel="suggested label", ylabel="given label")
    return ax


def axes_of(ax: Any) -> Any:
    """Return the axes that somebody brings, or new ones."""
    if ax is not None:
        return ax
    matplotlib()
    from matplotlib import pyplot as plt  # noqa: PLC0415 (only where nobody brings axes)

    return plt.subplots()[1]


def _ends(order: Tensor) -> Tensor:
    """Return the first and the last of an order, as many as can be shown."""
    half = CLASSES_SHOWN // 2
    return order if len(order) <= CLASSES_SHOWN else torch.cat([order[:half], order[-half:]])


def _name_classes(axis: Any, scores: CGScores, codes: Sequence[int], offset: float = 0) -> None:
    names = [_short(scores.class_names[code]) for code in codes]
    # parse_math: a dollar in a class's name is a dollar.
    axis.set_ticks([i + offset for i in range(len(names))], names, parse_math=False)
    if not offset:
        axis.axes.set_ylim(-0.7, len(names) - 0.3)


def _short(name: str) -> str:
    """Return a name that fits, of letters that can be drawn: folders may be no UTF-8."""
    name = name.encode("utf-8", "replace").decode()
    return name if len(name) <= 24 else f"{name[:23]}…"


def _span(values: Tensor) -> tuple[float, float]:
    """Return where all values but 0.1 % at either end lie, with some room."""
    if not len(values):
        return 0.0, 1.0
    # "lower" and "higher": one outlier among few would stretch interpolated quantiles.
    low = float(np.quantile(values.numpy(), 0.001, method="lower"))
    high = float(np.quantile(values.numpy(), 0.999, method="higher"))
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room
