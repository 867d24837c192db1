import itertools
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, TensorDataset

from torch_cgprune import (
    CGScoredDataset,
    PrunedSampler,
    SelectionSampler,
    WindowSampler,
    cg_scores,
    policies,
)

LABELS = torch.arange(100) % 4
VALUES = torch.rand(100, generator=torch.Generator().manual_seed(3))
PAIR = (VALUES, LABELS)

MAKE = {
    "selection": lambda **o: SelectionSampler(torch.arange(3, 63), **o),
    "pruned": lambda **o: PrunedSampler(PAIR, keep=0.6, **o),
    "window": lambda **o: WindowSampler(PAIR, start=0.2, width=0.6, **o),
}


@pytest.fixture(params=MAKE)
def make(request):
    return MAKE[request.param]


def test_an_epoch_is_the_selection_once_in_another_order(make):
    sampler = make()
    first, second = list(sampler), list(sampler)
    assert len(sampler) == len(first) == 60
    assert sorted(first) == sorted(second) == sampler.selection.tolist()
    assert first != second
    assert all(type(index) is int for index in first)


def test_the_order_is_of_seed_and_epoch_alone(make):
    before = torch.random.get_rng_state()
    one, two, other = make(seed=1), make(seed=1), make(seed=2)
    epochs = [list(one) for _ in range(3)]
    two.set_epoch(2)
    assert list(two) == epochs[2]
    two.set_epoch(0)
    assert list(two) == epochs[0]
    assert list(other) not in epochs
    assert torch.equal(torch.random.get_rng_state(), before)


def test_unshuffled_is_ascending(make):
    sampler = make(shuffle=False)
    assert list(sampler) == list(sampler) == sampler.selection.tolist()


@pytest.mark.parametrize("num_samples", [1, 59, 60, 61, 150, 240])
def test_whole_passes_then_the_rest_of_one(make, num_samples):
    sampler = make(num_samples=num_samples)
    indices = list(sampler)
    assert len(sampler) == len(indices) == num_samples
    passes = [indices[i : i + 60] for i in range(0, num_samples, 60)]
    for full in passes[:-1]:
        assert sorted(full) == sampler.selection.tolist()
    assert len({*passes[-1]}) == len(passes[-1])
    assert len({tuple(p) for p in passes}) == len(passes)


@pytest.mark.parametrize("position", [0, 1, 37, 149, 150])
@pytest.mark.parametrize("epoch", [0, 1])
def test_a_resumed_epoch_is_the_rest_of_the_uninterrupted_one(make, position, epoch):
    whole = make(num_samples=150, seed=4)
    epochs = [list(whole) for _ in range(epoch + 2)]
    stopped = make(num_samples=150, seed=4)
    stopped.set_epoch(epoch)
    iterator = iter(stopped)
    assert [next(iterator) for _ in range(position)] == epochs[epoch][:position]
    state = stopped.state_dict()

    resumed = make(num_samples=150, seed=99)
    iter(resumed)  # loaders call this before they load
    resumed.load_state_dict(state)
    resumed.set_epoch(epoch)  # the same epoch keeps the place
    assert len(resumed) == 150
    assert resumed.state_dict() == state
    assert list(resumed) == epochs[epoch][position:]
    assert list(resumed) == epochs[epoch + 1]


@pytest.mark.parametrize("choose", [True, False])
def test_a_state_taken_after_the_end_resumes_at_the_end(make, choose):
    whole = make(seed=4)
    epochs = [list(whole) for _ in range(2)]
    finished = make(seed=4)
    list(finished)
    resumed = make(seed=4)
    resumed.load_state_dict(finished.state_dict())
    assert resumed.state_dict()["position"] == 60
    if choose:
        resumed.set_epoch(0)
    assert list(resumed) == []
    if choose:
        resumed.set_epoch(1)
    assert list(resumed) == epochs[1]


def test_an_iteration_cut_short_was_an_epoch(make):
    sampler = make()
    seen = [tuple(itertools.islice(iter(sampler), 15)) for _ in range(20)]
    assert len({*seen}) == 20
    assert len({index for part in seen for index in part}) > 45


def test_choosing_the_same_epoch_repeats_it(make):
    sampler = make()
    first = list(sampler)
    sampler.set_epoch(0)
    assert list(sampler) == first


@pytest.mark.parametrize("selection", [[5, 3, 9], np.array([9, 5, 3], dtype=np.int32)])
def test_a_selection_of_any_kind_is_sorted(selection):
    assert SelectionSampler(selection).selection.tolist() == [3, 5, 9]


@pytest.mark.parametrize(
    ("selection", "error", "match"),
    [
        (torch.tensor([True, False]), TypeError, r"Got torch.bool .*mask.nonzero\(\).flatten\(\)"),
        (torch.tensor([0.0, 1.0]), TypeError, r"must be indices.*Got torch.float32"),
        (torch.tensor([[0], [1]]), TypeError, r"shape \(2, 1\)"),
        (torch.tensor([-1, 1]), ValueError, r"at least 0. Got -1"),
    ],
)
def test_a_selection_that_is_none(selection, error, match):
    with pytest.raises(error, match=match):
        SelectionSampler(selection)


