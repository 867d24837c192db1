"""Positive definite systems solved by iteration; the diagonal of the inverse is estimated."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from torch_cgprune.solver.conjugate import Converged, Kept, State, conjugate_gradients
from torch_cgprune.solver.diagonal import estimate_diagonal, random_signs
from torch_cgprune.solver.factors import cholesky
from torch_cgprune.solver.matrix import Bounds, SymmetricMatrix
from torch_cgprune.solver.preconditioner import (
    Preconditioner,
    nystroem_factor,
    rest_inverse,
)
from torch_cgprune.solver.sweep import flops
from torch_cgprune.solver.tiles import FillTile, Storage, Tiles
from torch_cgprune.utils.aligned import aligned
from torch_cgprune.utils.ranks import ALONE, Ranks

# Random vectors for the diagonal. They have to fit a quadratic to all rows together: of many rows
# twice as many gain nothing that can be told. Fewer rows have this many numbers in theirs.
PROBES, _PROBED = 16, 2**18
# Relative errors at which columns are good enough, in units of the parts' inverse diagonal, as
# leave-one-out residuals are: those of the solution, and those of the probes, which are off by a
# third anyway. The rank correlation that an error e costs is about e^2.
TOLERANCE, PROBE_TOLERANCE = 0.005, 0.05
# Landmarks are a share of the rows: dearer for many rows, where they cost more than they save, and
# for a ridge at which half of them cost an iteration only.
_SHARE, _MOST = 16, 2048
_LARGE_RIDGE = 0.1
# An entry of a row, in units of the diagonal, at which it is nearly a copy.
_CLOSE = 0.98
# The share of the progress that is the filling of the matrix.
_FILLING = 0.6


class Iterated(NamedTuple):
    """What the iterations return.

    Attributes:
        alpha: (n, k) solutions, same as ``torch.linalg.solve(H, targets)`` within the tolerance.
        diagonal: (n,) estimated diagonal of the inverse.
        landmarks: rank of the preconditioner, beside its blocks.
        converged: of the k targets and the probes.

    """

    alpha: Tensor
    diagonal: Tensor
    landmarks: int
    converged: Converged


def probes_of(n: int) -> int:
    """Return how many probes n rows have: more where they cost nothing and are needed most."""
    return max(PROBES, min(_PROBED // n, n // 4))


def landmarks_of(n: int, ridge: float = 0) -> int:
    """Return how many landmarks n rows have."""
    return max(1, aligned(min(n // _SHARE, _MOST if ridge < _LARGE_RIDGE else _MOST // 2)))


def iterative_numbers(n: int, part: int, columns: int, *, apart: bool = False) -> int:
    """Return how many numbers the iterations over n rows take.

    Args:
        n: rows of the matrix.
        part: rows of the largest part.
        columns: right-hand sides.
        apart: do not count the tiles, but what of them is in work at a time: three buffers.

    """
    tiles = 3 * n * part if apart else n * (n + part) // 2
    return tiles + n * (part + 2 * landmarks_of(n) + 10 * (columns + probes_of(n)))


def iterate(
    fill: FillTile,
    targets: Tensor,
    bounds: Bounds,
    *,
    shift: Tensor,
    seed: int = 0,
    tolerance: float = TOLERANCE,
    storage: Storage | None = None,
    ranks: Ranks = ALONE,
    kept: Kept | None = None,
    advance: Callable[[int], object] | None = None,
) -> Iterated:
    r"""Solve :math:`H \alpha = Y` by conjugate gradients, and estimate the inverse's diagonal.

    H is filled once, half of it, and multiplied with all right-hand sides at once in a dozen
    iterations, where :func:`~torch_cgprune.solver.sweep` takes :math:`\frac{2}{3} n^3` operations.
    What of it finds no room with ``Storage.anew`` is filled in every iteration.
    Some random right-hand sides among them tell the diagonal.

    Args:
        fill: as for :func:`~torch_cgprune.solver.sweep`, of one matrix.
        targets: (n, k) right-hand sides Y, linearly independent.
        bounds: (first row, one past the last) of every part, neighbours by the kernel: tiles have
            these rows, and the preconditioner the squares on the diagonal.
        shift: (n,) what of the diagonal of H was added to a positive semidefinite matrix.
        seed: of landmarks and probes.
        tolerance: for the error of each column of alpha over the diagonal, relative to its length.
        storage: where the tiles live; None keeps them on the device.
        ranks: who shares the work; the result is the same on all.
        kept: where rank 0 keeps the iteration, and finds one that was interrupted: it is gone on
            with, to the same result. The matrix is filled again.
        advance: told the operations done since its last call, in those of a sweep.

    Raises:
        NotPositiveDefiniteError: a part is singular at this precision, or the solution does not
            converge.

    """
    n, k = targets.shape
    told = _Progress(flops(n), advance)
    with ranks.together():
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(n, generator=generator)
        probes = random_signs(n, probes_of(n), generator, targets)
        closeness = targets.new_zeros(n)

        def filled(start: int, stop: int, out: Tensor) -> None:
            fill(start, stop, out)
            if start:
                largest = out[0, :, :start].amax(1) / out[0, :, start:].diagonal()
                closeness[start:stop] = largest
            told.reached(_FILLING * stop**2 / n**2)

        tiles = Tiles(ranks.mine(bounds), filled, targets[None], storage)
    ranks.sum(closeness)
    count = landmarks_of(n, float(shift.median()))
    landmarks = _landmarks(order, closeness.cpu(), count)
    matrix = SymmetricMatrix(tiles, bounds, targets, ranks)
    preconditioner, floor, features = _preconditioner(matrix, landmarks, shift)
    tolerances = targets.new_tensor([tolerance] * k + [PROBE_TOLERANCE] * probes.shape[1])
    converged = conjugate_gradients(
        matrix.__matmul__,
        preconditioner,
        torch.cat([targets, probes], 1),
        tolerances.double(),
        units=floor,
        agree=lambda errors: ranks.broadcast(errors, 0),
        tell=told.excess,
        begun=ranks.once(kept.load) if kept else None,
        keep=functools.partial(_save, kept, ranks) if kept else None,
    )
    with ranks.together():
        alpha, samples = converged.solution.split([k, probes.shape[1]], 1)
        apart = torch.zeros(n, dtype=torch.bool, device=targets.device)
        apart[landmarks.to(apart.device)] = True
        diagonal = estimate_diagonal(
            samples * probes,
            preconditioner(probes) * probes,
            preconditioner.diagonal,
            floor,
            features,
            apart,
        )
        told.to(1)
    return Iterated(alpha, diagonal, len(landmarks), converged)


def _save(kept: Kept, ranks: Ranks, state: State) -> None:
    with ranks.together():
        if ranks.rank == 0:
            kept.save(state)


def _landmarks(order: Tensor, closeness: Tensor, count: int) -> Tensor:
    """Choose landmarks: rows that are nearly those of another part, which it cannot have, first.

    Args:
        order: (n,) int64 all rows, at random.
        closeness: (n,) largest entry of each row in an earlier part, in units of the diagonal.
        count: how many.

    """
    close = closeness.sort(descending=True, stable=True)
    first = close.indices[close.values > _CLOSE][: count - count // 4]
    others = order[~torch.isin(order, first)]
    return torch.cat([first, others])[:count].sort().values


def _preconditioner(
    matrix: SymmetricMatrix, landmarks: Tensor, shift: Tensor
) -> tuple[Preconditioner, Tensor, Tensor]:
    """Return the preconditioner, the diagonal of the parts' inverses, and what it goes with."""
    columns = matrix.columns(landmarks)
    at = landmarks.to(columns.device)
    columns[at, torch.arange(len(at), device=at.device)] -= shift[at]
    factor, left_out = nystroem_factor(columns, at)
    inverses, floors, diagonals = [], [], []
    for start, stop, part in matrix.parts():
        diagonals.append(part.diagonal().clone())
        floors.append(torch.cholesky_inverse(cholesky(part)).diagonal().clone())
        inverses.append(rest_inverse(part, factor[start:stop]))
    bounds = matrix.bounds
    inverses = matrix.gather(inverses, [(b - a, b - a) for a, b in bounds])
    floor, diagonal = (
        torch.cat(matrix.gather(own, [(b - a,) for a, b in bounds])) for own in (floors, diagonals)
    )
    found = Preconditioner(factor, inverses, bounds)
    rest = diagonal - torch.linalg.vector_norm(factor, dim=1) ** 2
    rest[at] = left_out + shift[at]
    smallest = torch.finfo(rest.dtype).eps * float(diagonal.mean())
    features = torch.stack([floor, found.diagonal, rest], 1)
    return found, floor, features.clamp(min=smallest)


class _Progress:
    """Turns the excess over the tolerance into operations done."""

    def __init__(self, total: int, advance: Callable[[int], object] | None) -> None:
        self._total, self._advance = total, advance
        self._done, self._first = 0.0, 0.0

    def reached(self, share: float) -> None:
        self.to(max(self._done, share))

    def excess(self, excess: float) -> None:
        logarithm = math.log(max(excess, 1.0))
        self._first = max(self._first, logarithm)
        left = logarithm / self._first if self._first else 0.0
        self.reached(1 - (1 - _FILLING) * left)

    def to(self, share: float) -> None:
        share = min(share, 1.0)
        if self._advance:
            self._advance(int(self._total * share) - int(self._total * self._done))
        self._done = share
