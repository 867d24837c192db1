"""Random streams that (seed, epoch, ..) alone decide, and that have nothing in common."""

from __future__ import annotations

import numpy as np


def stream(seed: int, *numbers: int) -> np.random.SeedSequence:
    """Mix a seed of any size and numbers below 2^32: seed 0 in epoch 1 is not seed 1 in epoch 0.

    Example:
        >>> first, second = (np.random.default_rng(stream(*s)) for s in ((0, 1), (1, 0)))
        >>> bool(first.integers(1000) == second.integers(1000))
        False

    """
    return np.random.SeedSequence(seed, spawn_key=numbers)
