"""How likely the policies that draw are to keep each example, and the weights that follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.inputs.labels import Labels, encode_labels
from torch_cgprune.policies.drawn import CUT, STRATA, even_shares, shares_below, strata_of, uncut
from torch_cgprune.policies.quotas import checked, groups_of, total_kept

# Of Newton's method and of secants: twenty are many.
_STEPS = 100
# How near to the number of examples kept their chances have to add up, relative to it.
_ENOUGH = 1e-9


def balancing_weights(chances: Tensor, kept: Tensor) -> Tensor:
    r"""Return weights under which the loss of what was kept is that of all that could have been.

    .. math:: v_i = \frac{m}{N \pi_i}

    for the m examples kept, 0 for all others: the mean of :math:`v_i \ell_i` over those kept is, in
    the mean over all draws, that of :math:`\ell_i` over the N examples that have a chance.

    Args:
        chances: (n,) float64 in [0, 1], how likely each example is to be kept.
        kept: (m,) indices of those that are. One without a chance has the weight 0.

    Returns:
        (n,) float32, about 1 in the mean over those kept.

    References:
        Horvitz, Thompson (1952), "A generalization of sampling without replacement from a finite
        universe".

    Example:
        >>> balancing_weights(torch.tensor([0.5, 0.5, 1.0, 0.0]).double(), torch.tensor([1, 2]))
        tensor([0.0000, 1.3333, 0.6667, 0.0000])

    """
    possible = int((chances > 0).sum())
    of_kept = chances[kept]
    weights = torch.where(of_kept > 0, len(kept) / (possible * of_kept), 0.0)
    found = torch.zeros(len(chances), dtype=torch.float32, device="cpu")
    return found.index_copy(0, kept, weights.float())


def random_chances(labels: Labels, keep: float, *, balanced: bool = True) -> Tensor:
    """Return how likely :func:`torch_cgprune.policies.random` is to keep each example.

    Args:
        labels: n integers or strings.
        keep: share of the examples to keep, in (0, 1].
        balanced: inside every class, or over all examples; then see :func:`filled_up`.

    Returns:
        (n,) float64 in (0, 1], which add up to the number kept.

    Example:
        >>> random_chances([0, 0, 0, 0, 1, 1], keep=0.5)
        tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000], dtype=torch.float64)

    """
    codes, _ = encode_labels(labels)
    total = total_kept("random", keep, codes)
    groups, sizes, quotas = groups_of(codes, total, balanced=balanced)
    shares = torch.div(quotas.double(), sizes)[groups]
    return shares if balanced else filled_up(shares, codes, total, _earlier)


def stratified_chances(
    values: Any,
    labels: Labels,
    keep: float,
    *,
    cut: float = CUT,
    strata: int = STRATA,
    balanced: bool = True,
) -> Tensor:
    """Return how likely :func:`torch_cgprune.policies.stratified` is to keep each example.

    The share that its stratum gives; 0 for what is cut, and in strata that get no share of a small
    budget. Of equal scores at the cut, it is chance too which are left.

    Args:
        values: (n,) finite scores, higher for harder.
        labels: n integers or strings.
        keep: share of the examples to keep, in (0, 1].
        cut: share of the examples dropped for being hardest.
        strata: number of them.
        balanced: inside every class, or over all examples; then see :func:`filled_up`.

    Returns:
        (n,) float64 in [0, 1], which add up to the number kept.

    Example:
        >>> stratified_chances([0, 1, 2, 3, 4, 8, 9], [0] * 7, keep=0.6, cut=0.2, strata=2)
        tensor([0.5000, 0.5000, 0.5000, 0.5000, 1.0000, 1.0000, 0.0000],
               dtype=torch.float64)

    """
    scores, codes = checked(values, labels)
    total = total_kept("stratified", keep, codes)
    groups, sizes, quotas = groups_of(codes, total, balanced=balanced)
    shares = torch.zeros(len(codes), dtype=torch.float64, device="cpu")
    by_group = groups.argsort(stable=True).split(sizes.tolist())
    for members, quota in zip(by_group, quotas, strict=True):
        shares[members] = _from_strata(scores[members].double(), quota, cut, strata)
    return shares if balanced else filled_up(shares, codes, total, _earlier)


def soft_chances(values: Any, labels: Labels, keep: float, *, balanced: bool = True) -> Tensor:
    r"""Return how likely :func:`torch_cgprune.policies.soft` is to keep each example.

    .. math:: \pi_i = 1 - \exp(-w_i t)

    with the weights :math:`w_i` of the draw and the time :math:`t` at which these add up to the
    quota of the class (of all, if not ``balanced``). The draw itself ends at the time of the last
    one kept, which is near it. How far the chances are off, of scores without ties and as they are
    measured, in the mean (and for one of the easiest, which is the worst): 10 % (15 %) in a class
    of 2, 3 % (6 %) of 10, 0.3 % (1 %) of 100, there 5 % for one example if all but one are kept.

    Args:
        values: (n,) finite scores, higher for harder.
        labels: n integers or strings.
        keep: share of the examples to keep, in (0, 1].
        balanced: inside every class, or over all examples; then see :func:`filled_up`.

    Returns:
        (n,) float64 in (0, 1], which add up to the number kept.

    References:
        Rosén (1997), "Asymptotic theory for order sampling", for the order of such times.

    Example:
        >>> soft_chances(range(4), [0] * 4, keep=0.5)
        tensor([0.2587, 0.4505, 0.5927, 0.6981], dtype=torch.float64)

    """
    scores, codes = checked(values, labels)
    total = total_kept("soft", keep, codes)
    groups, sizes, quotas = groups_of(codes, total, balanced=balanced)
    weights = shares_below(scores, groups, sizes)
    shares = -torch.expm1(-weights * times(weights, groups, sizes - quotas)[groups])
    return shares if balanced else filled_up(shares, codes, total, _sooner)


def filled_up(
    shares: Tensor, codes: Tensor, total: int, part: Callable[[Tensor, float], Tensor]
) -> Tensor:
    r"""Return the chances of a draw over all examples that has to keep one of every class.

    Each class c that the draw misses takes the place of the last one drawn that is not the first of
    its class. If the draw stops early enough for that, with :math:`q_i(r)` in place of
    :math:`q_i(1) = q_i`, then

    .. math:: \pi_i = q_i(r) + M_c \frac{q_i}{Q_c}, \quad M_c = \prod_{j \in c} (1 - q_j(r)), \quad
        Q_c = \sum_{j \in c} q_j, \quad \sum_i \pi_i = m

    which takes the draws of different examples as independent: nearly right for many examples, and
    the same as :math:`q_i` where no class is small enough to be missed. For a stratified draw it is
    rough: a missed class may get an example that had no chance otherwise. A class none of which
    could be drawn (:math:`Q_c = 0`) has one of all its examples kept.

    Args:
        shares: (n,) float64 in [0, 1], how likely the draw is to take each example, :math:`q_i`;
            they add up to ``total``.
        codes: (n,) int64 class codes.
        total: number of examples kept, m.
        part: from the shares and r in [0, 1] to :math:`q_i(r)`, which rise with r.

    Example:
        >>> filled_up(torch.ones(4).double() / 2, torch.tensor([0, 0, 0, 1]), 2, torch.mul)
        tensor([0.3333, 0.3333, 0.3333, 1.0000], dtype=torch.float64)

    """

    def missed(r: float) -> Tensor:
        return codes.bincount(torch.log1p(-part(shares, r)).clamp(min=-1e6)).exp()

    def too_many(r: float) -> float:
        return float(part(shares, r).sum() + missed(r).sum()) / total - 1

    r = root(too_many)
    expected, sizes = codes.bincount(shares), codes.bincount()
    firsts = torch.where(expected[codes] > 0, shares / expected[codes], 1 / sizes[codes].double())
    return part(shares, r) + missed(r)[codes] * firsts


def root(function: Callable[[float], float]) -> float:
    """Return where in [0, 1] a function that rises from 0 or less to 0 or more is 0.

    By secants that keep the place between them (the Illinois algorithm).

    Example:
        >>> round(root(lambda x: x**2 - 0.25), 6)
        0.5

    """
    low, high, above = 0.0, 1.0, function(1.0)
    if above < _ENOUGH:
        return high
    x, below = low, function(low)
    for _ in range(_STEPS):
        x = (low * above - high * below) / (above - below)
        value = function(x)
        if abs(value) < _ENOUGH:
            break
        if value > 0:
            high, above, below = x, value, below / 2
        else:
            low, below, above = x, value, above / 2
    return x


def times(rates: Tensor, groups: Tensor, left: Tensor) -> Tensor:
    r"""Return when so many of each group are left, of those that wait for exponential times.

    .. math:: \sum_{i \in g} \exp(-w_i t_g) = \text{left}_g

    Args:
        rates: (n,) float64, positive, :math:`w_i`.
        groups: (n,) int64 in [0, k), each at least once.
        left: (k,) int64, at least 0 and less than the size of the group.

    Returns:
        (k,) float64, infinite where none is left.

    Example:
        >>> times(torch.ones(4).double(), torch.tensor([0, 0, 1, 1]), torch.tensor([1, 0]))
        tensor([0.6931,    inf], dtype=torch.float64)

    """
    found = torch.zeros(len(left), dtype=torch.float64, device="cpu")
    wanted = left.double().clamp(min=1)
    for _ in range(_STEPS):  # the logarithm of the sum is convex: from 0 up to the root
        waiting = torch.exp(-rates * found[groups])
        sums = groups.bincount(waiting)
        steps = (sums / wanted).log() * sums / groups.bincount(rates * waiting)
        found += steps
        if bool((steps <= 1e-10 * found).all()):
            break
    return found.masked_fill(left == 0, torch.inf)


def _from_strata(scores: Tensor, quota: Tensor, cut: float, strata: int) -> Tensor:
    """Return the chances in a group of which ``drawn.stratified`` takes ``quota``."""
    ascending, order = scores.sort()
    left = int(uncut(torch.tensor(len(scores), device="cpu"), quota, cut))
    stratum = strata_of(ascending[:left], torch.zeros_like(order[:left]), 1, strata)
    sizes = stratum.bincount()
    chances = torch.zeros_like(ascending)
    chances[:left] = torch.div(even_shares(sizes, quota).double(), sizes)[stratum]
    tied = ascending == ascending[left - 1]
    chances[tied] = chances[tied].mean()
    return torch.empty_like(chances).index_copy(0, order, chances)


def _earlier(shares: Tensor, r: float) -> Tensor:
    """Return the shares of a random order that are within its first part."""
    return shares.clamp(max=r)


def _sooner(shares: Tensor, r: float) -> Tensor:
    """Return the shares of exponential times that are over at a part of the time."""
    return -torch.expm1(r * torch.log1p(-shares).clamp(min=-700))  # 0 times infinity is none
