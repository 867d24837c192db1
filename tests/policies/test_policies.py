import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from labelled_scores import KEEPS, PAIRS, split

from torch_cgprune import LinearSchedule, policies
from torch_cgprune.policies import quotas

POLICIES = {
    "low_first": policies.low_first,
    "high_first": policies.high_first,
    "random": lambda _, labels, keep, **o: policies.random(labels, keep, **o),
    "window": lambda values, labels, keep, **o: policies.window(values, labels, 0.0, keep, **o),
    "stratified": policies.stratified,
    "redrawn": lambda _, labels, keep, **o: policies.redrawn(labels, keep, **o),
    "soft": policies.soft,
}


@pytest.mark.parametrize("name", POLICIES)
@given(pairs=PAIRS, keep=KEEPS, balanced=st.booleans())
def test_sorted_unique_of_exact_size_and_no_class_lost(name, pairs, keep, balanced):
    values, labels = split(pairs)
    kept = POLICIES[name](values, labels, keep, balanced=balanced)
    assert kept.dtype == torch.int64
    assert kept.tolist() == sorted(set(kept.tolist()))
    classes = labels.unique()
    assert len(kept) == max(round(keep * len(labels)), len(classes))
    assert labels[kept].unique().tolist() == classes.tolist()


def largest_remainder(counts, total):
    """Apportion naively: whole shares, then one each by remainder, then one each at least."""
    shares = [Fraction(total * m, sum(counts)) for m in counts]
    quotas = [int(share) for share in shares]
    by_remainder = sorted(range(len(counts)), key=lambda c: (quotas[c] - shares[c], c))
    for c in by_remainder[: total - sum(quotas)]:
        quotas[c] += 1
    for c, quota in enumerate(quotas):
        if quota == 0:
            richest = max(range(len(counts)), key=lambda other: (quotas[other], -other))
            quotas[richest] -= 1
            quotas[c] = 1
    return quotas


@pytest.mark.parametrize("name", POLICIES)
@given(pairs=PAIRS, keep=KEEPS)
def test_balanced_numbers_follow_the_largest_remainder(name, pairs, keep):
    values, labels = split(pairs)
    codes = labels.unique(return_inverse=True)[1]
    kept = POLICIES[name](values, labels, keep)
    expected = largest_remainder(codes.bincount().tolist(), len(kept))
    assert codes[kept].bincount(minlength=len(expected)).tolist() == expected


@given(pairs=PAIRS, keep=KEEPS, balanced=st.booleans())
def test_low_first_keeps_the_highest_and_high_first_the_lowest(pairs, keep, balanced):
    values, labels = split(pairs)
    for rule, sign in ((policies.low_first, 1), (policies.high_first, -1)):
        kept = rule(values, labels, keep, balanced=balanced)
        dropped = torch.ones(len(values), dtype=torch.bool).index_fill(0, kept, value=False)
        groups = [labels == c for c in labels.unique()]
        for group in groups if balanced else []:
            inside = torch.zeros_like(dropped).index_fill(0, kept, value=True) & group
            outside = dropped & group
            if outside.any():
                # worse, or as good and later
                worst = min(
                    (sign * float(values[i]), -i) for i in inside.nonzero().flatten().tolist()
                )
                best = max(
                    (sign * float(values[i]), -i) for i in outside.nonzero().flatten().tolist()
                )
                assert worst > best


@pytest.mark.parametrize("name", ["low_first", "high_first", "window"])
@given(pairs=PAIRS, keep=KEEPS, balanced=st.booleans(), seed=st.integers(0, 99))
def test_permuting_examples_permutes_the_selection(name, pairs, keep, balanced, seed):
    _, labels = split(pairs)
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.permutation(len(labels)))  # no ties: these go by index
    order = torch.from_numpy(rng.permutation(len(labels)))
    kept = POLICIES[name](values, labels, keep, balanced=balanced)
    permuted = POLICIES[name](values[order], labels[order], keep, balanced=balanced)
    assert order[permuted].sort().values.tolist() == kept.tolist()


