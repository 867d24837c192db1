"""A matrix that is near another, and whose inverse is at hand: landmarks, and parts of the rest."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from torch_cgprune.solver.factors import cholesky

Bounds = Sequence[tuple[int, int]]

# Rows that are solved for at a time: the columns of many landmarks are held once, not twice.
_ROWS = 4096


class Preconditioner:
    r"""The matrix :math:`P = U U^T + R`, with R block-diagonal.

    :math:`U U^T` is the Nystroem approximation of H from some of its columns, the landmarks, and R
    is what it leaves of the parts on the diagonal, so that P has these parts of H itself. Where the
    rows of a part are neighbours, that is all of H but what is between parts and not explained by
    the landmarks.

    Args:
        factor: (n, m) U.
        inverses: of the blocks of R, in order.
        bounds: (first row, one past the last) of each.

    """

    def __init__(self, factor: Tensor, inverses: Sequence[Tensor], bounds: Bounds) -> None:
        self.factor, self._inverses, self._bounds = factor, inverses, bounds
        inner = torch.eye(factor.shape[1], dtype=factor.dtype, device=factor.device)
        for (start, stop), inverse in zip(bounds, inverses, strict=True):
            part = factor[start:stop]
            inner.addmm_(part.mT, inverse @ part)
        self._inner = cholesky(inner)

    def __call__(self, vectors: Tensor) -> Tensor:
        """Return ``P^-1`` times (n, c) vectors, by Woodbury's identity."""
        near = self._of_parts(vectors)
        far = torch.cholesky_solve(self.factor.mT @ near, self._inner)
        return near - self._of_parts(self.factor @ far)

    @functools.cached_property
    def diagonal(self) -> Tensor:
        """(n,) of ``P^-1``."""
        parts = []
        for (start, stop), inverse in zip(self._bounds, self._inverses, strict=True):
            explained = inverse @ self.factor[start:stop]
            far = torch.linalg.solve_triangular(self._inner, explained.mT, upper=False)
            parts.append(inverse.diagonal() - torch.linalg.vector_norm(far, dim=0) ** 2)
        return torch.cat(parts)

    def _of_parts(self, vectors: Tensor) -> Tensor:
        """Multiply with the inverse of R."""
        out = torch.empty_like(vectors)
        for (start, stop), inverse in zip(self._bounds, self._inverses, strict=True):
            torch.mm(inverse, vectors[start:stop], out=out[start:stop])
        return out


def nystroem_factor(columns: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return U, so that :math:`U U^T` has the landmarks' rows and columns.

    Args:
        columns: (n, m) columns of a positive semidefinite matrix; they become U.
        landmarks: (m,) int64 which columns these are.

    Returns:
        (n, m) U, and (m,) what the other landmarks leave of each one.

    """
    own = columns[landmarks].double()
    own.diagonal().add_(0.1 * slack(columns.dtype) * own.diagonal().mean())
    factor = cholesky(own)
    upper = factor.mT.to(columns.dtype)
    for rows in columns.split(_ROWS):
        rows.copy_(torch.linalg.solve_triangular(upper, rows, upper=True, left=False))
    return columns, (1 / torch.cholesky_inverse(factor).diagonal()).to(columns.dtype)


def rest_inverse(part: Tensor, factor: Tensor) -> Tensor:
    """Return the inverse of what the landmarks leave of a part of the matrix.

    Args:
        part: (b, b) of the matrix, on its diagonal.
        factor: (b, m) rows of U.

    """
    rest = torch.addmm(part, factor, factor.mT, alpha=-1)
    rest.diagonal().add_(slack(part.dtype) * part.diagonal().mean())  # of landmarks nothing is left
    return torch.cholesky_inverse(cholesky(rest))


def slack(dtype: torch.dtype) -> float:
    """Return what rounding may take from an eigenvalue, in units of the diagonal."""
    eps: float = torch.finfo(dtype).eps
    return float(eps**0.6)
