"""Features and labels to CG-scores: plan, blocks, solver, averages."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from torch_cgprune import plans
from torch_cgprune.averages import Averages
from torch_cgprune.blocks import solve_block
from torch_cgprune.copies import Copies, find_copies
from torch_cgprune.digests import fingerprint, row_digests
from torch_cgprune.features import as_matrix
from torch_cgprune.kernel import unit_rows
from torch_cgprune.labels import Labels, encode_labels
from torch_cgprune.options import resolve_options
from torch_cgprune.plans import Block
from torch_cgprune.scores import CGScores
from torch_cgprune.solver import flops

# Added to the diagonal where copies have different labels: their scores come out near 2 / ridge.
CONFLICT_RIDGE = 1e-3

# Rows normalised and hashed at a time when copies are looked for.
_SURVEY_ROWS = 4096

_log = logging.getLogger(__name__)


def cg_scores(
    features: Any,
    labels: Labels,
    *,
    method: str = "auto",
    ratio: float = 4,
    runs: int | None = None,
    ridge: float = 0.0,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
    progress: bool = True,
) -> CGScores:
    r"""Score every example by its complexity gap, without training anything.

    .. math:: CG(i) = y^T H^{-1} y - y_{-i}^T H_{-i}^{-1} y_{-i} = \alpha_i^2 / (H^{-1})_{ii}

    with :math:`H` the arc-cosine Gram matrix of the unit rows, :math:`\alpha = H^{-1} y`, and y the
    labels as +-1, the example's own class against the rest.

    Exact copies (equal rows up to scale) are kept once: later copies of the same label score 0.
    Copies of different labels are reported as ``conflicts`` and scored with a ridge of 1e-3.

    Args:
        features: (n, ...) real numbers, tensor or array; trailing axes are flattened, rows scaled
            to unit norm.
        labels: n integers or strings, of any number of classes (one is allowed).
        method: ``"exact"``, one factorisation of all n rows for all classes, or ``"stochastic"``,
            the paper's subsampling (App. A.2). ``"auto"`` is exact, up to 65,536 examples.
        ratio: (stochastic) rows of other classes per row of the class; the paper has 3 for MNIST
            and Fashion-MNIST, 4 for CIFAR.
        runs: (stochastic) draws to average over; None takes, per class, as many as cover half of
            the other classes (App. A.3), logs them and records them in ``metadata``.
        ridge: :math:`\lambda \ge 0`, added to the diagonal of H. 0 is the paper's score; 0.1 to 0.3
            ranks mislabels better.
        device: where to compute; None takes the features' own device if that is no CPU, else CUDA
            if there is one, else the CPU.
        dtype: ``torch.float32`` or ``torch.float64``.
        seed: (stochastic) of the draws.
        progress: show a progress bar, in floating-point operations.

    Returns:
        The :class:`CGScores`, on the CPU.

    Raises:
        TypeError, ValueError: bad features, labels or options; the message names the cure.
        NotPositiveDefiniteError: the Gram matrix is singular at this precision.

    References:
        Ki, Choi, Chung: Data valuation without training of a model. ICLR 2023, eq. 2 and 6.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> scores = cg_scores(x, ["a", "b", "b", "b"], progress=False)
        >>> scores.values.argmax()  # next to a "b", yet labelled "a"
        tensor(0)

    """
    matrix = as_matrix(features)
    codes, classes = encode_labels(labels)
    _check_data(matrix, codes)
    counts = codes.bincount().tolist()
    options = resolve_options(
        counts, method=method, ratio=ratio, runs=runs, ridge=ridge, dtype=dtype, seed=seed
    )
    if options["method"] == "stochastic" and runs is None:
        _log.info("runs=None: half of every other class takes %s runs a class", options["runs"])
    target = _pick_device(device, matrix)
    copies = find_copies(_unit_digests(matrix), codes)
    kept_codes = codes[copies.kept]
    blocks = _plan(kept_codes, len(classes), options)
    ridges, weights = _ridges(copies, options["ridge"]), copies.stand_in.bincount()
    digests = row_digests(matrix)
    metadata = {
        "options": options,
        "library_version": version("torch-cgprune"),
        "fingerprint": fingerprint(digests, codes, classes),
        "conflict_ridge": CONFLICT_RIDGE if copies.conflicts.any() else 0.0,
    }
    averages = Averages(copies, codes, classes, with_loo=options["method"] == "exact", dtype=dtype)
    with _progress_bar(blocks, options["method"], show=progress) as advance, _full_precision():
        for block in blocks:
            everyone = len(block.rows) == len(matrix)
            chosen = None if everyone else copies.kept[block.rows]
            rows = unit_rows(matrix, dtype=dtype, device=target, chosen=chosen)
            solved = solve_block(rows, block, ridges[block.rows], weights[block.rows], advance)
            averages.add(block, solved)
    return averages.scores(digests, metadata)


def _check_data(matrix: Tensor, codes: Tensor) -> None:
    if len(matrix) != len(codes):
        raise ValueError(
            f"The 'labels' must be one per row of the 'features'. Got {len(codes)} labels for "
            f"{len(matrix)} rows instead."
        )
    if len(matrix) < 2:
        raise ValueError(
            "The 'features' must have at least 2 rows: a score compares examples. Got 1."
        )


def _unit_digests(matrix: Tensor) -> Tensor:
    """Return (n,) hashes of the unit rows in float32: equal for copies, scaled ones too."""
    parts = torch.arange(len(matrix)).split(_SURVEY_ROWS)
    unit = (unit_rows(matrix, dtype=torch.float32, device="cpu", chosen=part) for part in parts)
    return torch.cat([row_digests(rows) for rows in unit])


def _ridges(copies: Copies, ridge: float) -> Tensor:
    """Return the (m,) ridge of every kept example: copies in conflict need some."""
    ridges = torch.full((len(copies.kept),), ridge, dtype=torch.float64)
    ridges[copies.conflicts[copies.kept]] = max(ridge, CONFLICT_RIDGE)
    return ridges


def _pick_device(device: torch.device | str | None, matrix: Tensor) -> torch.device:
    if device is not None:
        return torch.device(device)
    if matrix.device.type != "cpu":
        return matrix.device
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _plan(codes: Tensor, k: int, options: dict[str, Any]) -> list[Block]:
    if options["method"] == "exact":
        return plans.exact(codes, k)
    names = ("ratio", "runs", "seed")
    return plans.stochastic(codes, k, **{name: options[name] for name in names})


@contextlib.contextmanager
def _progress_bar(
    blocks: Sequence[Block], method: str, *, show: bool
) -> Iterator[Callable[[int], object]]:
    total = sum(flops(len(block.rows)) for block in blocks)
    description = f"CG-scores ({method})"
    with tqdm(total=total, desc=description, unit="flop", unit_scale=True, disable=not show) as bar:
        yield bar.update


@contextlib.contextmanager
def _full_precision() -> Iterator[None]:
    """Keep float32 products in float32: TF32 or bfloat16 would cost the scores their digits."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_float32_matmul_precision(before)