@given(pairs=PAIRS, start=st.floats(0, 0.99), width=KEEPS, balanced=st.booleans())
def test_a_window_is_contiguous_in_the_sorted_scores(pairs, start, width, balanced):
    _, labels = split(pairs)
    if start + width > 1:
        start = 1 - width
    values = torch.arange(len(labels)).flip(0)
    kept = policies.window(values, labels, start, width, balanced=balanced)
    for c in labels.unique() if balanced else []:
        ranks = values[labels == c].argsort().argsort()
        mask = torch.zeros(len(labels), dtype=torch.bool).index_fill(0, kept, value=True)
        inside = ranks[mask[labels == c]].sort().values
        assert (inside.diff() == 1).all()
        size = int((labels == c).sum())
        assert int(inside[0]) == min(round(start * size), size - len(inside))


def test_the_window_over_all_examples():
    values, labels = torch.arange(10.0), [0] * 10
    assert policies.window(values, labels, 0.2, 0.3, balanced=False).tolist() == [2, 3, 4]
    missed = [0] * 9 + [1]
    assert policies.window(values, missed, 0.2, 0.3, balanced=False).tolist() == [2, 3, 9]


def test_random_is_seeded():
    labels = [0, 1] * 50
    first, again, other = (policies.random(labels, 0.3, seed=s).tolist() for s in (1, 1, 2))
    assert first == again != other


def test_ties_go_to_the_lower_index():
    labels = ["a"] * 4
    assert policies.low_first([1.0] * 4, labels, 0.5).tolist() == [0, 1]
    assert policies.high_first([1.0] * 4, labels, 0.5).tolist() == [0, 1]


@given(pairs=PAIRS)
def test_the_noise_filter_drops_exactly_the_positive(pairs):
    suspicion, labels = split(pairs)
    clean = {*(suspicion <= 0).nonzero().flatten().tolist()}
    # And the least suspicious one of a class of which nothing would be left.
    for lost in {*labels.tolist()} - {*labels[[*clean]].tolist()}:
        members = [i for i in range(len(labels)) if labels[i] == lost]
        clean.add(min(members, key=lambda i: (float(suspicion[i]), i)))
    assert policies.noise_filter(suspicion, labels).tolist() == sorted(clean)


@given(pairs=PAIRS, fraction=st.floats(0.01, 0.99))
def test_a_fraction_drops_so_many_of_the_worst(pairs, fraction):
    suspicion, labels = split(pairs)
    n = len(labels)
    m = n - round(fraction * n)
    ranking = sorted(range(n), key=lambda i: (float(suspicion[i]), i))
    inside = policies.noise_filter(suspicion, labels, fraction=fraction, balanced=True)
    assert len(inside) == max(m, len(labels.unique()))
    if {*labels[ranking[:m]].tolist()} == {*labels.tolist()}:
        kept = policies.noise_filter(suspicion, labels, fraction=fraction)
        assert kept.tolist() == sorted(ranking[:m])


@given(pairs=PAIRS)
def test_the_balanced_noise_filter_keeps_as_many_in_proportion(pairs):
    suspicion, labels = split(pairs)
    kept = policies.noise_filter(suspicion, labels, balanced=True)
    total = max(int((suspicion <= 0).sum()), len(labels.unique()))
    assert kept.tolist() == policies.high_first(suspicion, labels, total / len(labels)).tolist()


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(
    ("keep", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (1.5, ValueError),
        (float("nan"), ValueError),
        ("a", TypeError),
        (True, TypeError),
        (None, TypeError),
    ],
)
def test_a_share_outside_the_interval(name, keep, error):
    word = "width" if name == "window" else "keep"
    with pytest.raises(
        error, match=rf"'{word}' parameter of {name} must be in \(0, 1\]. Got {keep!r}"
    ):
        POLICIES[name]([1.0, 2.0], [0, 1], keep)


@pytest.mark.parametrize(
    ("values", "labels", "match"),
    [
        ([1.0, 2.0], [0, 1, 1], r"one per label. Got shape \(2,\) for 3 labels"),
        ([[1.0], [2.0]], [0, 1], r"Got shape \(2, 1\)"),
        ([1.0, float("nan")], [0, 1], r"finite. Got nan for example 1"),
        ([float("inf"), 0.0], [0, 1], r"finite. Got inf for example 0"),
        ([], [], r"empty"),
    ],
)
def test_scores_that_are_none(values, labels, match):
    for rule in (policies.low_first, policies.high_first):
        with pytest.raises(ValueError, match=match):
            rule(values, labels, 0.5)
    with pytest.raises(ValueError, match=match):
        policies.noise_filter(values, labels)


