"""How well kept rows predict others: kernel ridge regression on them, many choices at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

# Of the Gram matrix, whose diagonal is 1/2. At 0.1 the system is so well conditioned that
# conjugate gradients need no preconditioner.
RIDGE = 0.1
# Solutions this close, relative to their targets, give the same accuracies to a fifth of a percent.
_TOLERANCE = 1e-2
_ITERATIONS = 100
# What the steps of conjugate gradients come to.
_USUAL_ITERATIONS = 30
# Numbers of one work array: choices are solved together as far as these go.
_AT_ONCE = 2**26


def predicted_right(gram: Tensor, kept: Tensor, codes: Tensor, held: Tensor) -> Tensor:
    r"""Return which held-out rows each choice of kept rows predicts right.

    By kernel ridge regression of one-hot targets minus class shares: with K the kept rows,
    :math:`(H_{KK} + \lambda I) A = Y_K`, and the prediction of row i is the class of the largest
    entry of :math:`H_{iK} A` plus the shares.

    Args:
        gram: (m, m) the Gram matrix :math:`H`.
        kept: (c, m) bool on the CPU, the choices, none of which keeps a held-out row.
        codes: (m,) int64 class codes below k, on the CPU.
        held: (h,) int64 the rows to predict.

    Returns:
        (c, h) bool, on the CPU.

    """
    k = int(codes.max()) + 1
    found = torch.empty(len(kept), len(held), dtype=torch.bool)
    sizes = kept.sum(1)
    direct = sizes.double() ** 3 / 3 <= flops_together(len(gram), k)
    for i in direct.nonzero().flatten().tolist():
        outputs = _directly(gram, kept[i].nonzero().flatten(), codes, held)
        found[i] = outputs.argmax(1).cpu() == codes[held]
    left = (~direct).nonzero().flatten()
    for some in left.split(max(1, _AT_ONCE // (len(gram) * k))):
        outputs = _together(gram, kept[some], codes, held)
        found[some] = (outputs.argmax(2).cpu() == codes[held, None]).T
    return found


def flops_together(m: int, k: int) -> float:
    """Return what a choice costs by conjugate gradients, of m rows of k classes."""
    return 2.0 * m * m * k * _USUAL_ITERATIONS


def _directly(gram: Tensor, kept: Tensor, codes: Tensor, held: Tensor) -> Tensor:
    """Return (h, k) predictions, by a factorisation of what one choice keeps."""
    where = kept.to(gram.device)
    system = gram[where[:, None], where]
    system.diagonal().add_(RIDGE)
    targets, shares = _targets(codes[kept], int(codes.max()) + 1, gram)
    alpha = torch.cholesky_solve(targets, torch.linalg.cholesky(system))
    return gram[held.to(gram.device)[:, None], where] @ alpha + shares


def _targets(codes: Tensor, k: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return one-hot targets minus class shares, and the shares."""
    targets = one_hot(codes, k).to(like)
    shares = targets.mean(0)
    return targets - shares, shares


def _together(gram: Tensor, kept: Tensor, codes: Tensor, held: Tensor) -> Tensor:
    """Return (h, c, k) predictions, by conjugate gradients for all choices and classes at once."""
    targets = one_hot(codes).to(gram)
    masks = kept.to(gram).T
    shares = (masks.T @ targets) / masks.sum(0)[:, None]
    alpha = _solved(gram, (targets[:, None] - shares) * masks[:, :, None], masks[:, :, None])
    outputs = (gram[held.to(gram.device)] @ alpha.flatten(1)).view(len(held), *shares.shape)
    return outputs.add_(shares)


def _solved(gram: Tensor, rhs: Tensor, masks: Tensor) -> Tensor:
    """Solve for every choice and class, inside the rows that the masks leave: (m, c, k)."""
    tiny = torch.finfo(rhs.dtype).tiny
    x, r, p = torch.zeros_like(rhs), rhs, rhs.clone()
    rr = r.square().sum(0)
    goal = _TOLERANCE**2 * rr
    for _ in range(_ITERATIONS):
        q = (gram @ p.flatten(1)).view_as(p).mul_(masks).add_(p, alpha=RIDGE)
        step = rr / (p * q).sum(0).clamp(min=tiny)
        x.addcmul_(p, step)
        r.addcmul_(q, -step)
        before, rr = rr, r.square().sum(0)
        if (rr <= goal).all():
            break
        p.mul_(rr / before.clamp(min=tiny)).add_(r)
    return x
