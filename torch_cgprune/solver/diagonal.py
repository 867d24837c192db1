"""The diagonal of an inverse, from what is known of it and a few random vectors."""

from __future__ import annotations

import torch
from torch import Tensor


def random_signs(n: int, count: int, generator: torch.Generator, like: Tensor) -> Tensor:
    """Return (n, count) probes: entries +-1, as likely."""
    signs = torch.randint(2, (n, count), generator=generator, device="cpu")
    probes: Tensor = (2 * signs - 1).to(like)
    return probes


def estimate_diagonal(
    samples: Tensor, near: Tensor, known: Tensor, floor: Tensor, features: Tensor, apart: Tensor
) -> Tensor:
    r"""Return the diagonal of :math:`H^{-1}` from noisy samples and from what it goes with.

    A probe z of random signs gives :math:`z_i (H^{-1} z)_i`, right on average and off by a third
    (Hutchinson): the mean over a few is too noisy to rank by. Those of a matrix P near H, whose
    diagonal is known, are off in the same directions, which takes some noise away. And what the
    diagonal is, relative to a floor, hardly differs among rows of equal features: all rows together
    fit a quadratic in these, and from it a row's own samples move the estimate by as much as they
    are worth, which their spread tells.

    Args:
        samples: (n, q) unbiased estimates of the diagonal, q of each entry, q >= 2.
        near: (n, q) those of P, by the same probes.
        known: (n,) diagonal of P's inverse.
        floor: (n,) what the diagonal of H's inverse is at least.
        features: (n, f) positive numbers that it goes with.
        apart: (n,) bool, rows that go with them in a way of their own.

    """
    unit = floor.double()[:, None]
    relative, of_near = samples.double() / unit, (near.double() - known[:, None].double()) / unit
    noise = relative.var(1)
    usual = noise.median().clamp(min=1e-12)
    # Near copies have noise a thousand times the usual.
    weights = (4 * usual / noise.clamp(min=1e-12)).clamp(max=1)[:, None]
    shared = (weights * relative * of_near).sum() / (weights * of_near.square()).sum().clamp(1e-12)
    relative -= shared * of_near
    means, noise = relative.mean(1), relative.var(1) / samples.shape[1]
    design = _quadratic(features.double().log(), apart.double()[:, None])
    small = design.mT @ (weights * design)
    small.diagonal().add_(1e-9 * len(design))
    fitted = design @ torch.linalg.solve(small, design.mT @ (weights[:, 0] * means))
    left = means - fitted
    spread = (left.square().median() / 0.455 - noise.median()).clamp(min=0)
    worth = spread / (spread + noise.clamp(min=1e-12))
    estimate: Tensor = (fitted + worth * left).clamp(min=1).to(floor)
    return estimate * floor


def _quadratic(features: Tensor, apart: Tensor) -> Tensor:
    """Return 1, the features and the products of two; 1 and the features for those apart."""
    spread = features.std(0).clamp(min=1e-12)
    scaled = ((features - features.mean(0)) / spread).clamp(-5, 5)
    linear = torch.cat([torch.ones_like(apart), scaled], 1)
    f = scaled.shape[1]
    pairs = [scaled[:, i] * scaled[:, j] for i in range(f) for j in range(i + 1)]
    return torch.cat([linear, torch.stack(pairs, 1), apart * linear], 1)
