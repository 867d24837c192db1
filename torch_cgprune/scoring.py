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
from torch_cgprune.blocks import Solved, centred_loo, complexities, score_columns, solve_block
from torch_cgprune.cache import fingerprint, row_digests
from torch_cgprune.errors import (
    NotPositiveDefiniteError,
    check_choice,
    check_integer,
    check_real,
)
from torch_cgprune.features import as_matrix
from torch_cgprune.kernel import unit_rows
from torch_cgprune.labels import ClassName, Labels, encode_labels
from torch_cgprune.plans import Block
from torch_cgprune.scores import CGScores
from torch_cgprune.solver import flops

METHODS = ("auto", "exact", "stochastic")
_DTYPES = {"float32": torch.float32, "float64": torch.float64}
# What method="auto" scores exactly; half the matrix is then 8.6 GB in float32.
EXACT_UP_TO = 65_536

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
        NotPositiveDefiniteError: examples that are copies of each other, or nearly so.

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
    unit = unit_rows(matrix, dtype=dtype, device=_pick_device(device, matrix))
    blocks = _plan(codes, len(classes), options)
    digests = row_digests(matrix)
    metadata = {
        "options": options,
        "library_version": version("torch-cgprune"),
        "fingerprint": fingerprint(digests, codes, classes),
    }
    averages = _Averages(codes, classes, with_loo=options["method"] == "exact", dtype=dtype)
    with _progress_bar(blocks, options["method"], show=progress) as advance, _full_precision():
        for block in blocks:
            averages.add(block, solve_block(unit, block, options["ridge"], advance))
    return averages.scores(digests, metadata)


def resolve_options(
    counts: Sequence[int],
    *,
    method: str = "auto",
    ratio: float = 4,
    runs: int | None = None,
    ridge: float = 0.0,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> dict[str, Any]:
    """Check the options of :func:`cg_scores` and return, as JSON values, those with an effect.

    Args:
        counts: examples in each class.
        method: as in :func:`cg_scores`, like all that follow.
        ratio: likewise.
        runs: likewise.
        ridge: likewise.
        dtype: likewise.
        seed: likewise.

    Returns:
        What ``CGScores.metadata["options"]`` records and a cache is compared by.

    """
    check_choice("method", "cg_scores", method, METHODS)
    name = str(dtype).removeprefix("torch.")
    check_choice("dtype", "cg_scores", name, tuple(_DTYPES))
    common = {"ridge": check_real("ridge", "cg_scores", ridge, "[0, inf)"), "dtype": name}
    n = sum(counts)
    if method == "auto":
        if n > EXACT_UP_TO:
            raise ValueError(
                f"The 'method' parameter of cg_scores is 'auto': exact to n = {EXACT_UP_TO}. "
                f"Got n = {n}; pass method='stochastic', or method='exact' to insist."
            )
        method = "exact"
    if method == "exact":
        return {"method": method, **common}
    ratio = check_real("ratio", "cg_scores", ratio, "(0, inf)")
    seed = check_integer("seed", "cg_scores", seed, minimum=0)
    if runs is None:
        per_class = plans.recommended_runs(counts, ratio)
    else:
        per_class = [check_integer("runs", "cg_scores", runs, minimum=1)] * len(counts)
    return {"method": method, **common, "ratio": ratio, "runs": per_class, "seed": seed}


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


class _Averages:
    """Sums over blocks of what each row's scores are made of."""

    def __init__(
        self, codes: Tensor, classes: tuple[ClassName, ...], *, with_loo: bool, dtype: torch.dtype
    ) -> None:
        n, k = len(codes), len(classes)
        self.codes, self.classes = codes, classes
        self.priors = codes.bincount(minlength=k).to(dtype) / n
        # Columns: score, its three terms, CG'; and how often a row was scored.
        self.sums = torch.zeros(n, 5, dtype=torch.float64)
        self.times = torch.zeros(n, dtype=torch.int64)
        # Columns: complexity, bound; and in how many blocks a class took part.
        self.class_sums = torch.zeros(k, 2, dtype=torch.float64)
        self.class_times = torch.zeros(k, dtype=torch.int64)
        self.loo = torch.zeros(n, k, dtype=dtype) if with_loo else None

    def add(self, block: Block, solved: Solved) -> None:
        rows = block.rows[block.scored]
        self.sums.index_add_(0, rows, score_columns(block, solved))
        self.times.index_add_(0, rows, torch.ones_like(rows))
        real = block.classes >= 0
        complexity = complexities(block, solved)[real]
        both = torch.stack([complexity, (2 * complexity.clamp(min=0) / len(block.rows)).sqrt()], 1)
        self.class_sums.index_add_(0, block.classes[real], both)
        self.class_times.index_add_(
            0, block.classes[real], torch.ones(len(both), dtype=torch.int64)
        )
        if self.loo is not None:
            self.loo.index_add_(0, rows, centred_loo(block, solved, self.priors))

    def scores(self, digests: Tensor, metadata: dict[str, Any]) -> CGScores:
        means = self.sums / self.times[:, None]
        if not torch.isfinite(means).all():
            raise NotPositiveDefiniteError(
                "The scores overflow: the Gram matrix is numerically singular. "
                "Pass ridge=1e-3 or more, or dtype=torch.float64."
            )
        complexity, bound = (self.class_sums / self.class_times[:, None]).unbind(1)
        return CGScores(
            values=means[:, 0].clone(),
            terms=means[:, 1:4].clone(),
            cg_prime=means[:, 4].clone(),
            labels=self.codes,
            classes=self.classes,
            complexity=complexity.clone(),
            bound=bound.clone(),
            digests=digests,
            loo=None if self.loo is None else self.loo / self.times[:, None],
            metadata=metadata,
        )
