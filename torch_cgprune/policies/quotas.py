"""How many of every class, and which of an order: the arithmetic that all policies share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.errors import ArgumentValueError, Parameter
from torch_cgprune.inputs.labels import Labels, encode_labels
from torch_cgprune.utils.arrays import real_numbers
from torch_cgprune.utils.checks import check_real

# Examples a class from which on a partition of each class is faster than a sort of all.
_LARGE = 100


def checked(values: Any, labels: Labels) -> tuple[Tensor, Tensor]:
    """Return scores and class codes as (n,) tensors.

    Raises:
        TypeError, ValueError: scores that are no finite numbers or not one per label.

    """
    codes, _ = encode_labels(labels)
    scores = real_numbers(values, "The scores")
    if scores.shape != codes.shape:
        raise ValueError(
            f"The scores must be one per label. Got shape {tuple(scores.shape)} for {len(codes)} "
            "labels instead."
        )
    if not torch.isfinite(scores).all():
        i = int((~torch.isfinite(scores)).nonzero()[0])
        raise ValueError(f"The scores must be finite. Got {float(scores[i])} for example {i}.")
    return scores, codes


def checked_window(owner: str, start: object, width: object) -> tuple[float, float]:
    """Return the shares below and in a window, both inside the data."""
    start = check_real("start", owner, start, "[0, 1)")
    width = check_real("width", owner, width, "(0, 1]")
    if start + width > 1 + 1e-9:
        raise ArgumentValueError(
            "The %s must add up to 1 at most. Got %s + %s instead.",
            Parameter(owner, "start", "width"),
            start,
            width,
            parameter="width",
            value=width,
        )
    return start, width


def total_kept(owner: str, keep: float, codes: Tensor, *, name: str = "keep") -> int:
    """Return how many of the n examples are kept: their share, at least one of each class."""
    keep = check_real(name, owner, keep, "(0, 1]")
    return max(round(keep * len(codes)), int(codes.max()) + 1)


def class_quotas(counts: Tensor, total: int) -> Tensor:
    """Split ``total`` over classes in proportion, by largest remainder, at least one each."""
    shares = total * counts
    quotas, remainders = shares // counts.sum(), shares % counts.sum()
    left = total - int(quotas.sum())
    quotas[remainders.argsort(descending=True, stable=True)[:left]] += 1
    for c in (quotas == 0).nonzero().flatten().tolist():
        quotas[quotas.argmax()] -= 1
        quotas[c] = 1
    return quotas


def places(order: Tensor, groups: Tensor) -> Tensor:
    """Return for every entry of ``order`` how many of its group come before it."""
    counts = groups.bincount()
    members = groups[order]
    # Numbers of 16 bits are sorted five times as fast.
    by_group = (members.short() if len(counts) < 2**15 else members).argsort(stable=True)
    # Looked up, not repeated: repeat_interleave wakes all threads, for three numbers too.
    firsts = (counts.cumsum(0) - counts)[members[by_group]]
    found = torch.empty_like(order)
    found[by_group] = torch.arange(len(order), device="cpu") - firsts
    return found


def take(order: Tensor, codes: Tensor, total: int, *, balanced: bool) -> Tensor:
    """Take ``total`` indices from the front of ``order``: in every class its quota, or one."""
    return taking(order, codes, balanced=balanced)(total).nonzero().flatten()


def taking(order: Tensor, codes: Tensor, *, balanced: bool) -> Callable[[int], Tensor]:
    """Return what marks, as (n,) bool, the indices that :func:`take` takes of any total."""
    place = torch.empty_like(order)
    if balanced:
        place[order], counts = places(order, codes), codes.bincount()
        return lambda total: place < class_quotas(counts, total)[codes]
    place[order] = torch.arange(len(order), device="cpu")
    return lambda total: foremost(place, codes, total)


def foremost(place: Tensor, codes: Tensor, total: int) -> Tensor:
    """Return (n,) bool, the first of every class, and of all others as many as are left.

    Args:
        place: (n,) int64 of each example in an order of all.
        codes: (n,) int64 class codes.
        total: how many, one of each class at least.

    """
    n, k = len(codes), int(codes.max()) + 1
    firsts = place.new_full((k,), n).scatter_reduce(0, codes, place, "amin")
    later = torch.ones(n, dtype=torch.bool, device="cpu").index_fill(0, firsts, value=False)
    ends = later.nonzero().flatten()[total - k : total - k + 1]  # none if all are taken
    chosen = place < (int(ends) if len(ends) else n)
    return chosen | (place == firsts[codes])


def lowest(keys: Tensor, codes: Tensor, total: int, *, balanced: bool) -> Tensor:
    """Return what :func:`take` takes of the ascending order of the keys, without sorting them.

    Args:
        keys: (n,) real numbers; of equal ones the first come first.
        codes: (n,) int64 class codes.
        total: how many, in every class its quota, or the lowest of all and one of every class.
        balanced: which of these.

    """
    counts = codes.bincount()
    if balanced:
        return lowest_inside(keys, codes, counts, class_quotas(counts, total)).nonzero().flatten()
    kept = lowest_inside(keys, codes, counts, torch.ones_like(counts))
    others = (~kept).nonzero().flatten()
    group, left = torch.zeros_like(others), torch.tensor([total - int(kept.sum())], device="cpu")
    kept[others] = lowest_inside(keys[others], group, group.bincount(minlength=1), left)
    return kept.nonzero().flatten()


def lowest_inside(keys: Tensor, groups: Tensor, counts: Tensor, quotas: Tensor) -> Tensor:
    """Return (n,) bool, the lowest keys of every group, as many as its quota, or all it has.

    Args:
        keys: (n,) real numbers; of equal ones the first come first.
        groups: (n,) int64 in [0, k).
        counts: (k,) int64 their sizes.
        quotas: (k,) int64 how many of each.

    Example:
        >>> keys, groups = torch.tensor([3.0, 1.0, 1.0, 0.0]), torch.tensor([0, 0, 0, 1])
        >>> lowest_inside(keys, groups, torch.tensor([3, 1]), torch.tensor([1, 0]))
        tensor([False,  True, False, False])

    """
    within = quotas.clamp(max=counts)
    if len(keys) < _LARGE * len(counts):  # a partition of each costs more than to sort all
        order = keys.argsort(stable=True)
        kept = torch.zeros(len(keys), dtype=torch.bool, device="cpu")
        return kept.index_fill(0, order[places(order, groups) < within[groups[order]]], value=True)
    if keys.dtype == torch.bfloat16:  # which numpy does not know
        keys = keys.float()
    limit = _limits(keys, groups, counts, within)[groups]
    wanted = (within > 0)[groups]
    kept = (keys < limit) & wanted
    tied = ((keys == limit) & wanted).nonzero().flatten()
    free = within - groups[kept].bincount(minlength=len(counts))
    place = places(torch.arange(len(tied), device="cpu"), groups[tied])
    return kept.index_fill(0, tied[place < free[groups[tied]]], value=True)


def _limits(keys: Tensor, groups: Tensor, counts: Tensor, within: Tensor) -> Tensor:
    """Return (k,) the highest key that is kept of each group; anything where none is."""
    by_group = (groups.short() if len(counts) < 2**15 else groups).argsort(stable=True)
    limits = torch.zeros(len(counts), dtype=keys.dtype, device="cpu")
    parts = keys[by_group].split(counts.tolist())
    for c, (part, last) in enumerate(zip(parts, (within - 1).tolist(), strict=True)):
        if last >= 0:
            members = part.numpy()
            members.partition(last)  # in place: it is a copy
            limits[c] = members[last].item()
    return limits


def downwards(keys: Tensor) -> Tensor:
    """Return numbers whose order is the opposite one, of integers without an overflow."""
    return -keys if keys.is_floating_point() else ~keys


def groups_of(codes: Tensor, total: int, *, balanced: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return the groups a policy is applied in: each example's, their sizes, their quotas."""
    if balanced:
        counts = codes.bincount()
        return codes, counts, class_quotas(counts, total)
    sizes = torch.tensor([[len(codes)], [total]], device="cpu")
    return torch.zeros_like(codes), sizes[0], sizes[1]
