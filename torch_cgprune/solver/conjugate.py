"""Block conjugate gradients: one system, many right-hand sides, each searched in all directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from torch_cgprune.solver.factors import cholesky, singular

Operator = Callable[[Tensor], Tensor]
State = dict[str, Tensor]

# Products with the matrix, at most: each that converges at all has needed a third of them.
MOST_ITERATIONS = 100


class Kept(Protocol):
    """Where the state of an iteration outlives its process."""

    def load(self) -> State:
        """Return the state, empty where there is none."""

    def save(self, state: State) -> None:
        """Replace the state."""


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
    begun: State | None = None,
    keep: Callable[[State], object] | None = None,
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
        begun: what ``keep`` was given last, to go on from; None or empty to begin.
        keep: given the state before every iteration.

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

    def off_by(lacking: Tensor) -> Tensor:
        found = _relative(lacking, search.solution, units)
        if agree:
            agree(found)
        return found

    search = _Search(multiply, precondition, targets, begun)
    while search.used < most:
        while search.used < most - 1:
            if keep:
                keep(search.state)
            errors = off_by(search.step())
            if tell:
                tell(float((errors / tolerances).max()))
            if (errors <= tolerances).all():
                break
        errors = off_by(search.restart())
        if (errors <= tolerances).all():
            residuals = _relative(search.scale, targets, 1.0)
            return Converged(search.solution.to(targets), errors, residuals, search.used)
    raise singular(
        "The solution has not converged after %d iterations: its error is about %.1g of it. Some "
        "examples are copies, or nearly so, of others.",
        search.used,
        float(errors.max()),
    )


class _Search:
    """A solution, and the directions in which it is improved.

    The residuals are kept as orthonormal columns times a small matrix: columns that converge before
    others then cannot make the small systems singular. And these systems are of the matrix alone:
    what the preconditioner does to a smooth residual, which it makes ten thousand times smaller
    than a rough one, may be lost in rounding, and is not relied on to be positive.

    Args:
        multiply: as for :func:`conjugate_gradients`, like all that follow.
        precondition: likewise.
        targets: likewise.
        begun: likewise.

    """

    def __init__(
        self, multiply: Operator, precondition: Operator, targets: Tensor, begun: State | None
    ) -> None:
        self._multiply, self._precondition, self._targets = multiply, precondition, targets
        if begun:
            self.used, self._restarts = begun["counts"].tolist()
            self.solution = begun["solution"].to(targets.device)
            self._basis, self.scale, self._directions = (
                begun[name].to(targets) for name in ("basis", "scale", "directions")
            )
            return
        self.used, self._restarts = 0, 0
        self.solution = torch.zeros_like(targets, dtype=torch.float64)
        self._begin(targets)

    @property
    def state(self) -> State:
        """What a search goes on from, to the same bits."""
        return {
            "solution": self.solution,
            "basis": self._basis,
            "scale": self.scale,
            "directions": self._directions,
            "counts": torch.tensor([self.used, self._restarts]),
        }

    def step(self) -> Tensor:
        """Improve the (n, c) solution, and return the estimate of what it lacks."""
        moved = self._multiply(self._directions)
        energies = _products(self._directions, moved)
        factor = cholesky((energies + energies.mT) / 2)
        lengths = torch.cholesky_solve(_products(self._directions, self._basis), factor)
        self.solution += self._directions @ (lengths @ self.scale.double()).to(moved)
        self._basis, left = torch.linalg.qr(self._basis - moved @ lengths.to(moved))
        self.scale = left @ self.scale
        steps = self._precondition(self._basis)
        along = torch.cholesky_solve(_products(moved, steps), factor)
        self._directions = steps - self._directions @ along.to(steps)
        self.used += 1
        lacking: Tensor = steps @ self.scale
        return lacking

    def restart(self) -> Tensor:
        """Begin anew from the residual computed, and return the estimate of what is lacking."""
        precision = torch.float64 if self._restarts else self._targets.dtype
        moved = self._multiply(self.solution.to(precision))
        self.used, self._restarts = self.used + 1, self._restarts + 1
        return self._begin((self._targets - moved).to(self._targets))

    def _begin(self, residual: Tensor) -> Tensor:
        self._basis, self.scale = torch.linalg.qr(residual)
        self._directions = self._precondition(self._basis)
        lacking: Tensor = self._directions @ self.scale
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
