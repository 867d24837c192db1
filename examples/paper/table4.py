"""Table 4: seconds of every way to score, one after the other in the same process."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from paper.data import Data, Examples
from paper.results import Cell, Row
from paper.shown import NOT_RUN, SEE_PAPER, pick, table, with_missing
from torch_cgprune import cg_scores

DATA = ("cifar10",)


def _timed(examples: Examples, **options: object) -> float:
    start = time.perf_counter()
    cg_scores(examples.pixels, examples.labels, ridge=0, progress=False, **options)  # type: ignore[arg-type]
    return time.perf_counter() - start


# What scores some examples, and says in how many seconds. Methods that train come here.
TIMED: dict[str, Callable[[Examples], float]] = {
    **{
        f"1:{ratio}, a draw": partial(_timed, method="stochastic", ratio=ratio, runs=1)
        for ratio in (1, 2, 3, 4)
    },
    **{method: partial(_timed, method=method) for method in ("exact", "iterative", "local")},
}
NOTE = "One call each; compare times of one table only, and none that were taken on a busy machine."
BASELINES = ("forgetting", "EL2N", "GraNd", "C-score", "TracIn")


def cells(data: Data, _: Path) -> Iterator[Cell]:
    for name in data.names(*DATA):
        yield Cell({"data": name, "methods": [*TIMED]}, partial(seconds, data, name))


def seconds(data: Data, name: str) -> Row:
    """Return the time of every method, and where it was taken."""
    examples = data.examples(name)
    _timed(examples, method="local")  # what the first call loads is not of any method
    found = {method: timed(examples) for method, timed in TIMED.items()}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    machine = f"torch {torch.__version__}, {torch.get_num_threads()} threads, {device}"
    return {"n": len(examples), "seconds": found, "machine": machine}


def render(rows: list[Row], data: Data, _: Path) -> str:
    parts = []
    for row in rows:
        exact = row["seconds"]["exact"]
        lines = [
            [method, SEE_PAPER, f"{taken:.2f} s", f"{taken / exact:.2f}"]
            for method, taken in row["seconds"].items()
        ]
        lines += [
            [name, SEE_PAPER, NOT_RUN, ""] for name in BASELINES if name not in row["seconds"]
        ]
        header = [f"{row['data']}, {row['n']:,} examples", "the paper", "ours", "of exact"]
        parts.append(f"{row['machine']}:\n\n{table(header, lines)}")
    absent = [name for name in data.names(*DATA) if not pick(rows, data=name)]
    said = with_missing(parts, absent)
    return f"## Table 4\n\nTime of the scores of all classes.\n\n{said}\n\n{NOTE}"
