from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune import policies

POLICIES = {
    "low_first": policies.low_first,
    "high_first": policies.high_first,
    "random": lambda _, labels, keep, **o: policies.random(labels, keep, **o),
    "window": lambda values, labels, keep, **o: policies.window(values, labels, 0.0, keep, **o),
}

examples = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0, 2.5, -3.0])),
    min_size=1,
    max_size=60,
)
keeps = st.floats(0.01, 1)


def split(pairs):
    labels, values = zip(*pairs, strict=True)
    return torch.tensor(values), torch.tensor(labels)


@pytest.mark.parametrize("name", POLICIES)
@given(pairs=examples, keep=keeps, balanced=st.booleans())
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
@given(pairs=examples, keep=keeps)
def test_balanced_numbers_follow_the_largest_remainder(name, pairs, keep):
    values, labels = split(pairs)
    codes = labels.unique(return_inverse=True)[1]
    kept = POLICIES[name](values, labels, keep)
    expected = largest_remainder(codes.bincount().tolist(), len(kept))
    assert codes[kept].bincount(minlength=len(expected)).tolist() == expected


@given(pairs=examples, keep=keeps, balanced=st.booleans())
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
@given(pairs=examples, keep=keeps, balanced=st.booleans(), seed=st.integers(0, 99))
def test_permuting_examples_permutes_the_selection(name, pairs, keep, balanced, seed):
    _, labels = split(pairs)
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.permutation(len(labels)))  # no ties: these go by index
    order = torch.from_numpy(rng.permutation(len(labels)))
    kept = POLICIES[name](values, labels, keep, balanced=balanced)
    permuted = POLICIES[name](values[order], labels[order], keep, balanced=balanced)
    assert order[permuted].sort().values.tolist() == kept.tolist()


@given(pairs=examples, start=st.floats(0, 0.99), width=keeps, balanced=st.booleans())
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


@given(pairs=examples)
def test_the_noise_filter_drops_exactly_the_positive(pairs):
    suspicion, labels = split(pairs)
    kept = policies.noise_filter(suspicion, labels)
    for c in labels.unique():
        group = (labels == c).nonzero().flatten()
        clean = group[suspicion[group] <= 0].tolist()
        inside = [i for i in kept.tolist() if int(labels[i]) == int(c)]
        # a class of suspects alone keeps its least suspicious, the first of equals
        least = min(group.tolist(), key=lambda i: (float(suspicion[i]), i))
        assert inside == (clean or [least])


@given(pairs=examples)
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
