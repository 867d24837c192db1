"""Tables in Markdown, and pictures."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from paper.data import Data
from paper.results import Row

NOT_RUN, NOT_YET = "not run here", "not run yet"
SEE_PAPER = "see paper"
COLOURS = ("#3f7fd0", "#e07a35", "#4aa564", "#a66bc4", "#8c8c8c")


def table(header: Sequence[str], lines: Iterable[Sequence[str]], *, numbers: bool = True) -> str:
    """Return a table in Markdown, columns of numbers to the right: all but the first."""
    rule = ["---", *["---:" if numbers else "---"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *lines))


def pick(rows: Iterable[Row], **key: Any) -> list[Row]:
    """Return the rows of which these parts of the key are so."""
    return [row for row in rows if all(row.get(name) == value for name, value in key.items())]


def measured(rows: Iterable[Row], data: Data, *sets: str) -> tuple[list[str], list[str]]:
    """Return which of the paper's data sets have rows, and which have none."""
    names, there = data.names(*sets), {row["data"] for row in rows}
    return [name for name in names if name in there], [name for name in names if name not in there]


def sized(row: Row) -> str:
    """Return the data set of a row, and how many examples of it there were."""
    return f"{row['data']}, {row['n']:,} examples"


def no_figure(data: Data, *needs: str) -> str:
    """Return what stands for a figure that is not there, by whether what it needs is here."""
    return NOT_YET if all(map(data.here, needs)) else NOT_RUN


def mean(values: Sequence[float], form: str = ".3f", absent: str = NOT_YET) -> str:
    """Return mean and sample deviation in words, or what stands for them where there are none.

    Example:
        >>> mean([0.25, 0.75], ".2f"), mean([0.5], ".1f"), mean([])
        ('0.50 ± 0.35', '0.5', 'not run yet')

    """
    if not values:
        return absent
    middle = format(statistics.fmean(values), form)
    return middle if len(values) == 1 else f"{middle} ± {statistics.stdev(values):{form}}"


def with_missing(parts: Iterable[str], absent: Iterable[str], data: Data) -> str:
    """Return parts of a section, and which data sets were not run, and how they would be.

    Args:
        parts: of the section.
        absent: names of data sets, or of files of scores, without a measurement.
        data: knows which of them are on this machine, and only wait.

    """
    files = {True: "FILE", False: "FOLDER"}
    absent = [*absent]
    waiting = [name for name in absent if data.here(name)]
    pairs = [
        f"{name}={files[name.endswith('c-scores')]}"
        for name in absent
        if name not in waiting and name != "digits"
    ]
    said = [f"Not run yet: {', '.join(waiting)}."] if waiting else []
    said += [f"Not run here: `--data {' '.join(pairs)}`."] if pairs else []
    return "\n\n".join([*parts, *said]) or f"{NOT_RUN.capitalize()}."


def picture_file(folder: Path, data: Data, *words: str) -> Path:
    """Return where a picture of the data's scale is, in the folder of results."""
    return folder / "pictures" / f"{'-'.join((*words, data.scale.name))}.png"


@contextmanager
def picture(path: Path, rows: int = 1, columns: int = 1, beside: float = 0) -> Iterator[Any]:
    """Make (rows, columns) axes, and write what is drawn on them as a PNG file.

    Args:
        path: of the file.
        rows: of axes.
        columns: of axes.
        beside: inches for a legend, see :func:`legend_beside`.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    size = (3.6 * columns + beside, 3 * rows)
    figure = Figure(figsize=size, layout="constrained", dpi=100)
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
    yield axes
    # Without the version of matplotlib in it, so that the same picture is the same file.
    figure.savefig(path, metadata={"Software": None})


def legend_beside(ax: Any, **options: Any) -> None:
    """Draw the legend at the right of axes, where it covers no line."""
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), **options)


def linked(path: Path, said: str) -> str:
    """Return the Markdown that shows a picture, which lies in a folder beside the page."""
    return f"![{said}]({path.parent.name}/{path.name})"
