"""The chances of examples to be kept, against counts over many draws and naive definitions."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from labelled_scores import KEEPS, PAIRS, split

from torch_cgprune import policies
from torch_cgprune.policies import chances
from torch_cgprune.policies.by_name import DRAWN, POLICIES, chances_by, kept_by

DRAWS = 2000


def frequencies(policy, values, labels, keep, *, balanced=True):
    """Count how often each example is kept, over seeds."""
    counts = torch.zeros(len(labels), dtype=torch.float64)
    for seed in range(DRAWS):
        counts[kept_by(policy, values, labels, keep, balanced=balanced, seed=seed)] += 1
    return counts / DRAWS


def deviations(found, expected):
    """Return by how many standard deviations of a count found and expected differ."""
    return (found - expected).abs() / ((expected * (1 - expected) / DRAWS).sqrt() + 1e-9)


def test_those_that_draw():
    assert DRAWN == ("random", "redrawn", "stratified", "soft")
    assert all(("seed" in POLICIES[name].takes) == (name in DRAWN) for name in POLICIES)
    with pytest.raises(ValueError, match="'low-first' does not draw"):
        chances_by("low-first", [1.0, 2.0], [0, 0], 0.5)


@pytest.mark.parametrize("policy", DRAWN)
@given(examples=PAIRS, keep=KEEPS, balanced=st.booleans(), seed=st.integers(0, 3))
def test_chances_add_up_to_the_number_kept(policy, examples, keep, balanced, seed):
    values, labels = split(examples)
    found = chances_by(policy, values, labels, keep, balanced=balanced)
    kept = kept_by(policy, values, labels, keep, balanced=balanced, seed=seed)
    assert found.dtype == torch.float64
    assert found.shape == labels.shape
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1 + 1e-9
    assert abs(float(found.sum()) - len(kept)) < 1e-6
    if balanced or policy != "stratified":  # a class that is missed may get any of its examples
        assert (found[kept] > 0).all()
    if len(kept) == len(labels):
        torch.testing.assert_close(found, torch.ones_like(found))


@pytest.mark.parametrize("policy", DRAWN)
@given(examples=PAIRS, keep=KEEPS, balanced=st.booleans(), seed=st.integers(0, 99))
def test_permuting_examples_permutes_their_chances(policy, examples, keep, balanced, seed):
    values, labels = split(examples)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    found = chances_by(policy, values, labels, keep, balanced=balanced)
    permuted = chances_by(policy, values[order], labels[order], keep, balanced=balanced)
    torch.testing.assert_close(permuted, found[order])


@given(examples=PAIRS, keep=KEEPS)
def test_random_keeps_the_share_of_the_class(examples, keep):
    _, labels = split(examples)
    found = chances.random_chances(labels, keep)
    kept = policies.random(labels, keep)
    for c in labels.unique():
        share = Fraction(int((labels[kept] == c).sum()), int((labels == c).sum()))
        torch.testing.assert_close(
            found[labels == c].unique(), torch.tensor([float(share)], dtype=torch.float64)
        )


def test_stratified_keeps_the_share_of_the_stratum():
    # By hand: strata of 20, 2 and, cut, 2; the share of the second is all of it.
    values = torch.tensor([*range(20), 50.0, 51.0, 99.0, 100.0])
    found = chances.stratified_chances(values, [0] * 24, 0.25, strata=2)
    assert found.tolist() == pytest.approx([4 / 20] * 20 + [1.0] * 2 + [0.0] * 2)
    # A budget of one has nothing for the smaller stratum.
    found = chances.stratified_chances(values, [0] * 24, 1 / 24, strata=2)
    assert found.tolist() == pytest.approx([1 / 20] * 20 + [0.0] * 4)


@pytest.mark.parametrize("policy", ["random", "stratified"])
@pytest.mark.parametrize("values", [torch.arange(30), torch.arange(30) // 7, torch.zeros(30)])
def test_what_a_draw_keeps_is_exactly_as_likely(policy, values):
    labels = torch.tensor([0] * 19 + [1] * 11)  # the cut goes through equal scores, of 29
    expected = chances_by(policy, values, labels, 0.4)
    assert deviations(frequencies(policy, values, labels, 0.4), expected).max() < 4.5


@pytest.mark.parametrize(
    ("n", "worst", "mean"), [(2, 0.16, 0.11), (10, 0.07, 0.03), (100, 0.015, 0.004)]
)
def test_soft_is_as_near_as_it_says(n, worst, mean):
    # An example is kept if its time is before the m-th of the others': how likely that is, given
    # theirs, has much less noise than a count.
    m, rng = n // 2, np.random.default_rng(0)
    weights = torch.arange(1, n + 1).double() / n
    times = torch.from_numpy(rng.exponential(size=(4_000_000 // n**2 + 20_000, n))) / weights
    ordered = times.sort(1).values
    others = torch.where(
        times <= ordered[:, m - 1 : m], ordered[:, m : m + 1], ordered[:, m - 1 : m]
    )
    true = -torch.expm1(-weights * others).mean(0)
    error = (chances.soft_chances(range(n), [0] * n, 0.5) / true - 1).abs()
    assert error.max() < worst
    assert error.mean() < mean


def test_soft_counts_as_likely():
    rng = np.random.default_rng(0)
    values, labels = torch.from_numpy(rng.gamma(1.0, size=300)), torch.arange(300) % 2
    expected = chances_by("soft", values, labels, 0.3)
    assert deviations(frequencies("soft", values, labels, 0.3), expected).max() < 4.5


def naive_chances(codes, total):
    """Keep the first of each class, then what comes first, of all orders there are."""
    counts = np.zeros(len(codes))
    orders = list(itertools.permutations(range(len(codes))))
    for order in orders:
        firsts = {codes[i]: i for i in reversed(order)}
        others = [i for i in order if i not in firsts.values()]
        counts[[*firsts.values(), *others[: total - len(firsts)]]] += 1
    return counts / len(orders)


@pytest.mark.parametrize("codes", [(0, 0, 0, 0, 1, 1), (0, 0, 0, 0, 0, 1), (0, 0, 0, 1, 1, 2)])
@pytest.mark.parametrize("total", [3, 4, 5])
def test_small_classes_fill_up(codes, total):
    found = chances.random_chances(codes, total / 6, balanced=False)
    np.testing.assert_allclose(found, naive_chances(codes, total), atol=0.015, rtol=0)


@pytest.mark.parametrize(
    ("policy", "near"), [("random", 0.04), ("soft", 0.2), ("stratified", 0.25)]
)
def test_a_class_that_is_missed_counts_for_its_size(policy, near):
    sizes = [200, 100, 10, 5, 2, 1, *[6] * 9]
    codes = torch.tensor(np.repeat(np.arange(len(sizes)), sizes))
    values = torch.from_numpy(np.random.default_rng(0).gamma(1.0, size=len(codes)))
    expected = chances_by(policy, values, codes, 0.2, balanced=False)
    found = frequencies(policy, values, codes, 0.2, balanced=False)
    counted = codes.bincount(torch.where(expected > 0, found / expected, 0.0))
    assert (counted / codes.bincount((expected > 0).double()) - 1).abs().max() < near
    assert abs(float(counted.sum()) / int((expected > 0).sum()) - 1) < near / 4


@pytest.mark.parametrize("policy", DRAWN)
@pytest.mark.parametrize("balanced", [True, False])
def test_the_weighted_mean_of_a_draw_is_that_of_all(policy, balanced):
    rng = np.random.default_rng(1)
    labels = torch.from_numpy(rng.choice(3, 240, p=[0.6, 0.3, 0.1]))
    values = torch.from_numpy(rng.gamma(1.0, size=240))
    losses = values + labels  # what is hard, or rare, costs more
    found = chances_by(policy, values, labels, 0.3, balanced=balanced)
    means, plain, ones = [], [], []
    for seed in range(DRAWS):
        kept = kept_by(policy, values, labels, 0.3, balanced=balanced, seed=seed)
        weights = chances.balancing_weights(found, kept)
        means.append(float((weights * losses)[kept].mean()))
        plain.append(float(losses[kept].mean()))
        ones.append(float(weights[kept].mean()))
    wanted = float(losses[found > 0].mean())
    error = np.std(means) / DRAWS**0.5
    assert abs(np.mean(means) - wanted) < 4 * error + 0.004 * wanted
    assert abs(np.mean(ones) - 1) < 4 * np.std(ones) / DRAWS**0.5 + 0.004
    if policy not in ("random", "redrawn"):  # and without weights it is not
        assert abs(np.mean(plain) - wanted) > 20 * error


def test_weights_by_hand():
    found = torch.tensor([0.5, 0.25, 0.0, 1.0, 0.25]).double()
    weights = chances.balancing_weights(found, torch.tensor([1, 2, 3]))
    assert weights.dtype == torch.float32
    # 3 kept; 4 that have a chance; the third is kept without one
    assert weights.tolist() == [0, 3 / (4 * 0.25), 0, 3 / 4, 0]


@given(
    rates=st.lists(st.floats(1e-3, 1), min_size=1, max_size=40),
    groups=st.integers(1, 3),
    share=st.floats(0, 0.99),
)
def test_so_many_wait_at_the_time(rates, groups, share):
    rates = torch.tensor(rates, dtype=torch.float64).repeat(groups)
    members = torch.arange(groups).repeat_interleave(len(rates) // groups)
    sizes = members.bincount()
    left = (share * sizes).long() + torch.arange(groups)
    left = torch.minimum(left, sizes - 1)
    found = chances.times(rates, members, left)
    waiting = members.bincount(torch.exp(-rates * found[members]))
    torch.testing.assert_close(waiting, left.double(), atol=1e-8, rtol=1e-8)


@given(at=st.floats(0, 1), power=st.integers(1, 4))
def test_the_root_of_what_rises(at, power):
    found = chances.root(lambda x: (x - at) * abs(x - at) ** (power - 1))
    assert abs(found - at) <= 1e-9 ** (1 / power) + 1e-12
