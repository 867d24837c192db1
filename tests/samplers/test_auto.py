"""The policy "auto": what it comes to, from what it knows, and where it is a random choice."""

import logging

import pytest
import torch
from torch.utils.data import TensorDataset

from torch_cgprune import (
    Advice,
    CGScoredDataset,
    DistributedPrunedSampler,
    LinearSchedule,
    PrunedSampler,
    advise,
    cg_scores,
    policies,
)
from torch_cgprune.advice import Candidate, Grade
from torch_cgprune.advice.compare import graded
from torch_cgprune.policies.chances import balancing_weights, stratified_chances
from torch_cgprune.samplers import auto


def data(n=300, wrong=0.3, seed=0):
    """Return rows of three classes, and labels of which a share is wrong."""
    generator = torch.Generator().manual_seed(seed)
    true = torch.arange(n) % 3
    rows = 3 * torch.eye(3).repeat(1, 4)[true] + torch.randn(n, 12, generator=generator)
    flipped = torch.rand(n, generator=generator) < wrong
    return rows, (true + flipped.long() * torch.randint(1, 3, (n,), generator=generator)) % 3


@pytest.fixture
def train():
    rows, labels = data()
    return CGScoredDataset(TensorDataset(rows, labels), progress=False)


def advice_for(keep, candidate, *, gain=0.1):
    random = Grade(keep, Candidate("random"), 0.5, 0.0, 0.0, 0.1, 0.01)
    best = Grade(keep, candidate, 0.5 + gain, gain, 0.01, 0.1 - gain, 0.01)
    return Advice((random, best), 0.6, 300, 300, 5, pixels=False)


@pytest.mark.parametrize(
    ("candidate", "kept"),
    [
        (Candidate("low-first"), lambda v, y: policies.low_first(v, y, 0.4)),
        (Candidate("window", start=0.15), lambda v, y: policies.window(v, y, 0.15, 0.4)),
        (
            Candidate("stratified", cut=0.3),
            lambda v, y: policies.stratified(v, y, 0.4, cut=0.3, seed=5),
        ),
    ],
)
def test_it_keeps_what_the_advice_on_the_share_says(candidate, kept):
    train = CGScoredDataset(TensorDataset(*data(wrong=0.0)), progress=False)
    scores = train.scores
    scores.metadata["advice"] = advice_for(0.4, candidate).as_json()
    for source in (train, scores):  # of scores alone: the advice is there
        found = PrunedSampler(source, keep=0.4, policy="auto", seed=5).selection
        assert torch.equal(found, kept(scores.values, scores.labels))
    unclear = advice_for(0.4, candidate, gain=0.02)
    scores.metadata["advice"] = unclear.as_json()
    found = PrunedSampler(train, keep=0.4, policy="auto", seed=5).selection
    assert torch.equal(found, policies.random(scores.labels, 0.4, seed=5))


def test_it_says_in_words_that_it_chooses_at_random(train, caplog):
    train.scores.metadata["advice"] = advice_for(0.4, Candidate("herding"), gain=0.0).as_json()
    with caplog.at_level(logging.INFO, logger="torch_cgprune"):
        PrunedSampler(train, keep=0.4, policy="auto")
    assert "The policy 'auto' keeps 40 % at random: on" in caplog.text


def test_what_was_drawn_has_the_weights_of_its_draw():
    train = CGScoredDataset(TensorDataset(*data(wrong=0.0)), progress=False)
    scores = train.scores
    scores.metadata["advice"] = advice_for(0.4, Candidate("stratified", cut=0.3)).as_json()
    sampler = PrunedSampler(train, keep=0.4, policy="auto")
    chances = stratified_chances(scores.values, scores.labels, 0.4, cut=0.3)
    assert torch.equal(sampler.weights, balancing_weights(chances, sampler.selection))
    scores.metadata["advice"] = advice_for(0.4, Candidate("herding")).as_json()
    with pytest.raises(AttributeError, match="auto"):
        PrunedSampler(train, keep=0.4, policy="auto").weights  # noqa: B018


def test_without_advice_it_asks_for_it_keeps_it_and_says_why(train, caplog):
    with caplog.at_level(logging.INFO, logger="torch_cgprune"):
        found = PrunedSampler(train, keep=0.3, policy="auto").selection
    saved = Advice.from_json(train.scores.metadata["advice"])
    best = saved.best(0.3)
    assert best.candidate.policy not in ("random", "low-first")  # a third of the labels is wrong
    said = next(m for m in caplog.messages if "'auto'" in m)
    assert said.startswith(f"The policy 'auto' keeps 30 % by {best.candidate}")
    rows, scores = train.rows(), train.scores
    values = scores.values
    if best.candidate.policy == "herding":
        values = policies.by_name.POLICIES["herding"].of_rows(
            rows, scores.labels, balanced=True, seed=0
        )
    wanted = best.candidate.kept(values, scores.labels, 0.3, balanced=True, seed=0)
    assert torch.equal(found, wanted)
    assert saved == advise(train, keep=0.3, progress=False)


