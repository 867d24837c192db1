"""Predictions from kept rows, against a solve in float64; which rows are graded on."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune.advice import grading, rounds, sample
from torch_cgprune.advice.candidates import candidates
from torch_cgprune.policies import random, stratified


def problem(m=240, k=4, seed=0, device="cpu"):
    """Return a Gram matrix of classes that overlap, their codes, choices, and what is held out."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.arange(m) % k
    centres = torch.randn(k, 12, generator=generator)
    rows = centres[codes] + 1.5 * torch.randn(m, 12, generator=generator)
    rows = rows / rows.norm(dim=1, keepdim=True)
    cosines = (rows @ rows.T).clamp(-1, 1)
    gram = cosines * (torch.pi - torch.acos(cosines)) / (2 * torch.pi)
    gram.fill_diagonal_(0.5)
    kept = torch.rand(5, m, generator=generator) < torch.tensor([0.1, 0.3, 0.5, 0.8, 1])[:, None]
    kept[:, :60] = False
    kept[:, 60 : 60 + k] = True
    return gram.to(device), codes, kept, torch.arange(60)


def naive(gram, codes, kept, held):
    """Return (h, k) predictions of ridge regression on what one choice keeps."""
    gram, where = gram.double().cpu().numpy(), kept.nonzero().flatten().numpy()
    targets = np.eye(int(codes.max()) + 1)[codes[where].numpy()]
    shares = targets.mean(0)
    system = gram[np.ix_(where, where)] + 0.1 * np.eye(len(where))
    return gram[np.ix_(held.numpy(), where)] @ np.linalg.solve(system, targets - shares) + shares


def test_the_gram_matrix_is_whole(device):
    rows = torch.randn(1100, 3, generator=torch.Generator().manual_seed(0))
    gram = rounds._gram(rows, torch.device(device)).double().cpu()
    unit = torch.nn.functional.normalize(rows.double(), dim=1)
    cosines = (unit @ unit.T).clamp(-1, 1)
    torch.testing.assert_close(
        gram, cosines * (torch.pi - cosines.acos()) / (2 * torch.pi), atol=1e-4, rtol=0
    )


def test_one_choice_is_solved_as_defined(device):
    gram, codes, kept, held = problem(device=device)
    for one in kept:
        found = grading._directly(gram, one.nonzero().flatten(), codes, held).cpu()
        np.testing.assert_allclose(found, naive(gram, codes, one, held), atol=1e-4)


def test_choices_solved_together_are_as_close_as_is_stated(device):
    gram, codes, kept, held = problem(device=device)
    found = grading._together(gram, kept, codes, held).cpu().numpy()
    for i, one in enumerate(kept):
        wanted = naive(gram, codes, one, held)
        assert np.abs(found[:, i] - wanted).max() < 0.02
        assert (found[:, i].argmax(1) == wanted.argmax(1)).mean() > 0.98


def test_either_way_is_taken_by_its_cost(monkeypatch, device):
    gram, codes, kept, held = problem(device=device)
    by_factors = grading.predicted_right(gram, kept, codes, held)
    monkeypatch.setattr(grading, "flops_together", lambda *_: -1.0)
    monkeypatch.setattr(grading, "_AT_ONCE", 2 * 240 * 4)  # two choices at a time
    by_steps = grading.predicted_right(gram, kept, codes, held)
    assert by_factors.shape == by_steps.shape == (5, 60)
    assert (by_factors == by_steps).double().mean() > 0.98
    wanted = [naive(gram, codes, one, held).argmax(1) == codes[held].numpy() for one in kept]
    assert (by_factors.numpy() == np.array(wanted)).mean() > 0.99


@given(
    codes=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    rounds=st.sampled_from([2, 5]),
    seed=st.integers(0, 9),
)
def test_what_is_held_out_leaves_one_of_each_class(codes, rounds, seed):
    codes = torch.tensor(codes).unique(return_inverse=True)[1]
    parts = [*sample.folds(codes, torch.arange(len(codes)), rounds, seed=seed)]
    counts = codes.bincount()
    most = int(counts.max())
    assert len(parts) == (min(most, rounds) if most > 1 else 0)
    for rest, held in parts:
        assert sorted([*rest.tolist(), *held.tolist()]) == [*range(len(codes))]
        left = codes[rest].bincount(minlength=len(counts))
        assert (left >= 1).all()
        assert (left >= (counts * 4) // 5 - 1).all()
    everyone = torch.cat([codes[:0], *(held for _, held in parts)])
    assert len(everyone.unique()) == len(everyone)
    if rounds == sample.PARTS:
        assert len(everyone) == int(counts[counts > 1].sum())


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=2, max_size=60),
    rounds=st.sampled_from([2, 5]),
    seed=st.integers(0, 9),
)
def test_copies_are_held_out_together(rows, rounds, seed):
    codes, copies = torch.tensor(rows).unbind(1)
    codes = codes.unique(return_inverse=True)[1]
    parts = [*sample.folds(codes, copies, rounds, seed=seed)]
    for rest, held in parts:
        assert sorted([*rest.tolist(), *held.tolist()]) == [*range(len(codes))]
        assert len(held)
        assert not {*copies[held].tolist()} & {*copies[rest].tolist()}
        assert {*codes[rest].tolist()} == {*codes.tolist()}
    everyone = torch.cat([codes[:0], *(held for _, held in parts)])
    assert len(everyone.unique()) == len(everyone)
    again = [*sample.folds(codes, copies, rounds, seed=seed)]
    as_lists = [[[*map(torch.Tensor.tolist, part)] for part in one] for one in (parts, again)]
    assert as_lists[0] == as_lists[1]


