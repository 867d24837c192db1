"""Kernel herding against its definition, and as a policy of the samplers."""

import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from torch_cgprune import CGScoredDataset, PrunedSampler, cg_scores, policies
from torch_cgprune.policies.herding import herding_places


def gram(rows):
    """Return the arc-cosine Gram matrix in float64, as eq. 1 has it."""
    unit = rows.double() / rows.double().norm(dim=1, keepdim=True)
    cosines = (unit @ unit.T).clamp(-1, 1)
    H = cosines * (math.pi - cosines.acos()) / (2 * math.pi)
    return H.fill_diagonal_(0.5)


def naive(rows, count):
    """Take rows one by one: the one that is closest to the mean, less what is taken so far."""
    H, kept = gram(rows), []
    for t in range(count):
        gaps = {
            i: float(H[i].mean() - sum(H[i, s] for s in kept) / (t + 1))
            for i in range(len(rows))
            if i not in kept
        }
        kept.append(max(gaps, key=gaps.get))
    return kept


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return torch.tensor(rng.normal(1, 1, (60, 5))).float(), torch.tensor([0, 1, 1] * 20)


@pytest.mark.parametrize("keep", [0.1, 0.35, 1])
def test_the_mean_of_a_class_is_followed_row_by_row(data, keep):
    rows, labels = data
    kept = policies.herding(rows, labels, keep)
    expected = []
    for code, count in ((0, round(20 * keep)), (1, round(40 * keep))):
        members = (labels == code).nonzero().flatten()
        expected += members[naive(rows[members], count)].tolist()
    assert kept.tolist() == sorted(expected)


def test_over_all_classes_it_follows_the_mean_of_all(data):
    rows, labels = data
    kept = policies.herding(rows, labels, 0.2, balanced=False)
    assert kept.tolist() == sorted(naive(rows, 12))


def test_what_is_kept_is_closer_to_the_mean_than_a_random_choice(data):
    rows, labels = data
    H = gram(rows)

    def gap(kept):
        weights = torch.full((60,), -1 / 60, dtype=torch.float64)
        weights[kept] += 1 / len(kept)
        return float(weights @ H @ weights)

    herded = gap(policies.herding(rows, labels, 0.2, balanced=False))
    drawn = [gap(policies.random(labels, 0.2, balanced=False, seed=s)) for s in range(20)]
    assert herded < min(drawn)


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    keep=st.floats(0.01, 1),
    block_size=st.integers(1, 9),
    balanced=st.booleans(),
)
def test_sorted_unique_of_exact_size_and_no_class_lost(labels, keep, block_size, balanced):
    rows = torch.randn(len(labels), 3, generator=torch.Generator().manual_seed(len(labels)))
    kept = policies.herding(rows, labels, keep, balanced=balanced, block_size=block_size).tolist()
    assert kept == sorted({*kept})
    assert len(kept) == max(round(keep * len(labels)), len({*labels}))
    assert {labels[i] for i in kept} == {*labels}


def test_blocks_share_a_class_evenly(data):
    rows, _ = data
    places = herding_places(rows, torch.zeros(60, dtype=torch.int64), block_size=20, seed=3)
    assert sorted(places.tolist()) == sorted([i / 20 for i in range(20)] * 3)
    again = herding_places(rows, torch.zeros(60, dtype=torch.int64), block_size=20, seed=3)
    assert torch.equal(places, again)


def test_ties_go_to_the_first():
    assert policies.herding(torch.ones(4, 2), [0] * 4, 0.5).tolist() == [0, 1]


def test_a_sampler_asks_its_source_for_rows(data):
    rows, labels = data
    train = CGScoredDataset(TensorDataset(rows, labels), progress=False)
    sampler = PrunedSampler(train, 0.3, "herding")
    assert sampler.selection.tolist() == policies.herding(rows, labels, 0.3).tolist()
    out = [0, 1, 2, 30]
    left = [i for i in range(60) if i not in out]
    sampler = PrunedSampler(train, 0.3, "herding", exclude=out, balanced=False)
    expected = policies.herding(rows[left], labels[left], 0.3, balanced=False)
    assert sampler.selection.tolist() == [left[i] for i in expected.tolist()]


def test_rows_are_those_of_the_encoder_and_read_again_from_a_cache(tmp_path):
    images = torch.rand(20, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    dataset = TensorDataset(images, torch.arange(20) % 2)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
    options = {"features": network, "cache": tmp_path / "s.safetensors", "progress": False}
    for _ in range(2):
        train = CGScoredDataset(dataset, **options)
        torch.testing.assert_close(train.rows(), network(images).detach())
    pixels = CGScoredDataset(dataset, progress=False)
    assert torch.equal(pixels.rows(), images.flatten(1))


def test_workers_get_no_network(data):
    train = CGScoredDataset(TensorDataset(*data), features=lambda x: x, progress=False)
    copy = pickle.loads(pickle.dumps(CGScoredDataset(TensorDataset(*data), progress=False)))
    assert "_data" not in vars(copy)
    with pytest.raises(AttributeError, match=r"copy of a CGScoredDataset .* Ask the one that"):
        copy.rows()
    assert len(next(iter(DataLoader(train, batch_size=4, num_workers=0)))) == 2


@pytest.mark.parametrize("source", ["scores", "pair"])
def test_without_rows_the_cure_is_named(data, source):
    rows, labels = data
    scores = cg_scores(rows, labels, progress=False)
    source = scores if source == "scores" else (scores.values, labels)
    with pytest.raises(TypeError, match=r"'herding' of PrunedSampler looks at .*features="):
        PrunedSampler(source, 0.3, "herding")
