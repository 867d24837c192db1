"""Indices that a sampler is given."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from torch_cgprune.utils.arrays import are_indices, real_numbers


def checked_selection(selection: Any, owner: str) -> Tensor:
    """Return the (m,) sorted indices of a selection, in memory of their own.

    Raises:
        TypeError, ValueError: something else, or no index at all.

    """
    tensor = real_numbers(selection, f"The 'selection' of {owner}")
    if tensor.numel() == 0:
        raise ValueError(f"The 'selection' of {owner} is empty: there is nothing to sample.")
    if not are_indices(tensor):
        raise TypeError(
            f"The 'selection' of {owner} must be indices, integers in one dimension. Got "
            f"{tensor.dtype} of shape {tuple(tensor.shape)} instead; for a mask pass "
            "mask.nonzero().flatten()."
        )
    indices = tensor.long()
    if indices.min() < 0:
        raise ValueError(
            f"The 'selection' of {owner} must be at least 0. Got {int(indices.min())}."
        )
    # Those of a policy are sorted already, and may be millions. A copy: the caller's may change.
    return indices.clone() if bool((indices.diff() >= 0).all()) else indices.sort().values
