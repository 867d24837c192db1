"""The weights of what a sampler keeps, by example index."""

import copy
import pickle

import contract
import numpy as np
import pytest
import torch
from contract import LABELS, PAIR, VALUES
from torch.utils.data import DataLoader, TensorDataset

from torch_cgprune import (
    CGScoredDataset,
    DistributedPrunedSampler,
    PrunedSampler,
    SelectionSampler,
    WindowSampler,
)
from torch_cgprune.policies.by_name import DRAWN, POLICIES, chances_by

LOSSES = VALUES + LABELS  # what is hard, or of a later class, costs more


def expected(policy, selection, keep, left=None, *, balanced=True):
    """Weigh naively: m over N times the chance, one example after the other."""
    left = torch.arange(100) if left is None else left
    chances = chances_by(policy, VALUES[left], LABELS[left], keep, balanced=balanced).tolist()
    possible = sum(chance > 0 for chance in chances)
    weights = [0.0] * 100
    for i, chance in zip(left.tolist(), chances, strict=True):
        if i in selection.tolist() and chance > 0:
            weights[i] = len(selection) / (possible * chance)
    return torch.tensor(weights)


@pytest.mark.parametrize("policy", DRAWN)
@pytest.mark.parametrize("balanced", [None, False])
@pytest.mark.parametrize("exclude", [None, [*range(0, 100, 7)]])
@pytest.mark.parametrize("ranks", [0, 2])
def test_weights_are_by_index_of_all_examples(policy, balanced, exclude, ranks):
    options = {"balanced": balanced, "exclude": exclude, "seed": 2}
    sampler = PrunedSampler(PAIR, 0.3, policy, **options)
    if ranks:
        sampler = DistributedPrunedSampler(PAIR, 0.3, policy, **options, num_replicas=ranks, rank=1)
    weights = sampler.weights
    assert (weights.dtype, weights.shape, weights.device.type) == (torch.float32, (100,), "cpu")
    left = torch.tensor([i for i in range(100) if i not in (exclude or ())])
    wanted = expected(policy, sampler.selection, 0.3, left, balanced=balanced is None)
    torch.testing.assert_close(weights, wanted)
    assert weights.nonzero().flatten().equal(sampler.selection)


@pytest.mark.parametrize("policy", DRAWN)
def test_weights_are_of_the_epoch(policy):
    sampler = PrunedSampler(PAIR, contract.GROWING, policy)
    for epoch, keep in enumerate((0.3, 0.6, 0.9, 0.9)):
        sampler.set_epoch(epoch)
        torch.testing.assert_close(sampler.weights, expected(policy, sampler.selection, keep))
    followed = PrunedSampler(PAIR, contract.GROWING, policy)
    for keep in (0.3, 0.6, 0.9):
        for index in followed:  # within a loop, those of its epoch
            assert followed.weights[index] > 0
        torch.testing.assert_close(followed.weights, expected(policy, followed.selection, keep))


@pytest.mark.parametrize("policy", DRAWN)
def test_all_of_it_weighs_one(policy):
    assert PrunedSampler(PAIR, 1.0, policy).weights.tolist() == pytest.approx([1.0] * 100)


def test_the_weighted_mean_over_epochs_is_that_of_all():
    sampler = PrunedSampler(PAIR, 0.4, "soft", exclude=[0, 1, 2], num_samples=80)
    weighted, plain = [], []
    for _ in range(1500):
        indices = torch.tensor([*sampler])
        weighted.append(float((sampler.weights[indices] * LOSSES[indices]).mean()))
        plain.append(float(LOSSES[indices].mean()))
    wanted, error = float(LOSSES[3:].mean()), np.std(weighted) / 1500**0.5
    assert abs(np.mean(weighted) - wanted) < 4 * error + 0.01 * wanted  # classes of 25
    assert np.mean(plain) - wanted > 5 * error + 0.01 * wanted


