"""Groups of copies: examples that are the same, or nearly."""

from __future__ import annotations

import torch
from torch import Tensor


def first_alike(digests: Tensor) -> Tensor:
    """Return (n,) int64, for every example the first one of the same content.

    Args:
        digests: (n,) int64 hashes of the contents.

    Example:
        >>> first_alike(torch.tensor([7, 8, 7, 7]))
        tensor([0, 1, 0, 0])

    """
    _, groups = digests.unique(return_inverse=True)
    order = torch.arange(len(digests), device="cpu")
    first = order.new_full((len(digests),), len(digests))
    return first.scatter_reduce_(0, groups, order, "amin")[groups]


def copy_groups(digests: Tensor, pairs: Tensor | None) -> Tensor:
    """Return the groups of examples that are copies of each other, also by way of others.

    Args:
        digests: (n,) int64 hashes of the contents: equal ones are copies.
        pairs: (m, 2) int64 examples that are copies too; None for no others.

    Returns:
        (n,) int64 numbers of groups, by their first members; -1 for an example without copy.

    Example:
        >>> copy_groups(torch.tensor([7, 8, 9, 8, 5]), torch.tensor([[1, 4]]))
        tensor([-1,  0, -1,  0,  0])

    """
    first = first_alike(digests)
    if pairs is not None:
        first = _joined(first, pairs)
    sizes = first.bincount(minlength=len(first))
    groups = (sizes > 1).cumsum(0) - 1
    return groups[first].where(sizes[first] > 1, -1)


def later_copies(groups: Tensor, labels: Tensor, suspects: Tensor) -> Tensor:
    """Return which copies are not needed: of every label in a group, one is.

    Args:
        groups: (n,) int64 as :func:`copy_groups` returns them.
        labels: (n,) int64 class codes.
        suspects: (n,) bool, of which another is rather kept; else the first is.

    Returns:
        (n,) bool.

    Example:
        >>> groups, labels = torch.tensor([0, 0, 0, 0, -1]), torch.tensor([5, 5, 5, 6, 5])
        >>> later_copies(groups, labels, torch.tensor([True, False, False, False, False]))
        tensor([ True, False,  True, False, False])

    """
    n = len(groups)
    order = torch.arange(n, device="cpu") + n * suspects
    _, kinds = _kinds(groups, labels).unique(return_inverse=True)
    least = order.new_full((n,), 2 * n).scatter_reduce_(0, kinds, order, "amin")
    return (groups >= 0) & (order > least[kinds])


def of_several_labels(groups: Tensor, labels: Tensor) -> Tensor:
    """Return (m,) bool, which of m groups have members of different labels.

    Args:
        groups: (n,) int64 as :func:`copy_groups` returns them.
        labels: (n,) int64 class codes.

    """
    kinds = _kinds(groups, labels)[groups >= 0].unique()
    several: Tensor = (kinds // (int(labels.max()) + 1)).bincount() > 1
    return several


def _kinds(groups: Tensor, labels: Tensor) -> Tensor:
    """Return (n,) int64, equal for the same group and label."""
    return groups * (int(labels.max()) + 1) + labels


def _joined(root: Tensor, pairs: Tensor) -> Tensor:
    """Return (n,) the lowest member of every example's group, where pairs join groups.

    In every round each group that has lower neighbours joins the lowest of them.

    Args:
        root: (n,) int64 lowest members of the groups without these pairs.
        pairs: (m, 2) int64.

    """
    while True:
        low, high = root[pairs].aminmax(dim=1)
        if torch.equal(low, high):
            return root
        root = root.scatter_reduce(0, high, low, "amin")
        while not torch.equal(root, root[root]):
            root = root[root]
