"""Features and labels to CG-scores: plan, blocks, solver, sums."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import os
import warnings
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.inputs.fingerprints import fingerprint, row_digests
from torch_cgprune.inputs.labels import Labels, encode_labels, look_like_identifiers
from torch_cgprune.inputs.rows import as_matrix
from torch_cgprune.scores import CGScores
from torch_cgprune.scoring import plans
from torch_cgprune.scoring.asked import fit_to_asked
from torch_cgprune.scoring.checkpoint import Checkpoint
from torch_cgprune.scoring.copies import find_copies
from torch_cgprune.scoring.kernel import unit_rows
from torch_cgprune.scoring.options import resolve_options
from torch_cgprune.scoring.plans import Plan
from torch_cgprune.scoring.problem import CONFLICT_RIDGE, Problem, place_tiles
from torch_cgprune.scoring.ridge import choose_ridge
from torch_cgprune.scoring.runs import sum_runs
from torch_cgprune.scoring.sums import finish, keeps_all
from torch_cgprune.utils.devices import own_settings, pick_device
from torch_cgprune.utils.ranks import current_ranks

# Rows read at a time in the first pass over the features, and how many numbers sketch one.
_SURVEY_ROWS = 4096
_SKETCH = 64

_log = logging.getLogger(__name__)


def cg_scores(
    features: Any,
    labels: Labels,
    *,
    method: str = "auto",
    ratio: float = 4,
    runs: int | None = None,
    block_size: int | None = None,
    ridge: float | str | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    storage: str | os.PathLike[str] | None = None,
) -> CGScores:
    r"""Score every example by its complexity gap, without training anything.

    .. math:: CG(i) = y^T H^{-1} y - y_{-i}^T H_{-i}^{-1} y_{-i} = \alpha_i^2 / (H^{-1})_{ii}

    with :math:`H` the arc-cosine Gram matrix of the unit rows, :math:`\alpha = H^{-1} y`, and y the
    labels as +-1, the example's own class against the rest.

    Exact copies (equal rows up to scale) are kept once: later copies of the same label score 0.
    Copies of different labels are reported as ``conflicts`` and scored with a ridge of 1e-3.

    Where a ``torch.distributed`` process group is up, all its ranks must call this with the same
    data; they share the work, and all return the same scores. An error on one is raised on all.
    With NCCL, ``torch.cuda.set_device`` must have given each rank its own GPU.

    Args:
        features: (n, ...) real numbers, tensor or array; trailing axes are flattened, rows scaled
            to unit norm.
        labels: n integers or strings, of any number of classes (one is allowed).
        method: ``"exact"``, one factorisation of all n rows for all classes; ``"local"``, blocks of
            neighbours, in time linear in n; ``"stochastic"``, the paper's subsampling (App. A.2).
            ``"auto"`` is exact up to 65,536 examples and local beyond, says so in the log, and
            records it in ``metadata``.
        ratio: (stochastic) rows of other classes per row of the class; the paper has 3 for MNIST
            and Fashion-MNIST, 4 for CIFAR.
        runs: (stochastic, local) draws to average over. None is 5 for local; for stochastic, per
            class, as many as cover half of the other classes (App. A.3), logged and recorded in
            ``metadata``.
        block_size: (local) rows per block at most; None is 2,048.
        ridge: :math:`\lambda \ge 0`, added to the diagonal of H. 0 is the paper's score; wrong
            labels are told better with some. ``"auto"`` takes the one of seven, from 0.01 to 10, at
            which the given labels are likeliest, each left out; it is in ``metadata["ridge"]``.
            None is ``"auto"``, but 0 for stochastic and for one class alone.
        device: where to compute; None takes the features' own device if that is no CPU, else CUDA
            if there is one, else the CPU.
        dtype: ``torch.float32`` or ``torch.float64``.
        seed: (stochastic, local) of the draws.
        progress: show a progress bar, in floating-point operations.
        checkpoint: a file to keep finished runs in (stochastic, local); a later call with the same
            data and options continues after them, to the same result, and deletes it at the end.
        storage: what of the Gram matrix finds no room on the device waits in host memory, or, if
            this is a folder, in a temporary file there.

    Returns:
        The :class:`CGScores`, on the CPU.

    Raises:
        TypeError, ValueError: bad features, labels or options; the message names the cure.
        MemoryError: more rows together than fit, found out before the work starts.
        NotPositiveDefiniteError: the Gram matrix is singular at this precision.

    References:
        Ki, Choi, Chung: Data valuation without training of a model. ICLR 2023, eq. 2 and 6.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> scores = cg_scores(x, ["a", "b", "b", "b"], progress=False)
        >>> scores.values.argmax()  # next to a "b", yet labelled "a"
        tensor(0)

    """
    ranks = current_ranks()
    with own_settings():
        with ranks.together():
            matrix = as_matrix(features)
            codes, classes = encode_labels(labels)
            _check_data(matrix, codes, ridge)
            if look_like_identifiers(len(codes), len(classes)):
                warnings.warn(
                    f"The {len(codes)} labels are of {len(classes)} classes: are these identifiers "
                    "of the examples? A score compares examples of one class with others.",
                    stacklevel=2,
                )
            options = resolve_options(
                codes.bincount().tolist(),
                method=method,
                ratio=ratio,
                runs=runs,
                block_size=block_size,
                ridge=ridge,
                dtype=dtype,
                seed=seed,
            )
            _log_choices(options, method=method, runs=runs, n=len(codes))
            sketched = (
                options["method"] == "local"
                or options["ridge"] == "auto"
                or not keeps_all(len(codes), len(classes))
            )
            unit_digests, sketch = _survey(matrix, options.get("seed", 0) if sketched else None)
            digests = row_digests(matrix)
            job = {"options": options, "fingerprint": fingerprint(digests, codes, classes)}
        ranks.check_same(job, "features, labels and options")
        for tensor in (unit_digests, sketch):  # other processors may round otherwise
            ranks.broadcast(tensor, 0)
        with ranks.together():
            copies = find_copies(unit_digests, codes)
            metadata = {
                **job,
                "library_version": version("torch-cgprune"),
                "conflict_ridge": CONFLICT_RIDGE if copies.conflicts.any() else 0.0,
            }
            kept = copies.kept
            points = sketch if len(kept) == len(sketch) else sketch[kept]
            plan = _plan(codes[kept], points, len(classes), options)
            chosen = pick_device(device, matrix.device)
            problem = Problem(matrix, copies, codes, options, dtype, chosen, ranks=ranks)
            largest = max(itertools.chain(*plan.sizes))
            problem = dataclasses.replace(problem, storage=place_tiles(problem, largest, storage))
        if options["ridge"] == "auto":
            number, metadata["ridge"] = choose_ridge(problem, points)
            _log.info("ridge='auto' takes %g", number)
        else:
            number = options["ridge"]
        problem = dataclasses.replace(problem, ridge=number)
        if problem.predicts and not problem.keeps_predictions:
            problem = dataclasses.replace(problem, posterior=fit_to_asked(problem, points))
        with ranks.together():
            finished = Checkpoint(checkpoint if ranks.rank == 0 else None, metadata)
        total = sum_runs(problem, plan, finished, show=progress)
        scores = None
        with ranks.together():
            if ranks.rank == 0:
                scores = finish(total, copies, codes, classes, digests, metadata)
                finished.remove()
        told: CGScores = ranks.tell(scores)
        return told


def _log_choices(options: dict[str, Any], *, method: str, runs: int | None, n: int) -> None:
    if method == "auto":
        _log.info("method='auto' takes %r for n = %d", options["method"], n)
    if options["method"] == "stochastic" and runs is None:
        _log.info("runs=None: half of every other class takes %s runs a class", options["runs"])


def _check_data(matrix: Tensor, codes: Tensor, ridge: float | str | None) -> None:
    if len(matrix) != len(codes):
        raise ValueError(
            f"The 'labels' must be one per row of the 'features'. Got {len(codes)} labels for "
            f"{len(matrix)} rows instead."
        )
    if len(matrix) < 2:
        raise ValueError(
            "The 'features' must have at least 2 rows: a score compares examples. Got 1."
        )
    if ridge == "auto" and not codes.any():
        raise ValueError(
            "The 'ridge' parameter of cg_scores must be a number where all labels are the same. "
            "Got 'auto', which compares predictions of classes."
        )


def _survey(matrix: Tensor, sketch_seed: int | None) -> tuple[Tensor, Tensor]:
    """Read all rows once, in order, as many at a time as fit beside a memory-mapped file.

    Args:
        matrix: (n, d) features.
        sketch_seed: of the random projection, None for no sketch.

    Returns:
        (n,) int64 hashes of the unit rows in float32, equal for copies, scaled ones too; and the
        (n, 64) random projection of the unit rows, (n, 0) without.

    """
    width = 0 if sketch_seed is None else _SKETCH
    rng = torch.Generator().manual_seed(sketch_seed or 0)
    projection = torch.randn(matrix.shape[1], width, generator=rng, dtype=torch.float32)
    digests, sketch = [], torch.empty(len(matrix), width, dtype=torch.float32)
    for part in torch.arange(len(matrix)).split(_SURVEY_ROWS):
        rows = unit_rows(matrix, dtype=torch.float32, device="cpu", chosen=part)
        digests.append(row_digests(rows))
        sketch[part] = rows @ projection
    return torch.cat(digests), sketch


def _plan(codes: Tensor, points: Tensor, k: int, options: dict[str, Any]) -> Plan:
    method = options["method"]
    if method == "exact":
        return plans.exact(codes, k)
    drawn = {name: options[name] for name in ("runs", "seed")}
    if method == "local":
        return plans.local(points, codes, block_size=options["block_size"], **drawn)
    return plans.stochastic(codes, k, ratio=options["ratio"], **drawn)
