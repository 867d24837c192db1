"""Random streams that (seed, epoch, ..) alone decide, and that have nothing in common."""

from __future__ import annotations

import numpy as np


def stream(seed: int, *numbers: int) -> np.random.SeedSequence:
    """Mix a seed of any size and numbers below 2^32: seed 0 in epoch 1 is not seed 1 in epoch 0.

    Example:
        >>> stream(2**32, 1).entropy
        [0, 1, 1]

    """
    # A large number takes several words of 32 bits: in front, they would be read as the numbers.
    words = [seed >> place & 0xFFFFFFFF for place in range(32, seed.bit_length(), 32)]
    return np.random.SeedSequence([seed & 0xFFFFFFFF, *numbers, *words])
