"""Cholesky factors of a part, or the error that names the cure."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from torch_cgprune.errors import Argument, Message, NotPositiveDefiniteError


def cholesky(matrix: Tensor) -> Tensor:
    """Return the Cholesky factor of a part of a matrix, or of what it does to some directions.

    Raises:
        NotPositiveDefiniteError: there is none at this precision.

    """
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if failed or not torch.isfinite(factor).all():
        raise singular(
            "The Gram matrix is not positive definite to rounding: some examples are copies, or "
            "nearly so, of others."
        )
    return factor


def singular(template: str, *values: Any) -> NotPositiveDefiniteError:
    """Return the error of a matrix that is too nearly singular to be solved."""
    return NotPositiveDefiniteError(
        template,
        *values,
        parameter="ridge",
        cure=Message(
            "Pass %s or more, %s, or leave the copies out.",
            Argument("ridge", "1e-3"),
            Argument("dtype", "torch.float64"),
        ),
    )