def test_weights_are_computed_once_a_selection_and_not_before():
    calls = []
    sampler = PrunedSampler(PAIR, 0.4, "soft")
    weigh, sampler._weigh = sampler._weigh, lambda *given: calls.append(given) or weigh(*given)
    list(sampler)
    assert calls == []
    assert sampler.weights is sampler.weights
    sampler.set_epoch(0)
    assert sampler.weights is sampler.weights
    assert len(calls) == 1
    sampler.set_epoch(3)
    assert sampler.weights is sampler.weights
    assert [epoch for epoch, _ in calls] == [0, 3]


@pytest.mark.parametrize("policy", DRAWN)
def test_weights_go_with_copies_and_states(policy):
    sampler = PrunedSampler(PAIR, contract.GROWING, policy, seed=1)
    first = sampler.weights
    others = [pickle.loads(pickle.dumps(sampler)), copy.deepcopy(sampler), copy.copy(sampler)]
    sampler.set_epoch(1)
    resumed = PrunedSampler(PAIR, contract.GROWING, policy, seed=1)
    assert resumed.weights.equal(first)
    resumed.load_state_dict(sampler.state_dict())
    for other in others:
        assert other.weights.equal(first)
        other.set_epoch(1)
    for other in (*others, resumed):
        assert other.weights.equal(sampler.weights)


@pytest.mark.parametrize("name", contract.ALL)
def test_of_the_contract_those_that_draw_have_weights(name):
    assert hasattr(contract.ALL[name](), "weights") == ("soft" in name or name == "redrawn")


@pytest.mark.parametrize("policy", [p for p in POLICIES if p not in (*DRAWN, "window", "herding")])
def test_a_ranking_has_none(policy):
    with pytest.raises(
        AttributeError,
        match=rf"PrunedSampler has no 'weights' for {policy}: .* no chance .*"
        "'random', 'redrawn', 'stratified', 'soft' of PrunedSampler",
    ):
        _ = PrunedSampler(PAIR, 0.3, policy).weights


@pytest.mark.filterwarnings("ignore:The noise filter drops")  # of random labels
def test_neither_have_filters_windows_herding_and_lists(tmp_path):
    x = torch.randn(100, 8, generator=torch.Generator().manual_seed(0))
    train = CGScoredDataset(TensorDataset(x, LABELS), progress=False)
    (tmp_path / "kept.txt").write_text("0\n1\n")
    for sampler, what in (
        (PrunedSampler(train, policy="noise-filter"), "noise-filter"),
        (PrunedSampler(train, 0.5, "herding"), "herding"),
        (PrunedSampler(train, tmp_path / "kept.txt"), "keep='.*kept.txt'"),
        (WindowSampler(PAIR, 0.1, 0.4), "window"),
        (SelectionSampler([1, 2]), "given indices"),
    ):
        with pytest.raises(AttributeError, match=f"has no 'weights' for {what}: "):
            _ = sampler.weights


def test_torchs_defaults_change_nothing():
    values, codes = torch.rand(3000).double(), torch.arange(3000) % 700
    samplers = [
        PrunedSampler((values, codes), 0.3, policy, balanced=balanced)
        for policy in DRAWN
        for balanced in (True, False)
    ]
    wanted = [copy.deepcopy(sampler).weights for sampler in samplers]
    torch.set_default_dtype(torch.float16)
    try:
        for sampler, weights in zip(samplers, wanted, strict=True):
            with torch.device("meta"):
                assert sampler.weights.equal(weights)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_in_a_loop_whose_items_carry_their_index(workers):
    sampler = PrunedSampler(PAIR, 0.4, "soft")
    numbered = TensorDataset(LOSSES, torch.arange(100))
    for _ in range(3):
        seen = []
        for losses, index in DataLoader(numbered, 7, sampler=sampler, num_workers=workers):
            assert (sampler.weights[index] > 0).all()
            seen.append(losses * sampler.weights[index])
        total = (LOSSES * sampler.weights).sum()
        torch.testing.assert_close(torch.cat(seen).sum(), total)
