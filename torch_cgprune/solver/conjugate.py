"""Block conjugate gradients: one system, many right-hand sides, each searched in all directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from torch_cgprune.solver.factors import cholesky, singular

Operator = Callable[[Tensor], Tensor]

# Products with the matrix, at most: each that converges at all has needed a third of them.
MOST_ITERATIONS = 100


class Converged(NamedTuple):
    """What the iterations came to.

    Attributes:
        solution: (n, c) same as ``torch.linalg.solve(H, targets)`` within the tolerances.
        errors: (c,) of every column: the estimated length of its error, relative to its own.
        residuals: (c,) of every column: the length of ``Y - H X``, relative to that of ``Y``.
        iterations: products with the matrix, those that check the result included.

    """

    solution: Tensor
    errors: Tensor
    residuals: Tensor
    iterations: int


def conjugate_gradients(
    multiply: Operator,
    precondition: Operator,
    targets: Tensor,
    tolerances: Tensor,
    *,
    units: Tensor | float = 1.0,
    most: int = MOST_ITERATIONS,
    agree: Callable[[Tensor], object] | None = None,
    tell: Callable[[float], object] | None = None,
) -> Converged:
    r"""Solve :math:`H X = Y` until every column is within its tolerance.

    The residual alone says little where H is ill-conditioned. With a preconditioner P near H at
    hand, :math:`P^{-1} (Y - H X) \approx H^{-1} Y - X` is an estimate of the error itself: that is
    what the tolerances are for. At the end it is taken from the residual computed anew, so that
    what rounding did to the recurrences cannot pass for convergence; where it is too large, the
    iterations go on from a residual in float64, as iterative refinement does.

    Args:
        multiply: (n, c) to ``H`` times it, for a positive definite H; in float64 for float64.
        precondition: (n, c) to ``P^-1`` times it, for a positive definite P near H.
        targets: (n, c) right-hand sides Y, linearly independent, c <= n.
        tolerances: (c,) for the error of each column of X, relative to its length.
        units: (n,) in which lengths are taken: rows whose entries are a thousand times those of
            others would hide the others' errors.
        most: products with the matrix.
        agree: makes the (c,) errors, in place, those that all who share the work have: each decides
            by them whether to go on, and may have rounded its own otherwise.
        tell: told, after every iteration, by how much the worst column exceeds its tolerance.

    Raises:
        NotPositiveDefiniteError: they do not converge, or H is not positive definite.

    References:
        Dubrulle (2001), Retooling the method of block conjugate gradients, algorithm BCGrQ.

    Example:
        >>> H = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
        >>> near = lambda v: v / H.diagonal()[:, None]
        >>> found = conjugate_gradients(H.matmul, near, torch.ones(2, 1), torch.tensor([1e-3]))
        >>> found.solution, found.iterations
        (tensor([[0.4000],
                [0.2000]]), 3)

    """

    def off_by(steps: Tensor) -> Tensor:
        found = _relative(steps, solution, units)
        if agree:
            agree(found)
        return found

    solution, residual, used = targets.new_zeros(targets.shape, dtype=torch.float64), targets, 0
    precision = targets.dtype
    errors = tolerances.new_full((1,), torch.inf)
    while used < most:
        search = _Search(multiply, precondition, residual)
        while used < most - 1:
            errors, used = off_by(search.step(solution)), used + 1
            if tell:
                tell(float((errors / tolerances).max()))
            if (errors <= tolerances).all():
                break
        residual = (targets - multiply(solution.to(precision))).to(targets)
        errors, used = off_by(precondition(residual)), used + 1
        if (errors <= tolerances).all():
            residuals = _relative(residual, targets, 1.0)
            return Converged(solution.to(targets), errors, residuals, used)
        precision = torch.float64
    raise singular(
        "The solution has not converged after %d iterations: its error is about %.1g of it. Some "
        "examples are copies, or nearly so, of others.",
        used,
        float(errors.max()),
    )


class _Search:
    """The directions in which a solution is improved.

    The residuals are kept as orthonormal columns times a small matrix: columns that converge before
    others then cannot make the small systems singular. And these systems are of the matrix alone:
    what the preconditioner does to a smooth residual, which it makes ten thousand times smaller
    than a rough one, may be lost in rounding, and is not relied on to be positive.
    """

    def __init__(self, multiply: Operator, precondition: Operator, residual: Tensor) -> None:
        self._multiply, self._precondition = multiply, precondition
        self._basis, self._scale = torch.linalg.qr(residual)
        self._directions = precondition(self._basis)

    def step(self, solution: Tensor) -> Tensor:
        """Improve (n, c) ``solution``, in place, and return the estimate of what it lacks."""
        moved = self._multiply(self._directions)
        energies = _products(self._directions, moved)
        factor = cholesky((energies + energies.mT) / 2)
        lengths = torch.cholesky_solve(_products(self._directions, self._basis), factor)
        solution += self._directions @ (lengths @ self._scale.double()).to(moved)
        self._basis, left = torch.linalg.qr(self._basis - moved @ lengths.to(moved))
        self._scale = left @ self._scale
        steps = self._precondition(self._basis)
        along = torch.cholesky_solve(_products(moved, steps), factor)
        self._directions = steps - self._directions @ along.to(steps)
        lacking: Tensor = steps @ self._scale
        return lacking


def _products(a: Tensor, b: Tensor) -> Tensor:
    """Return the (c, c) products of columns in float64: what they are solved for decides all."""
    return a.double().mT @ b.double()


def _relative(columns: Tensor, to: Tensor, units: Tensor | float) -> Tensor:
    unit = units[:, None] if isinstance(units, Tensor) else units
    ours, theirs = (
        torch.linalg.vector_norm(t / unit, dim=0, dtype=torch.float64) for t in (columns, to)
    )
    relative: Tensor = ours / theirs
    return relative
