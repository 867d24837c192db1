"""Where a job's numbers will live, or that there is no room for them: known before it starts."""

from __future__ import annotations

import os

import torch

from torch_cgprune.memory import available_on, check_fits
from torch_cgprune.runs import Work
from torch_cgprune.solver import numbers
from torch_cgprune.storage import Storage

_CPU = torch.device("cpu")


def place_tiles(work: Work, rows: int, folder: str | os.PathLike[str] | None) -> Storage | None:
    """Decide where the Gram matrix of the largest block lives.

    Args:
        work: the features, the device, the ranks.
        rows: of the largest block.
        folder: for what finds no room on the device; None is host memory.

    Returns:
        None where all fits on the device.

    Raises:
        MemoryError: there is not enough of it; the message has the figures and the cures.

    """
    item, device = work.dtype.itemsize, work.device
    beside = (len(work.matrix) if work.keeps_unit_rows else rows) * work.matrix.shape[1]
    beside += 7 * rows * min(rows, len(work.priors))  # targets, solutions and their temporaries
    working = (numbers(rows, apart=True) + beside) * item
    whole = (numbers(rows) + beside) * item
    if work.options["method"] == "exact" and work.ranks.size > 1:  # each holds its share of tiles
        whole = min(whole, numbers(rows) // work.ranks.size * item + working)
    sharing = work.ranks.beside if device.type == "cpu" else 1
    room = available_on(device)
    if room is None or whole * sharing <= room:
        return None
    what = f"Scoring {rows} rows together in {work.dtype}"
    cure = (
        "Pass method='local', dtype=torch.float32 if it is float64, storage='FOLDER' to keep tiles "
        "of the matrix in a file, or a device with more memory."
    )
    if device.type == "cpu" and folder is None:
        check_fits(whole * sharing, device, what, cure)
    check_fits(working * sharing, device, f"{what}, with tiles of the matrix elsewhere,", cure)
    if folder is None:
        # Page-locked memory is handed out in powers of two.
        check_fits(2 * whole * work.ranks.beside, _CPU, what, cure)
    # What a process can take of the memory is never all that is reported free.
    return Storage(int(0.8 * (room / sharing - working)), folder)
