"""CRAIG against brute force, and as a sampler in the loop."""

import itertools
import math

import image_training
import pytest
import torch
from paper.baselines.craig import (
    CraigSampler,
    cluster_sizes,
    craig,
    facility_value,
    greedy,
    present_gradients,
)


def distances(seed, n=12):
    points = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    return (points[:, None] - points[None]).norm(dim=2)


def value(d, chosen):
    """The facility value, from its definition in loops."""
    most = max(float(x) for row in d for x in row)
    return sum(most - min(float(d[i, j]) for j in chosen) for i in range(len(d)))


def naive_greedy(d, count):
    chosen = []
    while len(chosen) < count:
        rest = [j for j in range(len(d)) if j not in chosen]
        chosen.append(max(rest, key=lambda j: value(d, [*chosen, j])))
    return chosen


@pytest.mark.parametrize("seed", range(3))
def test_lazy_choice_is_the_greedy_one_and_near_the_best(seed):
    d = distances(seed)
    for count in (1, 4, 12):
        found = greedy(d, count).tolist()
        assert found == naive_greedy(d, count)
        assert facility_value(d, torch.tensor(found)) == pytest.approx(value(d, found))
    best = max(value(d, s) for s in itertools.combinations(range(12), 4))
    assert best >= value(d, greedy(d, 4).tolist()) >= (1 - 1 / math.e) * best


def test_the_first_of_equal_ones_is_taken():
    assert greedy(torch.zeros(4, 4), 4).tolist() == [0, 1, 2, 3]
    copies = distances(0, 6).repeat(2, 2)
    assert greedy(copies, 6).sort().values.tolist() == [0, 1, 2, 3, 4, 5]


def test_each_stands_for_those_that_are_nearest():
    d = distances(1)
    chosen = greedy(d, 4)
    nearest = [min(range(4), key=lambda m: float(d[i, chosen[m]])) for i in range(12)]
    assert cluster_sizes(d, chosen).tolist() == [nearest.count(m) for m in range(4)]


def gradients(n=24, k=3):
    rng = torch.Generator().manual_seed(3)
    return torch.randn(n, k, generator=rng), torch.arange(n) % k


def test_a_share_of_each_class_stands_for_it():
    g, labels = gradients()
    selection, weights = craig(g, labels, 0.5)
    assert labels[selection].bincount().tolist() == [4, 4, 4]
    for c in range(3):
        members = (labels == c).nonzero().flatten()
        d = (g[members][:, None] - g[members][None]).norm(dim=2)
        expected = members[naive_greedy(d, 4)].sort().values
        assert selection[labels[selection] == c].tolist() == expected.tolist()
        assert weights[members].sum() * 24 / 12 == 8  # the members of the class
    left_out = torch.ones(24).index_fill(0, selection, 0).bool()
    assert (weights[left_out] == 0).all()


def test_all_are_kept_with_weight_one():
    g, labels = gradients()
    selection, weights = craig(g, labels, 1.0)
    assert selection.tolist() == [*range(24)]
    assert (weights == 1).all()


def test_the_weighted_mean_stands_for_that_of_all():
    """Better than the plain mean of as many at random, in the gradients that it is chosen by."""
    g, labels = gradients(240)
    selection, weights = craig(g, labels, 0.25)
    ours = (weights[selection, None] * g[selection]).mean(0)
    rng = torch.Generator().manual_seed(0)
    others = [g[torch.randperm(240, generator=rng)[:60]].mean(0) for _ in range(20)]
    errors = torch.stack([(other - g.mean(0)).norm() for other in others])
    assert (ours - g.mean(0)).norm() < errors.median()


def test_it_chooses_anew_every_ten_epochs():
    asked, labels = [], gradients()[1]

    def now():
        asked.append(len(asked))
        return torch.randn(24, 3, generator=torch.Generator().manual_seed(len(asked)))

    sampler = CraigSampler(now, labels, 0.5, num_samples=24)
    orders, selections = [], []
    for epoch in range(21):
        sampler.set_epoch(epoch)
        orders.append([*sampler])
        selections.append(sampler.selection.tolist())
        assert {*orders[-1]} == {*selections[-1]}
        assert len(orders[-1]) == len(sampler) == 24
        assert torch.equal(sampler.weights > 0, sampler.weights.bool())
    assert asked == [0, 1, 2]
    assert selections[0] == selections[9] != selections[10] == selections[19] != selections[20]
    assert orders[0] != orders[1]


def test_gradients_are_the_errors_of_the_probabilities(train, images):
    run = train()
    logits = run.logits(images)
    expected = logits.softmax(1)
    for i, y in enumerate(images.labels):
        expected[i, y] -= 1
    torch.testing.assert_close(present_gradients(run), expected)


def test_an_interrupted_training_keeps_its_choice(train, images, monkeypatch, tmp_path):
    def parts():
        run = train(steps=13, batch_size=4)
        return run, CraigSampler(lambda: present_gradients(run), images.labels, 0.5, every=2)

    def go(run, sampler, path=None):
        run.run(sampler, path, weights=lambda: sampler.weights)

    whole, sampler = parts()
    go(whole, sampler)
    monkeypatch.setattr(image_training, "_SAVE_EVERY", -1)
    first, sampler = parts()
    advance = first._advance

    def fails(*batch):
        if first.step == 12:  # after the second choice
            raise KeyboardInterrupt
        advance(*batch)

    monkeypatch.setattr(first, "_advance", fails)
    with pytest.raises(KeyboardInterrupt):
        go(first, sampler, tmp_path / "checkpoint")
    second, sampler = parts()
    go(second, sampler, tmp_path / "checkpoint")
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name
