"""Measurements in files of one JSON line each: what is there is not computed again."""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from json_lines import append_row, device_name, read_rows
from scipy.stats import spearmanr

from paper.data import MissingError

Row = dict[str, Any]


class Cell(NamedTuple):
    """One measurement.

    Attributes:
        key: what it is of, as JSON values; a cell of the same key is not measured again.
        measure: returns what was found, as JSON values, or raises ``MissingError``.

    """

    key: Row
    measure: Callable[[], Row]


def by_ratio(
    names: Iterable[str], ratios: Iterable[int], measure: Callable[[str, int], Row]
) -> Iterator[Cell]:
    """Yield a cell for every data set and ratio of the others in a block."""
    for name in names:
        for ratio in ratios:
            yield Cell({"data": name, "ratio": ratio}, partial(measure, name, ratio))


def spearman(one: Any, other: Any) -> float:
    """Return the rank correlation of two sequences."""
    return float(spearmanr(one, other).statistic)


def complete(cells: Iterable[Cell], path: Path, scale: str) -> None:
    """Measure the cells that are not in the file, and append each as soon as it is there.

    Args:
        cells: of one module.
        path: the module's file of JSON lines.
        scale: belongs to the key of each.

    """
    done = [row["key"] for row in read_rows(path)]
    for cell in cells:
        key = {"scale": scale, **cell.key}
        if key in done:
            continue
        about, start = ", ".join(map(str, cell.key.values())), time.perf_counter()
        try:
            found = cell.measure()
        except MissingError as missing:
            print(f"{path.stem}: {about}: not run here, without {missing}", flush=True)
            continue
        append_row(path, {"key": key, "found": found, "device": device_name()})
        print(f"{path.stem}: {about}: {time.perf_counter() - start:.1f} s", flush=True)


def devices_of(path: Path, scale: str) -> set[str]:
    """Return what the rows of a module at a scale were computed on."""
    return {row["device"] for row in read_rows(path) if row["key"]["scale"] == scale}


def rows_of(path: Path, scale: str) -> list[Row]:
    """Return what was measured at a scale, each with its key."""
    return [
        {**row["key"], **row["found"]} for row in read_rows(path) if row["key"]["scale"] == scale
    ]