def test_with_some_left_out_the_others_are_graded(train, monkeypatch):
    out = torch.arange(0, 300, 3)  # class 0 but for wrong labels
    left = torch.isin(torch.arange(300), out, invert=True).nonzero().flatten()
    seen = []
    monkeypatch.setattr(auto, "graded", lambda *a, **k: seen.append((a, k)) or graded(*a, **k))
    PrunedSampler(train, keep=0.5, policy="auto", exclude=out, balanced=False)
    ((rows, codes, shares), how), *_ = seen
    assert torch.equal(rows, train.rows()[left])
    assert torch.equal(codes, train.scores.labels[left])
    ridge = train.scores.metadata["ridge"]["chosen"]
    assert (shares, how) == ([0.5], {"ridge": ridge, "balanced": False, "progress": False})


@pytest.mark.parametrize("options", [{"exclude": [*range(0, 300, 3)]}, {"balanced": False}])
def test_what_is_left_out_is_not_graded_on_and_such_advice_is_not_kept(train, options):
    sampler = PrunedSampler(train, keep=0.5, policy="auto", **options)
    left = 300 - len(options.get("exclude", ()))
    assert len(sampler) == left // 2
    assert not {*options.get("exclude", ())} & {*sampler.selection.tolist()}
    assert "advice" not in train.scores.metadata


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("options", [{}, {"balanced": False}])
def test_a_bar_is_shown_where_the_dataset_shows_them(options, shown, monkeypatch, capsys):
    train = CGScoredDataset(TensorDataset(*data()), progress=shown)
    monkeypatch.setattr("torch_cgprune.utils.progress._DELAY", 0)
    capsys.readouterr()
    PrunedSampler(train, keep=0.5, policy="auto", **options)
    assert ("Advice" in capsys.readouterr().err) == shown


def test_the_share_of_all_is_all_and_classes_of_one_are_kept(train):
    assert len(PrunedSampler(train, keep=1, policy="auto")) == 300
    lonely = CGScoredDataset(TensorDataset(torch.randn(8, 3), torch.arange(8)), progress=False)
    assert len(PrunedSampler(lonely, keep=0.5, policy="auto")) == 8


@pytest.mark.parametrize("n", [6, 20, 60])
def test_few_examples_are_kept_at_random_and_the_log_says_why(n, caplog):
    few = CGScoredDataset(TensorDataset(*data(n, wrong=0.0)), progress=False)
    with caplog.at_level(logging.INFO, logger="torch_cgprune"):
        found = PrunedSampler(few, keep=0.5, policy="auto", seed=2).selection
    assert torch.equal(found, policies.random(few.scores.labels, 0.5, seed=2))
    assert caplog.messages[-1].endswith("So few cannot tell what is lost.")


@pytest.mark.parametrize(
    ("rows", "labels", "why"),
    [
        (torch.randn(40, 3), torch.zeros(40, dtype=torch.int64), "of one. Keep"),
        (torch.eye(4)[torch.arange(40) % 2], torch.arange(40) % 2, "2 different rows"),
    ],
)
def test_where_nothing_can_be_predicted_it_is_random_and_the_log_says_why(
    rows, labels, why, caplog
):
    data = CGScoredDataset(TensorDataset(rows, labels), progress=False)
    with caplog.at_level(logging.INFO, logger="torch_cgprune"):
        found = PrunedSampler(data, keep=0.5, policy="auto", seed=2).selection
    assert torch.equal(found, policies.random(labels, 0.5, seed=2))
    assert "keeps 50 % at random" in caplog.messages[-1]
    assert why in caplog.messages[-1]


def test_photographs_as_pixels_get_a_random_choice_and_a_warning(train):
    train.scores.metadata["photographs_as_pixels"] = True
    with pytest.warns(UserWarning, match=r"chooses at random.*encoders\.load"):
        found = PrunedSampler(train, keep=0.3, policy="auto", seed=2).selection
    assert torch.equal(found, policies.random(train.scores.labels, 0.3, seed=2))


def test_each_source_or_share_that_cannot_be_graded_is_named(train):
    with pytest.raises(TypeError, match="'auto' of PrunedSampler looks at features"):
        PrunedSampler(train.scores, keep=0.3, policy="auto")
    with pytest.raises(TypeError, match="'auto' of PrunedSampler looks at features"):
        PrunedSampler(([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1]), keep=0.3, policy="auto")
    with pytest.raises(TypeError, match="'keep'"):
        PrunedSampler(train, keep=LinearSchedule(0.5, 0.3, epochs=2), policy="auto")
    with pytest.raises(ValueError, match="'keep'"):
        PrunedSampler(train, policy="auto")


def test_ranks_share_what_it_comes_to(train):
    whole = PrunedSampler(train, keep=0.3, policy="auto", shuffle=False)
    parts = [
        DistributedPrunedSampler(
            train, keep=0.3, policy="auto", num_replicas=2, rank=rank, shuffle=False
        )
        for rank in range(2)
    ]
    assert sorted([*parts[0], *parts[1]]) == [*whole]


def test_advice_on_other_data_than_scored_is_asked_of_scores_in_the_same_space():
    rows, labels = data(wrong=0.0)
    scores = cg_scores(rows, labels, progress=False)
    advise((rows, scores), keep=0.5, progress=False)
    assert len(PrunedSampler(scores, keep=0.5, policy="auto")) == 150
