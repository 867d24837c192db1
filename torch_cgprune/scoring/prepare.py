"""From what is scored to a problem that can be solved: the plan, the place, the ridge."""

from __future__ import annotations

import dataclasses
import logging
import os
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.scoring.asked import fit_to_asked
from torch_cgprune.scoring.copies import find_copies
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.plans import planned
from torch_cgprune.scoring.problem import Problem, place_tiles
from torch_cgprune.scoring.ridge import choose_ridge
from torch_cgprune.scoring.survey import Survey
from torch_cgprune.utils.devices import pick_device
from torch_cgprune.utils.ranks import Ranks

_log = logging.getLogger(__name__)


def prepared(
    data: Survey,
    *,
    device: torch.device | str | None,
    storage: str | os.PathLike[str] | None,
    ranks: Ranks,
    limits: Limits,
) -> tuple[Problem, Tensor]:
    """Return the problem, without a ridge yet, and the (m, s) sketch of its kept rows.

    Raises:
        MemoryError: it does not fit, on the device and where ``storage`` says.

    """
    copies = find_copies(data.unit_digests, data.codes)
    kept = copies.kept
    points = data.sketch if len(kept) == len(data.sketch) else data.sketch[kept]
    problem = Problem(
        matrix=data.matrix,
        scaling=data.scaling,
        copies=copies,
        codes=data.codes,
        plan=planned(
            data.codes[kept],
            points,
            len(data.classes),
            data.options,
            part_rows=limits.part_rows,
        ),
        dtype=getattr(torch, data.options["dtype"]),
        device=pick_device(device, data.matrix.device),
        ranks=ranks,
        limits=limits,
        near=data.options.get("near"),
    )
    return dataclasses.replace(problem, storage=place_tiles(problem, storage)), points


def settled(
    problem: Problem, points: Tensor, ridge: float | str, *, progress: bool = False
) -> tuple[Problem, dict[str, Any]]:
    """Return the problem with its ridge, and what the metadata record of the choice.

    And with a posterior of all predictions, where these will be too many to keep. The ranks share
    the work of both; the first of them shows progress bars, if any.
    """
    chosen: dict[str, Any] = {}
    progress = progress and problem.ranks.rank == 0
    if isinstance(ridge, str):  # "auto"
        ridge, chosen["ridge"] = choose_ridge(problem, points, progress=progress)
        _log.info("ridge='auto' takes %g", ridge)
    problem = dataclasses.replace(problem, ridge=ridge)
    if problem.plan.predicts and not problem.keeps_predictions:
        posterior = fit_to_asked(problem, points, progress=progress)
        problem = dataclasses.replace(problem, posterior=posterior)
    return problem, chosen
