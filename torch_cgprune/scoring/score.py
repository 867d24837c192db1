"""Features and labels to CG-scores: plan, blocks, solver, sums."""

from __future__ import annotations

import os
from typing import Any

import torch

from torch_cgprune.inputs.labels import Labels
from torch_cgprune.scores import CGScores
from torch_cgprune.scoring.checkpoint import Checkpoint
from torch_cgprune.scoring.finish import finish, warn_of_twins
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.options import log_choices
from torch_cgprune.scoring.prepare import prepared, settled
from torch_cgprune.scoring.runs import sum_runs
from torch_cgprune.scoring.survey import survey
from torch_cgprune.utils.devices import own_settings
from torch_cgprune.utils.ranks import current_ranks


def cg_scores(
    features: Any,
    labels: Labels,
    *,
    method: str = "auto",
    ratio: float = 4,
    runs: int | None = None,
    block_size: int | None = None,
    ridge: float | str | None = None,
    standardise: bool = False,
    near: float | None = None,
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
        features: (n, ...) real numbers, tensor or array, or a data frame (of pandas or polars), a
            list of rows, a column of rows; trailing axes are flattened, rows scaled to unit norm.
        labels: n integers or strings, of any number of classes (one is allowed). Rows go by
            position: features and labels of pandas must have the same index.
        method: ``"exact"``, one factorisation of all n rows for all classes; ``"iterative"``, the
            same for a fraction of the time, nearly: :math:`\alpha` to half a percent, by conjugate
            gradients, and the diagonal estimated; ``"local"``, blocks of neighbours, in time linear
            in n; ``"stochastic"``, the paper's subsampling (App. A.2). ``"auto"`` is exact up to
            25,000 examples, iterative up to 65,536 and local beyond, says so in the log, and
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
        standardise: bring the columns to mean 0 and standard deviation 1 first, without those that
            are constant: for tables whose columns are of different units, as income and year.
        near: (exact, iterative, local) cosine, in (0, 1], from which two examples are near copies:
            0.99 serves for pixels, about 0.85 for an encoder's features, 1 finds exact copies
            alone. They are listed in ``near_copies`` of the scores: up to ten pairs for each
            example, of ``local`` those that share a block in one of its runs. None looks for none.
            In float32 a cosine is good to 1e-5, from 0.9999 on to more digits.
        device: where to compute; None takes the features' own device if that is no CPU, else CUDA
            if there is one, else the CPU.
        dtype: ``torch.float32`` or ``torch.float64``.
        seed: (stochastic, local, iterative) of the draws.
        progress: show progress bars, in rows, each counted by its share of the work.
        checkpoint: a file to keep finished runs (stochastic, local) or iterations in; a later call
            with the same data and options continues after them, to the same result, and deletes it
            at the end.
        storage: what of the Gram matrix finds no room on the device waits in host memory (or, of
            iterative, is computed anew when needed), or, if this is a folder, in a temporary file
            there.

    Returns:
        The :class:`CGScores`, on the CPU.

    Raises:
        TypeError, ValueError: bad features, labels or options; the message names the cure.
        MemoryError: more rows together than fit, found out before the work starts.
        NotPositiveDefiniteError: the Gram matrix is singular at this precision, or the iteration
            does not converge; never does either end in wrong scores.

    References:
        Ki, Choi, Chung: Data valuation without training of a model. ICLR 2023, eq. 2 and 6.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> scores = cg_scores(x, ["a", "b", "b", "b"], progress=False)
        >>> scores.values.argmax()  # next to a "b", yet labelled "a"
        tensor(0)

    """
    return score_within(
        Limits(),
        features,
        labels,
        method=method,
        ratio=ratio,
        runs=runs,
        block_size=block_size,
        ridge=ridge,
        standardise=standardise,
        near=near,
        device=device,
        dtype=dtype,
        seed=seed,
        progress=progress,
        checkpoint=checkpoint,
        storage=storage,
    )


def score_within(
    limits: Limits,
    features: Any,
    labels: Labels,
    *,
    device: torch.device | str | None = None,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    storage: str | os.PathLike[str] | None = None,
    remarks: bool = True,
    **requested: Any,
) -> CGScores:
    """Score as :func:`cg_scores` does, within limits: survey, prepare, settle, solve, finish.

    Args:
        limits: on what is held at once.
        features: as in :func:`cg_scores`, like all that follow but one.
        labels: likewise.
        device: likewise.
        progress: likewise.
        checkpoint: likewise.
        storage: likewise.
        remarks: whether to warn of, or log, what the data and the options are like. A part of data
            that have been scored gives no cause for what was not said then.
        requested: the other options.

    """
    ranks = current_ranks()
    with own_settings():
        with ranks.together():
            shows = progress and ranks.rank == 0
            data = survey(features, labels, limits, progress=shows, remarks=remarks, **requested)
            if remarks:
                log_choices(data.options, requested, n=len(data.codes))
        data.share(ranks)
        with ranks.together():
            problem, points = prepared(
                data, device=device, storage=storage, ranks=ranks, limits=limits
            )
            examples = data.examples(problem.copies)
        ridge, method = data.options["ridge"], data.options["method"]
        del data  # the sketch among it; of many millions, what is done with makes room
        problem, chosen = settled(problem, points, ridge, progress=progress)
        examples.metadata.update(chosen)
        with ranks.together():
            finished = Checkpoint(checkpoint if ranks.rank == 0 else None, examples.metadata)
        total = sum_runs(problem, finished, show=f"CG-scores ({method})" if progress else None)
        del problem, points
        scores = None
        with ranks.together():
            if total is not None:
                scores = finish(total, examples)
                if remarks:
                    warn_of_twins(scores.metadata["twins"], of=len(scores))
                finished.remove()
        told: CGScores = ranks.tell(scores)
        return told