@pytest.mark.parametrize(
    ("start", "width", "match"),
    [
        (1.0, 0.1, r"'start' .* \[0, 1\)"),
        (-0.1, 0.1, "'start'"),
        (0.6, 0.5, r"add up to 1 at most. Got 0.6 \+ 0.5"),
    ],
)
def test_a_window_that_does_not_fit(start, width, match):
    with pytest.raises(ValueError, match=match):
        policies.window([1.0, 2.0], [0, 1], start, width)


def strata_of(values, strata):
    """Number the strata of equal width naively, from the definition."""
    low, high = min(values), max(values)
    width = (high - low) / strata
    return [min(int((v - low) / width), strata - 1) if width else 0 for v in values]


@given(
    values=st.lists(st.integers(0, 1000), min_size=4, max_size=80),
    keep=KEEPS,
    cut=st.floats(0, 0.9),
    strata=st.integers(1, 12),
    seed=st.integers(0, 3),
)
def test_stratified_cuts_the_hardest_and_draws_evenly(values, keep, cut, strata, seed):
    n = len(values)
    labels = [0] * n
    kept = policies.stratified(values, labels, keep, cut=cut, strata=strata, seed=seed).tolist()
    total = max(round(keep * n), 1)
    left = sorted(values)[: n - min(int(cut * n), n - total)]
    assert max(values[i] for i in kept) <= left[-1]
    sizes = np.bincount(strata_of(left, strata), minlength=strata)
    # the drawn, by the strata of what was left: every stratum has its even share or all it has
    stratum = dict(zip(left, strata_of(left, strata), strict=True))
    drawn = np.bincount([stratum[values[i]] for i in kept], minlength=strata)
    short = drawn < sizes
    if short.any():
        assert drawn[short].max() - drawn[short].min() <= 1
        assert (drawn[~short] <= drawn[short].min() + 1).all()
    assert drawn.sum() == total


def test_stratified_by_hand():
    values = torch.tensor([*range(20), 50.0, 51.0, 99.0, 100.0])  # strata of 20, 2 and, cut, 2
    labels = [0] * 24
    kept = policies.stratified(values, labels, 0.25, cut=0.1, strata=2)
    assert kept[-2:].tolist() == [20, 21]
    assert len(kept) == 6
    # no more is cut than has to go, and another seed draws others
    assert len(policies.stratified(values, labels, 1.0, cut=0.9)) == 24
    draws = {
        tuple(policies.stratified(values, labels, 0.25, strata=2, seed=s).tolist())
        for s in range(9)
    }
    assert len(draws) > 5


def test_soft_draws_by_rank_and_covers_more_every_epoch():
    n, m, draws = 12, 4, 6000
    values = torch.arange(n).double().exp()  # only their order may count
    counts = torch.zeros(n)
    for epoch in range(draws):
        kept = policies.soft(values, [0] * n, m / n, seed=5, epoch=epoch)
        counts[kept] += 1
    # naively: one after the other, by weight, without putting back
    rng = np.random.default_rng(0)
    weights = np.arange(1, n + 1) / (n * (n + 1) / 2)
    expected = torch.zeros(n)
    for _ in range(draws):
        expected[rng.choice(n, m, replace=False, p=weights)] += 1
    torch.testing.assert_close(counts / draws, expected / draws, rtol=0, atol=0.03)
    assert (counts > 0).all()
    assert len({tuple(policies.soft(values, [0] * n, 0.3, seed=s).tolist()) for s in range(9)}) > 5


def test_redrawn_gives_all_the_same_chance_and_epochs_of_their_own():
    labels, counts = [0] * 60 + [1] * 40, torch.zeros(100)
    draws = [policies.redrawn(labels, 0.2, seed=3, epoch=epoch) for epoch in range(500)]
    for kept in draws:
        assert (kept < 60).sum() == 12
        counts[kept] += 1
    assert (counts / 500 - 0.2).abs().max() < 4.5 * (0.2 * 0.8 / 500) ** 0.5
    pairs = torch.zeros(100, 100)  # of epochs that follow each other: as independent as any
    for one, other in itertools.pairwise(draws):
        pairs[one[:, None], other] += 1
    assert abs(float(pairs.diagonal().mean()) / 499 - 0.04) < 0.005
    assert not policies.redrawn(labels, 0.2, seed=4).equal(draws[0])


