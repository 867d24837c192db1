"""Policies by the names that samplers, the command line and the page know them by."""

from __future__ import annotations

from torch import Tensor

from torch_cgprune.policies import drawn, ranked
from torch_cgprune.policies.quotas import checked_window
from torch_cgprune.policies.schedules import Share, share_at
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.checks import check_real

# Those that keep a given share. The noise filter finds its own.
POLICIES = ("low-first", "high-first", "window", "random", "stratified", "soft")


def kept_by(scores: CGScores, policy: str, keep: float, *, balanced: bool) -> Tensor:
    """Return the (m,) indices that a policy keeps; the window is the one in the middle."""
    values, codes = scores.values, scores.labels
    if policy == "window":
        return ranked.window(values, codes, (1 - keep) / 2, keep, balanced=balanced)
    return kept_in_epoch("kept_by", values, codes, keep, policy, 0, balanced=balanced, seed=0)


def share_in_epoch(owner: str, keep: Share, epoch: int) -> float:
    """Return the share that is kept in an epoch; errors name the owner."""
    return check_real("keep", owner, share_at(keep, epoch), "(0, 1]")


def kept_in_epoch(
    owner: str,
    values: Tensor,
    codes: Tensor,
    keep: Share,
    policy: str,
    epoch: int,
    *,
    balanced: bool,
    seed: int,
) -> Tensor:
    """Return the (m,) indices that a policy, any but the window, keeps in an epoch."""
    share = share_in_epoch(owner, keep, epoch)
    if policy == "low-first":
        return ranked.low_first(values, codes, share, balanced=balanced)
    if policy == "high-first":
        return ranked.high_first(values, codes, share, balanced=balanced)
    if policy == "random":
        return drawn.random(codes, share, balanced=balanced, seed=seed)
    if policy == "stratified":
        return drawn.stratified(values, codes, share, balanced=balanced, seed=seed)
    return drawn.soft(values, codes, share, balanced=balanced, seed=seed, epoch=epoch)


def inside_in_epoch(
    owner: str,
    values: Tensor,
    codes: Tensor,
    start: Share,
    width: Share,
    epoch: int,
    *,
    balanced: bool,
) -> Tensor:
    """Return the (m,) indices in the window of an epoch."""
    first, share = checked_window(owner, share_at(start, epoch), share_at(width, epoch))
    return ranked.window(values, codes, first, share, balanced=balanced)
