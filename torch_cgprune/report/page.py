"""The report: one HTML file that needs no network, from scores and a dataset's pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch_cgprune import lists
from torch_cgprune.inputs.labels import Labels
from torch_cgprune.report.contents import Drawing, Request, contents
from torch_cgprune.report.extras import jinja2
from torch_cgprune.report.pictures import THREADS
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.checks import check_integer, check_real
from torch_cgprune.utils.files import check_writable, replacing

# The parts of the page's style and script, in their order: each stands for itself in a file.
STYLES = ("base", "cards", "review", "charts", "parts")
SCRIPTS = (
    "core",
    "decisions",
    "pictures",
    "filters",
    "pairs",
    "items",
    "chooser",
    "viewer",
    "list",
    "keys",
    "chart",
    "prune",
    "classes",
    "map",
    "lasso",
    "start",
)


def write_report(
    scores: CGScores,
    path: str | os.PathLike[str],
    dataset: Any = None,
    *,
    title: str = "What is in the data",
    keep: float = 0.6,
    rule: str | None = None,
    reviewed: str | os.PathLike[str] | None = None,
    true_labels: Labels | None = None,
    called: str | os.PathLike[str] | None = None,
    num_workers: int | None = None,
    progress: bool = True,
) -> None:
    """Write a page on which a person sees what is in the data, and decides about its labels.

    It is one HTML file, readable without a network: what was found, the suspects to decide about,
    one key each, how much can be pruned, a map of the data, copies, classes. ``relabel=`` of a
    ``CGScoredDataset`` takes its CSV file of decisions, as do ``exclude=`` and ``reviewed=`` of a
    ``PrunedSampler``.
    The suspect most probably wrong comes first, by ``scores.wrong_probability``, or by the partial
    score where there is none. Pictures and rows are as many as fit into 10 MB.

    Args:
        scores: of n examples.
        path: of the page; replaced only as a whole.
        dataset: for the pictures, n items ``(image, ...)`` or an array of n images; None for none.
            A torchvision dataset is read without its transform. Of texts the beginnings are shown,
            of a data frame its columns, of vectors of up to 16 numbers these.
        title: of the page.
        keep: share, in (0, 1], with which what policies keep begins.
        rule: which labels look wrong; see :func:`torch_cgprune.noise.evidence`.
        reviewed: a CSV file of such a page: what is ``fine`` there is no suspect any more; all is
            decided already.
        true_labels: n labels, where they are known: adds how many wrong ones are found.
        called: the file that the scores are in: the page's commands are then those of the shell.
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
        >>> import tempfile, torch
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
    decided = {}
    if reviewed is not None:
        scores = lists.reviewed(scores, reviewed)
        decided = lists.read_decisions(reviewed, scores)
    asked = Request(
        title=title,
        keep=keep,
        rule=rule,
        true_labels=true_labels,
        called=None if called is None else os.fspath(called),
        decided=decided,
    )
    page = page_of(scores, Drawing(dataset, threads, progress=progress), asked)
    with replacing(path) as temporary:
        temporary.write_bytes(page.encode("utf-8", "replace"))


def page_of(scores: CGScores, drawing: Drawing, asked: Request) -> str:
    """Return the page of checked arguments; see :func:`write_report`."""
    return rendered(contents(scores, drawing, asked))


def rendered(filled: Mapping[str, Any]) -> str:
    """Return the page of what :func:`~torch_cgprune.report.contents.contents` found."""
    return str(_template().render(filled, styles=STYLES, scripts=SCRIPTS))


def _template() -> Any:
    loader = jinja2().FileSystemLoader(Path(__file__).parent / "assets", encoding="utf-8")
    environment = jinja2().Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    # Compact, and tables in the order they were made in.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment.get_template("page.html")
