"""The report: one HTML file that needs no network, from scores and a dataset's pictures."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from torch_cgprune.advice import Advice
from torch_cgprune.advice.compare import saved_advice
from torch_cgprune.inputs.labels import Labels
from torch_cgprune.report import contents, plots
from torch_cgprune.report.advised import advice_curves, advice_table
from torch_cgprune.report.copies import copies, scaled_copies
from torch_cgprune.report.extras import jinja2
from torch_cgprune.report.pictures import THREADS, Pictures
from torch_cgprune.report.policy_table import policy_table
from torch_cgprune.report.summary import facts, wrong_labels
from torch_cgprune.report.svg import draw
from torch_cgprune.scores import CGScores
from torch_cgprune.scores.said import suspicion_rule
from torch_cgprune.utils.checks import check_integer, check_real
from torch_cgprune.utils.files import check_writable, replacing
from torch_cgprune.utils.progress import progress_bar

# Of 10 MB that the page may have: the rest is for tables, plots and names.
PICTURES_UP_TO = 6_000_000
# Steps of one percent, where that many tables are neither slow to count nor large.
_FINE_UP_TO = {"examples": 100_000, "classes": 30}


def write_report(
    scores: CGScores,
    path: str | os.PathLike[str],
    dataset: Any = None,
    *,
    title: str = "What is in the data",
    keep: float = 0.6,
    rule: str | None = None,
    true_labels: Labels | None = None,
    num_workers: int | None = None,
    progress: bool = True,
) -> None:
    """Write a page on which a person sees what is in the data, and which labels look wrong.

    It is one HTML file, readable without a network, with a table of suspects to tick, whose CSV
    file ``CGScoredDataset(relabel=...)`` and ``PrunedSampler(exclude=...)`` take: the one most
    probably wrong first, by ``scores.wrong_probability``, or by the partial score where there is
    none. Pictures and rows are as many as fit into 10 MB.

    Args:
        scores: of n examples.
        path: of the page; replaced only as a whole.
        dataset: for the pictures, n items ``(image, ...)`` or an array of n images; None for none.
            A torchvision dataset is read without its transform. Of texts the beginnings are shown.
        title: of the page.
        keep: share, in (0, 1], with which the table of policies begins.
        rule: which labels look wrong; see :func:`torch_cgprune.noise.evidence`.
        true_labels: n labels, where they are known: adds how many wrong ones are found.
        num_workers: threads that read items for the pictures, None for 4; 0 reads them one by one,
            for a dataset whose items share an open file.
        progress: show progress bars.

    Raises:
        ImportError: the extra ``report`` is not installed.
        ValueError: a dataset or true labels of another length, or a bad ``keep`` or ``rule``.
        OSError: the file cannot be written.

    References:
        Ki, Choi, Chung (ICLR 2023), Fig. 3b, 6c, 7, 8, 9 and 14.

    Example:
        >>> import tempfile
        >>> from torch_cgprune import cg_scores
        >>> images = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> scores = cg_scores(images, torch.arange(20) % 2, progress=False)
        >>> path = Path(tempfile.mkdtemp()) / "page.html"
        >>> write_report(scores, path, images)
        >>> path.stat().st_size < 1_000_000
        True

    """
    check_writable(path)
    check_real("keep", "write_report", keep, "(0, 1]")
    if dataset is not None and len(dataset) != len(scores):
        raise ValueError(
            f"The 'dataset' must have one item per score. Got {len(dataset)} for {len(scores)}."
        )
    threads = THREADS
    if num_workers is not None:
        threads = check_integer("num_workers", "write_report", num_workers, minimum=0)
    pictures = Pictures(dataset, PICTURES_UP_TO, threads=threads, progress=progress)
    page = page_of(scores, pictures, title, keep, rule, true_labels, progress=progress)
    content = page.encode("utf-8", "replace")
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def page_of(
    scores: CGScores,
    pictures: Pictures,
    title: str,
    keep: float,
    rule: str | None,
    true_labels: Labels | None,
    *,
    progress: bool = False,
) -> str:
    """Return the page of checked arguments; see :func:`write_report`."""
    found, rule_name = facts(scores), rule or suspicion_rule(scores)
    suspects, flagged = contents.suspects_of(scores, rule)
    groups, all_groups = copies(scores, pictures)
    examples = contents.examples_by_class(scores, flagged, pictures)
    rows = contents.suspect_rows(scores, suspects, pictures)
    pictures.close()
    advice = saved_advice(scores)
    wanted, of_classes = _figures(scores, keep, rule, true_labels), _class_figures(scores, flagged)
    if advice is not None:
        wanted["advice"] = functools.partial(_advice_figure, advice)
    count = len(wanted) + len(of_classes)
    with progress_bar("Drawing plots", count, "plot", show=progress) as bar:
        figures = {name: _counted(draw, bar) for name, draw in wanted.items()}
        class_figures = [
            {"class": scores.class_names[code], "svg": _counted(draw, bar)}
            for code, draw in of_classes.items()
        ]
    filled = {
        "title": title,
        "facts": found,
        "rule": rule_name,
        "sentences": contents.sentences(scores, found, flagged, rule_name),
        "figures": figures,
        "class_figures": class_figures,
        "examples": examples,
        "advice": advice and advice_table(advice),
        "copies": groups,
        "all_copies": all_groups,
        "scaled_copies": scaled_copies(scores),
        "suspects": len(suspects),
        "pictured": sum(bool(row.picture or row.text) for row in rows),
        "of_texts": any(entry["text"] for part in examples for entry in part["lowest"]),
        "has_source": pictures.dataset is not None,
        "shown_classes": plots.CLASSES_SHOWN,
        "data": {
            "key": found["fingerprint"],
            "classes": [*scores.class_names],
            "counts": scores.labels.bincount(minlength=len(scores.classes)).tolist(),
            "flagged": scores.labels[flagged].bincount(minlength=len(scores.classes)).tolist(),
            "columns": contents.SuspectRow._fields,
            "probable": scores.wrong_probability is not None,
            "suspects": rows,
            "policies": policy_table(scores, _percents(scores), flagged),
            "keep": round(100 * keep),
        },
    }
    return str(_template().render(filled))


def _counted(draw: Callable[[], str], bar: Any) -> str:
    svg = draw()
    bar.update()
    return svg


def _template() -> Any:
    loader = jinja2().FileSystemLoader(Path(__file__).parent / "assets", encoding="utf-8")
    environment = jinja2().Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    # Compact, and tables in the order they were made in.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment.get_template("page.html")


def _percents(scores: CGScores) -> list[int]:
    sizes = {"examples": len(scores), "classes": len(scores.classes)}
    step = 1 if all(sizes[name] <= limit for name, limit in _FINE_UP_TO.items()) else 5
    return [*range(step, 101, step)]


def _figures(
    scores: CGScores, keep: float, rule: str | None, true_labels: Labels | None
) -> dict[str, Callable[[], str]]:
    """Return what draws the plots of the page as SVG, by name."""
    k = min(len(scores.classes), plots.CLASSES_SHOWN)
    tall, square = (5.2, 1 + 0.2 * k), (4, 3.4) if k < 8 else (5.2, 4.6)
    wrong = None if true_labels is None else wrong_labels(scores, true_labels)
    drawn: dict[str, tuple[Callable[..., object], str, tuple[float, float]]] = {
        "histogram": (plots.score_histogram, "Histogram of the scores of all examples", (5.2, 2.6)),
        "means": (plots.class_means, "Mean score and standard deviation of each class", tall),
        "partial": (
            functools.partial(plots.partial_scores, wrong=wrong),
            "Partial score of every example against its score",
            (5.2, 3),
        ),
        "policies": (
            functools.partial(plots.policy_shares, keep=keep),
            f"Share of each class that the policies keep, of {keep:.0%} of all examples",
            (5.2, 1.4 + 0.2 * k),
        ),
    }
    if scores.own is not None and len(scores.classes) > 1:
        drawn["confusion"] = (plots.confusion, "How often which label is suggested", square)
    if true_labels is not None and wrong is not None and wrong.any():
        drawn["found"] = (
            functools.partial(plots.mislabels_found, true_labels=true_labels, rule=rule),
            "Share of the wrong labels that lies in the share examined",
            (5.2, 3),
        )
    return {name: functools.partial(_figure, name, scores, *parts) for name, parts in drawn.items()}


def _class_figures(scores: CGScores, flagged: torch.Tensor) -> dict[int, Callable[[], str]]:
    """Return what draws a small histogram of each class that the page shows, by its code."""
    return {
        code: functools.partial(
            _figure,
            f"class{code}",
            scores,
            functools.partial(plots.score_histogram, of=scores.classes[code]),
            f"Histogram of the scores of {scores.class_names[code]}",
            (2.6, 1.4),
        )
        for code in sorted(contents.worst_classes(scores, flagged)[: plots.CLASSES_SHOWN])
    }


def _advice_figure(advice: Advice) -> str:
    label = f"Predicted accuracy of each policy against the share it keeps. {advice.verdict}"
    return draw(lambda ax: advice_curves(advice, ax=ax), name="advice", label=label, size=(5.6, 4))


def _figure(
    name: str,
    scores: CGScores,
    plot: Callable[..., object],
    label: str,
    size: tuple[float, float],
) -> str:
    return draw(lambda ax: plot(scores, ax=ax), name=name, label=label, size=size)