def test_soft_gives_equal_scores_equal_chances():
    values, labels = [0.0] * 50 + [1.0] * 50, [0] * 100
    counts = torch.zeros(100)
    for epoch in range(400):
        counts[policies.soft(values, labels, 0.2, epoch=epoch)] += 1
    assert abs(counts[:25].sum() - counts[25:50].sum()) < 0.15 * counts[:50].sum()
    assert 1.5 < counts[50:].sum() / counts[:50].sum() < 2.1  # weights 1 and 1/2


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda: policies.stratified([1.0], [0], 0.5, cut=1),
            r"'cut' .* in \[0, 1\). Got 1 instead",
        ),
        (lambda: policies.stratified([1.0], [0], 0.5, strata=0), r"'strata' .* at least 1. Got 0"),
        (lambda: policies.stratified([1.0], [0], 0.5, seed=-1), r"'seed' parameter of stratified"),
        (lambda: policies.stratified([torch.nan], [0], 0.5), "must be finite. Got nan"),
        (lambda: policies.redrawn([0], 0.5, epoch=-1), r"'epoch' parameter of redrawn"),
        (lambda: policies.redrawn([0], 1.5), r"'keep' parameter of redrawn .* Got 1.5"),
        (lambda: policies.soft([1.0], [0], 0.5, epoch=-1), r"'epoch' parameter of soft"),
        (lambda: policies.soft([1.0], [0], 1.5), r"'keep' parameter of soft .* Got 1.5"),
        (lambda: LinearSchedule(0.5, 1.5, 3), r"'last' parameter of LinearSchedule .* Got 1.5"),
        (lambda: LinearSchedule(0.5, 1.0, 1), r"'epochs' .* at least 2. Got 1 instead"),
    ],
)
def test_bad_options_of_draws_and_schedules(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@given(first=st.floats(0, 1), last=st.floats(0, 1), epochs=st.integers(2, 50))
def test_a_linear_schedule_goes_from_first_to_last_and_stays(first, last, epochs):
    schedule = LinearSchedule(first, last, epochs)
    shares = [schedule(epoch) for epoch in range(epochs + 3)]
    assert shares[0] == first
    assert shares[epochs - 1 :] == [last] * 4
    np.testing.assert_allclose(np.diff(shares[:epochs]), (last - first) / (epochs - 1), atol=1e-9)
    assert all(0 <= share <= 1 for share in shares)


@given(
    keys=st.lists(st.integers(0, 5), min_size=1, max_size=60),
    classes=st.integers(1, 4),
    keep=st.floats(0.02, 1),
    balanced=st.booleans(),
    large=st.sampled_from([1, 100]),
    whole=st.booleans(),
)
def test_a_partition_takes_what_a_sort_takes(keys, classes, keep, balanced, large, whole):
    keys = torch.tensor(keys) if whole else torch.tensor(keys).double() / 3
    codes = (torch.arange(len(keys)) % classes).sort().values[torch.randperm(len(keys))]
    total = quotas.total_kept("test", keep, codes)
    for numbers in (keys, quotas.downwards(keys)):
        wanted = quotas.take(numbers.argsort(stable=True), codes, total, balanced=balanced)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(quotas, "_LARGE", large)
            found = quotas.lowest(numbers, codes, total, balanced=balanced)
        assert torch.equal(found, wanted)
    assert torch.equal(
        quotas.downwards(keys).argsort(stable=True), keys.argsort(stable=True, descending=True)
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool, torch.uint8])
def test_numbers_of_any_type_are_partitioned(dtype):
    values = torch.randint(0, 200, (400,), generator=torch.Generator().manual_seed(0)).to(dtype)
    labels = torch.arange(400) % 2
    for policy, down in ((policies.low_first, True), (policies.high_first, False)):
        order = values.double().argsort(descending=down, stable=True)
        wanted = quotas.take(order, labels, 100, balanced=True)
        assert torch.equal(policy(values, labels, 0.25), wanted)
