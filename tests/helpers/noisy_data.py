"""Small data of which some labels are wrong, and which these are is known."""

import numpy as np
import torch
from sklearn.datasets import load_digits


def blobs(n=120, noise=0.2, classes=("ant", "bee", "cat")):
    """Three overlapping blobs of unequal size, a share of the labels wrong."""
    rng = torch.Generator().manual_seed(0)
    true = torch.randint(0, 4, (n,), generator=rng).clamp(max=2)
    x = torch.randn(3, 8, generator=rng)[true] * 2 + torch.randn(n, 8, generator=rng)
    given = true.clone()
    hit = torch.rand(n, generator=rng) < noise
    given[hit] = (given[hit] + torch.randint(1, 3, (n,), generator=rng)[hit]) % 3
    return x, [classes[c] for c in given.tolist()], true


def noisy_digits(share, seed=0):
    rng = np.random.default_rng(seed)
    bunch = load_digits()
    given = bunch.target.copy()
    hit = rng.permutation(len(given))[: round(share * len(given))]
    given[hit] = (given[hit] + rng.integers(1, 10, len(hit))) % 10
    return bunch.data, given, given != bunch.target
