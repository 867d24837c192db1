"""Kernel herding: a share of every class whose mean is that of the whole class."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.inputs.labels import Labels, encode_labels
from torch_cgprune.inputs.rows import as_matrix
from torch_cgprune.kernel import gram_matrix, unit_rows
from torch_cgprune.policies.quotas import take, total_kept
from torch_cgprune.utils.checks import check_integer
from torch_cgprune.utils.seeds import stream

# Rows that are herded together: their Gram matrix has the square of it, a quarter of a gigabyte.
BLOCK_SIZE = 8192


def herding(
    rows: Any,
    labels: Labels,
    keep: float,
    *,
    balanced: bool = True,
    block_size: int = BLOCK_SIZE,
    seed: int = 0,
) -> Tensor:
    r"""Keep the rows whose mean, in the kernel's space, comes closest to that of their class.

    Greedy: with t rows of a class kept, the next one is

    .. math:: \arg\max_i \; \frac{1}{m} \sum_j H_{ij} - \frac{1}{t + 1} \sum_{s \text{ kept}} H_{is}

    with :math:`H` the arc-cosine Gram matrix of the m rows of the class. A class of more than
    ``block_size`` rows is split at random into blocks of equal size, each herded by itself.

    Args:
        rows: (n, ...) real numbers, of a space in which alike examples are close.
        labels: n integers or strings.
        keep: share of the examples to keep, in (0, 1].
        balanced: inside every class, or over all examples.
        block_size: rows herded together, at least 1.
        seed: of the split into blocks.

    Returns:
        (m,) int64 sorted indices, ``m = max(round(keep n), k)``.

    Raises:
        TypeError, ValueError: a bad option, or rows that cannot be scaled to unit norm.

    References:
        Welling (ICML 2009), "Herding dynamical weights to learn"; Chen, Welling, Smola (UAI 2010),
        "Super-samples from kernel herding", eq. 8.

    Example:
        >>> rows = [[1.0, 0.0], [0.9, 0.1], [0.8, 0.3], [0.0, 1.0]]
        >>> herding(rows, [0] * 4, keep=0.25)
        tensor([2])

    """
    codes, _ = encode_labels(labels)
    places = herding_places(rows, codes, balanced=balanced, block_size=block_size, seed=seed)
    total = total_kept("herding", keep, codes)
    return take(places.argsort(stable=True), codes, total, balanced=balanced)


def herding_places(
    rows: Any, codes: Tensor, *, balanced: bool = True, block_size: int = BLOCK_SIZE, seed: int = 0
) -> Tensor:
    """Return where each example stands in the order in which herding takes those of its class.

    Args:
        rows: see :func:`herding`, as are ``balanced``, ``block_size`` and ``seed``.
        codes: (n,) int64 class codes.
        balanced: inside every class, or over all examples.
        block_size: rows herded together.
        seed: of the split into blocks.

    Returns:
        (n,) float64 in [0, 1): the first of a block is 0.

    """
    matrix = as_matrix(rows)
    block_size = check_integer("block_size", "herding", block_size, minimum=1)
    generator = np.random.default_rng(stream(check_integer("seed", "herding", seed, minimum=0)))
    groups = codes if balanced else torch.zeros_like(codes)
    found = torch.zeros(len(codes), dtype=torch.float64)
    for members in groups.argsort(stable=True).split(groups.bincount().tolist()):
        drawn = torch.from_numpy(generator.permutation(len(members)))
        for part in members[drawn].tensor_split(-(-len(members) // block_size)):
            block = part.sort().values
            found[block[_order(matrix, block)]] = torch.arange(len(block)).double() / len(block)
    return found


def _order(matrix: Tensor, block: Tensor) -> Tensor:
    """Return the (b,) order in which the rows of a block are taken."""
    unit = unit_rows(matrix, dtype=torch.float32, device=matrix.device, chosen=block)
    gram, b = gram_matrix(unit), len(block)
    gap = gram.mean(1)  # minus the mean with what is kept, times (t + 1) / t: the same order
    kept = torch.zeros_like(gap)
    order = torch.empty(b, dtype=torch.int64, device=gap.device)
    for t in range(b):
        best = torch.sub(gap, kept, alpha=1 / (t + 1)).argmax()
        order[t] = best
        kept += gram[best]
        gap[best] = -torch.inf
    return order.cpu()
