"""EL2N, GraNd and TracIn against a loop over the examples, with autograd, as they are defined."""

import pytest
import torch
from image_data import Images
from paper.baselines.el2n import early_logits, el2n
from paper.baselines.grand import gradient_norms, grand, last_layer_norms
from paper.baselines.last_layer import last_layer, last_linear
from paper.baselines.tracin import mean_influence, self_influence
from paper.networks import network
from paper.training import Checkpoints
from torch import nn
from torch.nn import functional

from torch_cgprune import PrunedSampler, SelectionSampler


class Perceptron(nn.Module):
    """A network with a bias in its last layer, whose outputs are scaled."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.last = nn.Linear(3 * 16 * 16, 5), nn.Linear(5, 2)

    def forward(self, pixels):
        return 0.5 * self.last(self.first(pixels.flatten(1) / 255).tanh())


@pytest.fixture(params=["perceptron", "fast"])
def networks(request, train):
    """Two networks; that with batch norms has statistics of its own."""
    if request.param == "perceptron":
        return [Perceptron(0), Perceptron(1)]
    runs = [train(seed) for seed in range(2)]
    for run in runs:
        run.run(SelectionSampler(torch.arange(40)))
    return [run.network.eval() for run in runs]


def gradients(model, images, *, last=False):
    """Return (n, p) gradients, one example after the other."""
    part = last_linear(model) if last else model
    parameters = [p for p in part.parameters() if p.requires_grad]
    rows = []
    for x, y in zip(images.pixels, images.labels, strict=True):
        loss = functional.cross_entropy(model(x[None]), y[None])
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)]))
    return torch.stack(rows)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_grand_is_the_norm_of_an_examples_gradient(networks, images):
    for model in networks:
        norms = gradient_norms(model, images.pixels, images.labels, chunk_size=7)
        close(norms, gradients(model, images).norm(dim=1))
        of_last = last_layer_norms(model, images.pixels, images.labels)
        close(of_last, gradients(model, images, last=True).norm(dim=1))
        assert (of_last < norms).all()


def test_grand_is_the_mean_over_networks(networks, images):
    norms = [gradient_norms(m, images.pixels, images.labels) for m in networks]
    close(grand(iter(norms)), (norms[0] + norms[1]) / 2)


@pytest.mark.parametrize("name", ["resnet18", "densenet"])
def test_grand_of_the_papers_networks(name, images):
    some = Images(images.pixels[:2, :, :8, :8], images.labels[:2])
    torch.manual_seed(0)
    inner = network(name, some.pixels.float(), 2)
    model = nn.Sequential(Scaled(), inner).eval()
    norms = gradient_norms(model, some.pixels, some.labels)
    close(norms, gradients(model, some).norm(dim=1))


class Scaled(nn.Module):
    def forward(self, pixels):
        return pixels.float() / 255 - 0.3


def test_what_is_read_of_the_last_layer_makes_its_gradients(networks, images):
    model = networks[0]
    model.train().zero_grad()  # it is evaluated all the same
    h, delta = last_layer(model, images.pixels, images.labels, batch_size=9)
    outer = (delta[:, :, None] * h[:, None, :]).flatten(1)
    expected = gradients(model, images, last=True)
    close(outer, expected[:, : outer.shape[1]])
    assert all(p.grad is None for p in model.parameters())


def test_a_network_without_a_linear_layer_has_no_last_one():
    with pytest.raises(ValueError, match="no linear layer"):
        last_linear(nn.Conv2d(1, 1, 1))


def test_tracin_is_a_sum_of_inner_products(networks, images):
    train = Images(images.pixels[:30], images.labels[:30])
    validation = Images(images.pixels[30:], images.labels[30:])
    influence, own = torch.zeros(30), torch.zeros(30)
    checkpoints = [*zip(networks, (0.1, 0.02), strict=True)]
    for model, rate in checkpoints:
        g, others = (gradients(model, part, last=True) for part in (train, validation))
        for i in range(30):
            influence[i] += rate * sum(g[i] @ other for other in others) / 10
            own[i] += rate * g[i] @ g[i]
    close(mean_influence(checkpoints, train, validation), influence)
    close(self_influence(iter(checkpoints), train), own)


def test_wrong_labels_mislead_the_others(train, images):
    wrong = torch.tensor([4, 11])
    given = images.labels.clone()
    given[wrong] = 1 - given[wrong]
    noisy = Images(images.pixels, given)
    run, kept = train(steps=100, rate=0.5, widths=(8, 8, 8)), Checkpoints([4, 9, 19])
    run.images = noisy
    run.run(SelectionSampler(torch.arange(40)), hooks=[kept])
    helps = mean_influence(kept.networks(run.network), noisy, images)
    assert {*helps.argsort()[:2].tolist()} == {*wrong.tolist()}
    sampler = PrunedSampler((helps, noisy.labels), 0.5, "low-first")
    assert not {*wrong.tolist()} & {*sampler}


def test_el2n_by_hand():
    logits = [torch.tensor([[0.0, 0], [30, 0]]), torch.tensor([[0.0, 30], [0, 0]])]
    half = 0.5**0.5  # the error (1/2, -1/2)
    expected = torch.tensor([(half + 2**0.5) / 2, (0 + half) / 2])
    torch.testing.assert_close(el2n(logits, torch.tensor([0, 0])), expected)


def test_el2n_is_of_a_tenth_of_the_training(train, images):
    runs = []

    def make(seed):
        runs.append(train(seed, steps=45))
        return runs[-1]

    scores = el2n(early_logits(make, networks=2), images.labels)
    assert [(run.step, run.recipe.steps) for run in runs] == [(5, 45), (5, 45)]
    expected = [
        (run.logits(images).softmax(1) - functional.one_hot(images.labels)).norm(dim=1)
        for run in runs
    ]
    torch.testing.assert_close(scores, torch.stack(expected).mean(0))
    sampler = PrunedSampler((scores, images.labels), 0.5, "low-first")
    for c in range(2):
        own = (images.labels == c).nonzero().flatten()
        expected = own[scores[own].topk(10).indices].sort().values
        kept = sampler.selection[images.labels[sampler.selection] == c]
        assert kept.tolist() == expected.tolist()
