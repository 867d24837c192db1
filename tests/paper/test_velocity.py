"""Kernel velocity against explicit Jacobians, and groups of examples in a training."""

import math

import image_training
import numpy as np
import pytest
import torch
from paper import velocity
from paper.figure4 import Groups, by_score, losses_and_hits, middle
from paper.training import Checkpoints
from paper.velocity import cosine_distance, tangent_gram
from torch import nn

from torch_cgprune import SelectionSampler

PIXELS = torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(0)).double()


@pytest.fixture
def network():
    """29 parameters in float64, of which 3 are not trained, and a norm that sees the batch."""
    torch.manual_seed(1)
    made = nn.Sequential(
        nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 2)
    ).double()
    made[2].running_mean += 0.3
    made[1].bias.requires_grad_(False)
    return made


def explicit(network, pixels):
    """Return the Gram matrix, a derivative at a time."""
    network.eval()
    trained = [p for p in network.parameters() if p.requires_grad]
    rows = []
    for x in pixels:
        for logit in network(x[None])[0]:
            parts = torch.autograd.grad(logit, trained, retain_graph=True)
            rows.append(np.concatenate([part.numpy().ravel() for part in parts]))
    jacobian = np.array(rows)
    return jacobian @ jacobian.T


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, None])
def test_gram_is_that_of_the_jacobians(network, chunk):
    network.train()
    found = tangent_gram(network, PIXELS, chunk)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, explicit(network, PIXELS), rtol=1e-12, atol=1e-13)


def test_what_does_not_fit_is_taken_apart(network, monkeypatch):
    sizes = []
    whole = velocity.logit_jacobian

    def seen(network, pixels):
        sizes.append(len(pixels))
        return whole(network, pixels)

    monkeypatch.setattr(velocity, "logit_jacobian", seen)
    monkeypatch.setattr(velocity, "_ON_CPU", 2 * (2 * 26 * 8) + 7)  # of two examples' two logits
    np.testing.assert_allclose(tangent_gram(network, PIXELS), explicit(network, PIXELS), rtol=1e-12)
    assert max(sizes) == 2
    monkeypatch.setattr(velocity, "_ON_CPU", 1)
    assert tangent_gram(network, PIXELS[:3]).shape == (6, 6)


def test_distance_is_of_the_angle():
    one, other = np.random.default_rng(0).random((2, 4, 4))
    cosine = one.ravel() @ other.ravel() / np.linalg.norm(one) / np.linalg.norm(other)
    found = cosine_distance(torch.tensor(one), torch.tensor(other))
    assert found == pytest.approx(1 - cosine, rel=1e-12)
    assert cosine_distance(torch.tensor(one), torch.tensor(3 * one)) == pytest.approx(0, abs=1e-12)
    corners = torch.zeros(2, 2, 2)
    corners[0, 0, 0] = corners[1, 1, 1] = 1
    assert cosine_distance(*corners) == 1


def test_groups_are_tenths_by_score():
    values = torch.tensor([float(i * 7 % 40) for i in range(40)])
    groups = by_score(values)
    assert [sorted(values[group].tolist()) for group in groups] == [
        [4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3] for i in range(10)
    ]
    assert values[middle(groups[3])].tolist() == [13, 14]
    assert middle(torch.arange(1001)).tolist() == [*range(438, 563)]


def test_loss_and_accuracy_of_groups():
    logits = torch.tensor([[0.0, 0.0], [math.log(3), 0.0], [0.0, math.log(7)]])
    groups = [torch.tensor([0, 1]), torch.tensor([2])]
    losses, hits = losses_and_hits(logits, torch.tensor([0, 1, 1]), groups)
    assert losses == pytest.approx([(math.log(2) + math.log(4)) / 2, math.log(8 / 7)])
    assert hits == [50, 100]


def followed():
    return Groups([torch.arange(20), torch.arange(20, 40)])


def test_velocity_is_of_the_networks_after_the_epochs(train, images):
    hook, kept, run = followed(), Checkpoints([0, 1, 2, 4]), train(steps=25)
    run.run(SelectionSampler(torch.arange(40)), hooks=[hook, kept])
    assert len(hook.found["loss"]) == len(hook.found["accuracy"]) == 5
    assert hook.found["until"] == [2, 3, 5]
    networks = [network for network, _ in kept.networks(run.network)]
    for group in (0, 1):
        some = middle(hook.groups[group])
        grams = [tangent_gram(network, images.pixels[some]) for network in networks]
        expected = [cosine_distance(*grams[i : i + 2]) / (1, 1, 2)[i] for i in range(3)]
        found = [each[group] for each in hook.found["velocity"]]
        assert found == pytest.approx(expected, rel=1e-6)
        assert min(found) > 1e-6


def test_an_interrupted_training_finds_the_same(train, monkeypatch, tmp_path):
    whole, part = followed(), followed()
    train(steps=15).run(SelectionSampler(torch.arange(40)), hooks=[whole])
    monkeypatch.setattr(image_training, "_SAVE_EVERY", -1)
    run, path = train(steps=15), tmp_path / "checkpoint"
    advance = run._advance

    def fails(*batch):
        if run.step == 7:
            raise KeyboardInterrupt
        advance(*batch)

    monkeypatch.setattr(run, "_advance", fails)
    with pytest.raises(KeyboardInterrupt):
        run.run(SelectionSampler(torch.arange(40)), path, [part])
    again = followed()
    train(steps=15).run(SelectionSampler(torch.arange(40)), path, [again])
    assert again.found == whole.found
