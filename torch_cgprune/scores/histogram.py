"""A small histogram as SVG: for notebooks, where no plotting library need be installed."""

from __future__ import annotations

import numpy as np
from torch import Tensor

_WIDTH, _HEIGHT, _BINS = 360, 80, 60
# Few very high scores would leave one bar of the rest: what lies beyond is in the last bar.
_SHOWN = 0.995


def bins_of(values: Tensor, bins: int) -> tuple[Tensor, float, float]:
    """Count values between the lowest and, all but 0.5 %, the highest; the last bin has the rest.

    Args:
        values: (n,) finite numbers.
        bins: how many, of equal width.

    Returns:
        (bins,) int64 counts, and the ends of the range.

    """
    # "lower": one outlier among few would stretch an interpolated quantile.
    low, high = float(values.min()), float(np.quantile(values.numpy(), _SHOWN, method="lower"))
    width = (high - low) / bins or 1.0
    places = ((values - low) / width).clamp(max=bins - 1).long()
    return places.bincount(minlength=bins), low, low + width * bins


def histogram(values: Tensor) -> str:
    """Return an SVG element with a histogram of (n,) finite numbers, in the text's own colour."""
    counts, low, high = bins_of(values, _BINS)
    heights = (_HEIGHT * counts / counts.max()).tolist()
    step = _WIDTH / _BINS
    bars = "".join(
        f"M{i * step:g} {_HEIGHT}v{-height:.1f}h{step - 1:g}v{height:.1f}z"
        for i, height in enumerate(heights)
        if height
    )
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT + 18}" role="img" aria-label="Histogram of '
        f'{len(values)} scores from {low:.3g} to {high:.3g}" fill="currentColor">'
        f'<path d="{bars}" opacity="0.6"/><text y="{_HEIGHT + 14}" font-size="11">{low:.3g}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" font-size="11" text-anchor="end">{high:.3g}</text>'
        f"</svg>"
    )