def test_a_second_resume_in_one_epoch_adds_up(make):
    whole = list(make(seed=4))
    state = make(seed=4).state_dict()
    got = []
    for _ in range(3):
        sampler = make(seed=4)
        sampler.load_state_dict(state)
        iterator = iter(sampler)
        got += [next(iterator) for _ in range(20)]
        state = sampler.state_dict()
    assert got == whole


def test_another_epoch_clears_the_place(make):
    sampler = make()
    sampler.load_state_dict({**sampler.state_dict(), "position": 30})
    sampler.set_epoch(5)
    assert len(list(sampler)) == 60


def test_the_state_is_small_and_a_foreign_one_refused(make):
    sampler = make()
    assert len(pickle.dumps(sampler.state_dict())) < 300
    for other in (make(num_samples=61), make(shuffle=False), SelectionSampler(torch.arange(9))):
        with pytest.raises(ValueError, match="state is of another"):
            sampler.load_state_dict(other.state_dict())


def test_what_trainers_replace_or_fill_is_not_there(make):
    sampler = make()
    assert not isinstance(sampler, RandomSampler | SequentialSampler)
    assert not hasattr(sampler, "generator")
    assert isinstance(sampler.selection, torch.Tensor)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_in_a_dataloader(make, num_workers):
    dataset = TensorDataset(torch.arange(100))
    sampler = make()
    loader = DataLoader(dataset, batch_size=8, sampler=sampler, num_workers=num_workers)
    assert len(loader) == 8
    seen = torch.cat([x for (x,) in loader])
    assert seen.sort().values.tolist() == sampler.selection.tolist()
    twin = pickle.loads(pickle.dumps(make(seed=3)))
    assert list(twin) == list(make(seed=3))


def scored():
    x = torch.randn(100, 8, generator=torch.Generator().manual_seed(0))
    return CGScoredDataset(TensorDataset(x, LABELS), progress=False)


def test_the_policies():
    train = scored()
    values, labels = train.scores.values, train.scores.labels
    for policy, rule in (("low-first", policies.low_first), ("high-first", policies.high_first)):
        for balanced in (True, False):
            got = PrunedSampler(train, 0.3, policy, balanced=balanced).selection
            assert torch.equal(got, rule(values, labels, 0.3, balanced=balanced))
    random = PrunedSampler(train, 0.3, "random", seed=5).selection
    assert torch.equal(random, policies.random(labels, 0.3, seed=5))
    window = WindowSampler(train, 0.1, 0.4).selection
    assert torch.equal(window, policies.window(values, labels, 0.1, 0.4))


def test_the_noise_filter_drops_the_suspects():
    train = scored()
    sampler = PrunedSampler(train, policy="noise-filter")
    assert sampler.selection.tolist() == (~train.scores.suspects).nonzero().flatten().tolist()
    balanced = PrunedSampler(train, policy="noise-filter", balanced=True).selection
    assert LABELS[balanced].bincount().unique().numel() <= 2
    stochastic = cg_scores(torch.randn(40, 8), [0, 1] * 20, method="stochastic", progress=False)
    kept = PrunedSampler(stochastic, policy="noise-filter").selection
    assert kept.tolist() == (stochastic.partial <= 0).nonzero().flatten().tolist()


def test_every_kind_of_source_selects_the_same():
    train = scored()
    pair = (train.scores.values.tolist(), [f"class {y}" for y in LABELS.tolist()])
    for source in (train, train.scores, pair, (train.scores.values.numpy(), LABELS.numpy())):
        assert torch.equal(
            PrunedSampler(source, 0.5).selection, PrunedSampler(train, 0.5).selection
        )


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"keep": 1.5}, ValueError, r"must be in \(0, 1\]. Got 1.5 instead"),
        ({"keep": 0}, ValueError, r"must be in \(0, 1\]. Got 0 instead"),
        ({}, ValueError, r"'keep' .* must be in \(0, 1\] for the policy 'low-first'. Got None"),
        ({"policy": "noise-filter", "keep": 0.5}, ValueError, r"must be None for the policy"),
        ({"policy": "noise-filter", "keep": 0}, ValueError, r"must be None for the policy"),
        ({"policy": "best", "keep": 0.5}, ValueError, r"'low-first', .* Got 'best'"),
        ({"policy": "noise-filter"}, TypeError, r"needs a CGScoredDataset or CGScores"),
        ({"keep": 0.5, "num_samples": 0}, ValueError, r"'num_samples' .* at least 1. Got 0"),
        ({"keep": 0.5, "seed": -1}, ValueError, r"'seed' .* at least 0. Got -1"),
        ({"keep": 0.5, "seed": 1.0}, TypeError, r"'seed' .* type float"),
    ],
)
def test_bad_arguments(arguments, error, match):
    with pytest.raises(error, match=match):
        PrunedSampler(PAIR, **arguments)


def test_bad_sources_and_empty_selections():
    with pytest.raises(TypeError, match=r"tuple \(scores, labels\). Got list"):
        PrunedSampler([VALUES, LABELS], keep=0.5)
    with pytest.raises(ValueError, match="empty"):
        PrunedSampler(([], []), keep=0.5)
    with pytest.raises(ValueError, match="'selection' of SelectionSampler is empty"):
        SelectionSampler(torch.tensor([], dtype=torch.int64))
    with pytest.raises(ValueError, match="'epoch'"):
        SelectionSampler(torch.arange(3)).set_epoch(-1)