def test_folds_of_copies_are_as_balanced_as_the_groups_allow():
    codes = torch.arange(240) % 3
    of_four = (torch.arange(240) // 12) * 3 + codes  # 20 groups of four in each class
    for rest, held in sample.folds(codes, of_four, 5, seed=0):
        assert codes[held].bincount().tolist() == [16, 16, 16]
        assert len(rest) == 192
    # Half of a class are copies: the others share the parts that these leave.
    one_large = torch.arange(240)
    one_large[(codes == 0) & (one_large < 120)] = 0
    sizes = [
        codes[held].bincount().tolist() for _, held in sample.folds(codes, one_large, 5, seed=0)
    ]
    assert sizes == [*[[10, 16, 16]] * 4, [40, 16, 16]]
    # Labels differ inside the groups.
    pairs = torch.arange(240) // 2
    for _, held in sample.folds(codes, pairs, 5, seed=0):
        assert codes[held].bincount().tolist() == [16, 16, 16]


def test_what_all_of_a_class_are_copies_of_stays():
    codes = torch.tensor([0, 0, 0, 1, 1, 1, 1])
    copies = torch.tensor([5, 5, 5, 6, 6, 7, 8])
    held = [held.tolist() for _, held in sample.folds(codes, copies, 5, seed=0)]
    assert sorted(held) == [[3, 4], [5], [6]]
    assert [*sample.folds(codes, torch.zeros(7).long(), 5, seed=0)] == []


@given(k=st.integers(1, 2000), rounds=st.integers(1, 5))
def test_more_classes_or_rounds_are_graded_on_fewer_rows(k, rounds):
    m = sample.affordable(k, rounds)
    assert 3000 < m <= 30_000
    assert sample.affordable(k + 100, rounds) <= m
    assert sample.affordable(k, rounds + 1) <= m


def test_few_examples_are_all_graded_on_and_of_many_each_class_in_proportion():
    some, rounds = sample.sample(torch.arange(1000) % 7, seed=0)
    assert (len(some), rounds) == (1000, 5)
    codes = torch.cat([torch.zeros(300_000), torch.ones(100_000), torch.tensor([2])]).long()
    some, rounds = sample.sample(codes, seed=0)
    assert rounds == 2
    counts = codes[some].bincount()
    assert len(some) == sample.affordable(3, 2)
    assert counts[2] == 1
    assert counts[0] / counts[1] == pytest.approx(3, rel=1e-3)


@given(keep=st.floats(0.02, 0.98), seed=st.integers(0, 99))
def test_each_candidate_keeps_the_share_of_each_class(keep, seed):
    generator = np.random.default_rng(seed)
    codes = torch.from_numpy(generator.integers(0, 3, 50)).unique(return_inverse=True)[1]
    values = torch.from_numpy(generator.normal(size=50))
    wanted = codes[random(codes, keep)].bincount()
    found = candidates(keep)
    assert len({*found}) == len(found)
    for candidate in found:
        kept = candidate.kept(values, codes, keep, balanced=True, seed=seed)
        assert torch.equal(codes[kept].bincount(), wanted), candidate


def test_a_candidate_is_the_policy_told_what_it_has_to_be():
    values, codes = torch.arange(100.0), torch.zeros(100).long()
    told = {"balanced": True, "seed": 3}
    for candidate in candidates(0.4):
        kept = candidate.kept(values, codes, 0.4, **told)
        if candidate.start is not None:
            assert kept.min() == 100 * candidate.start
        if candidate.cut is not None:
            wanted = stratified(values, codes, 0.4, cut=candidate.cut, seed=3)
            assert torch.equal(kept, wanted)
            assert kept.max() < 100 * (1 - candidate.cut)
