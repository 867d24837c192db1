"""Table 4: seconds of every way to score, one after the other in the same process."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from json_lines import device_name

from paper.data import Data
from paper.results import Cell, Row
from paper.shown import SEE_PAPER, measured, sized, table, with_missing
from paper.trained import start_norms, validation, watched
from paper.training import begin
from torch_cgprune import cg_scores

DATA = ("cifar10",)


def _clock() -> float:
    """Return the time at which the device has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _scored(data: Data, name: str, **options: object) -> float:
    examples, start = data.examples(name), _clock()
    cg_scores(examples.pixels, examples.labels, ridge=0, progress=False, **options)  # type: ignore[arg-type]
    return _clock() - start


def _at_start(data: Data, name: str, method: str) -> float:
    start = _clock()
    start_norms(begin(data, name, data.examples(name).labels, seed=0), method)
    return _clock() - start


# What scores the examples without a training, and says in how many seconds.
TIMED: dict[str, Callable[[Data, str], float]] = {
    **{
        f"1:{ratio}, a draw": partial(_scored, method="stochastic", ratio=ratio, runs=1)
        for ratio in (1, 2, 3, 4)
    },
    **{method: partial(_scored, method=method) for method in ("exact", "iterative", "local")},
    "GraNd, one network": partial(_at_start, method="grand"),
    "GraNd of the last layer, one network": partial(_at_start, method="grand-last"),
}
TRAINED = ("EL2N, one network", "forgetting, AUM", "TracIn", "TracIn, self-influence")
NOTE = (
    "One call each, a training with what it measures; compare times of one table only, and none "
    "that were taken on a busy machine. C-scores are published ones: they are of many trainings."
)


def cells(data: Data, _: Path) -> Iterator[Cell]:
    for name in data.names(*DATA):
        yield Cell({"data": name, "methods": [*TIMED, *TRAINED]}, partial(seconds, data, name))


def seconds(data: Data, name: str) -> Row:
    """Return the time of every method, and where it was taken."""
    # What the first calls load is not of any method.
    _scored(data, name, method="local")
    _at_start(data, name, "grand-last")
    found = {method: timed(data, name) for method, timed in TIMED.items()}
    found |= dict(zip(TRAINED, _trained(data, name), strict=True))
    machine = f"torch {torch.__version__}, {torch.get_num_threads()} threads, {device_name()}"
    return {"n": len(data.examples(name)), "seconds": found, "machine": machine}


def _trained(data: Data, name: str) -> list[float]:
    """Return what the methods of ``TRAINED`` take, each with as much of the training as it needs.

    EL2N needs the beginning, the others all of it; TracIn looks at its checkpoints afterwards.
    """
    others, start = validation(data, name), _clock()
    found = watched(data, name, data.examples(name).labels, seed=0)
    found.train(steps=found.early_steps)
    taken = [_clock() - start]
    found.train()
    taken.append(_clock() - start)
    for images in (others, None):
        after = _clock()
        found.influence(images)
        taken.append(taken[1] + _clock() - after)
    return taken


def render(rows: list[Row], data: Data, _: Path) -> str:
    parts = []
    for row in rows:
        exact = row["seconds"]["exact"]
        lines = [
            [method, SEE_PAPER, f"{taken:.2f} s", f"{taken / exact:.2f}"]
            for method, taken in row["seconds"].items()
        ]
        header = [sized(row), "the paper", "ours", "of exact"]
        parts.append(f"{row['machine']}:\n\n{table(header, lines)}")
    absent = measured(rows, data, *DATA)[1]
    said = with_missing(parts, absent, data)
    return f"## Table 4\n\nTime of the scores of all classes.\n\n{said}\n\n{NOTE}"
