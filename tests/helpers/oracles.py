"""Naive float64 oracles, written from the definitions in the paper: n + 1 inversions a problem."""

import math

import torch

# Relative to the largest entry; float32 on well-conditioned data.
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-9}


def gram(x):
    """Eq. 1, entry by entry."""
    u = x.double() / x.double().norm(dim=1, keepdim=True)
    h = torch.empty(len(u), len(u), dtype=torch.float64)
    for i in range(len(u)):
        for j in range(len(u)):
            s = 1.0 if i == j else float(u[i] @ u[j])
            h[i, j] = s * (math.pi - math.acos(max(-1.0, min(1.0, s)))) / (2 * math.pi)
    return h


def complexity(h, y):
    return y @ torch.linalg.inv(h) @ y


def gaps(h, y):
    """Eq. 2: the complexity of all minus that of all but i."""
    whole = complexity(h, y)
    return torch.stack([whole - complexity(*without(h, y, i)) for i in range(len(y))])


def without(h, y, i):
    rest = torch.arange(len(y)) != i
    return h[rest][:, rest], y[rest]


def cg_scores(h, codes):
    """App. A.1: one against the rest; an example's score is its own class's."""
    scores = torch.empty(len(codes), dtype=torch.float64)
    for c in codes.unique():
        own = codes == c
        scores[own] = gaps(h, torch.where(own, 1.0, -1.0).double())[own]
    return scores


def loo(h, target):
    """n refits: the kernel regression of all the others, at example i."""
    predictions = torch.empty_like(target)
    for i in range(len(target)):
        rest = torch.arange(len(target)) != i
        predictions[i] = h[i, rest] @ torch.linalg.inv(h[rest][:, rest]) @ target[rest]
    return predictions


def close(got, expected, dtype):
    scale = expected.abs().max()
    return bool((got.double() - expected).abs().max() <= TOLERANCE[dtype] * scale)
