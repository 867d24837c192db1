"""Where examples lie on a map: two dimensions of what is scored."""

from __future__ import annotations

import torch
from torch import Tensor

# Rows that are brought to float32 at a time.
_ROWS = 2**17


def on_a_plane(sketch: Tensor) -> Tensor:
    """Return (n, 2) float32 principal components of the (n, s) sketch of n rows.

    Same as PCA of the sketch to two dimensions, but for the signs: the largest weight of each
    component is positive.

    Example:
        >>> on_a_plane(torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0], [3.0, 1.0]]))
        tensor([[-1.5000, -0.5000],
                [ 1.5000, -0.5000],
                [-1.5000,  0.5000],
                [ 1.5000,  0.5000]])

    """
    width = sketch.shape[1]
    mean, second = torch.zeros(width, dtype=torch.float64), torch.zeros(width, width).double()
    # Part by part: a mean in float64 would first make a copy of all, four times as large.
    for part in sketch.split(_ROWS):
        rows = part.float()
        mean += rows.sum(0, dtype=torch.float64) / len(sketch)
        second += (rows.T @ rows).double() / len(sketch)
    _, vectors = torch.linalg.eigh(second - mean[:, None] * mean)
    axes = vectors.flip(1)[:, :2]
    largest = axes.abs().argmax(0, keepdim=True)
    axes = (axes * axes.gather(0, largest).sign()).float()
    middle = mean.float() @ axes
    found = torch.empty(len(sketch), 2)
    for part, place in zip(sketch.split(_ROWS), found.split(_ROWS), strict=True):
        place.copy_(part.float() @ axes - middle)
    return found
