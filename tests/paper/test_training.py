"""The training loop: what its hooks see, and that it comes to the same again."""

import image_training
import pytest
import torch
from image_data import augmented
from image_training import Hook
from paper.data import Data
from paper.scale import SCALES
from paper.training import Checkpoints, Dynamics, begin, recipe

from torch_cgprune import SelectionSampler


class Seen(Hook):
    """Everything that a hook is told."""

    def __init__(self):
        self.batches, self.epochs, self.modes = [], [], []

    def batch(self, indices, logits):
        self.batches.append((indices, logits))

    def epoch(self, epoch, training):
        self.epochs.append((epoch, training.step))
        training.network.eval()  # which the loop has to take back
        self.modes.append(training.network.training)


def sampler(n=40, seed=1):
    return SelectionSampler(torch.arange(n), seed=seed)


def states(run):
    return run.network.state_dict().items()


def same(run, other):
    return all(torch.equal(a, b) for (_, a), (_, b) in zip(states(run), states(other), strict=True))


def test_hooks_see_every_batch_and_every_epoch(train):
    seen, run = Seen(), train(steps=13)
    run.run(sampler(), hooks=[seen])
    assert seen.epochs == [(0, 5), (1, 10), (2, 13)]
    assert len(seen.batches) == 13
    order = sampler()
    for epoch in range(2):
        order.set_epoch(epoch)
        batches = seen.batches[5 * epoch : 5 * epoch + 5]
        assert torch.cat([indices for indices, _ in batches]).tolist() == [*order]
    assert all(z.shape == (8, 2) and z.dtype == torch.float32 for _, z in seen.batches)


def test_hooks_that_evaluate_change_nothing(train):
    with_hooks, without = train(steps=13), train(steps=13)
    with_hooks.run(sampler(), hooks=[Seen()])
    without.run(sampler())
    assert same(with_hooks, without)


def test_the_same_seed_comes_to_the_same(train):
    runs = [train(seed) for seed in (0, 0, 1)]
    for run in runs:
        run.run(sampler())
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_the_loop_names_the_epochs(train):
    class Named(SelectionSampler):
        named = ()

        def set_epoch(self, epoch):
            self.named = (*self.named, epoch)
            super().set_epoch(epoch)

    order = Named(torch.arange(40))
    train(steps=13).run(order)
    assert order.named == (0, 1, 2)


def test_what_fills_no_batch_may_be_kept(train):
    for drop, sizes in ((True, [16, 16]), (False, [16, 16, 8])):
        seen, run = Seen(), train(steps=len(sizes), batch_size=16, drop_last=drop)
        run.run(sampler(), hooks=[seen])
        assert [len(indices) for indices, _ in seen.batches] == sizes
        assert seen.epochs == [(0, len(sizes))]
        assert run.recipe.epoch_steps(40) == len(sizes)


def test_weights_stand_in_the_loss(train):
    plain, ones, zeros = (train(decay=0.0) for _ in range(3))
    start = {name: value.clone() for name, value in zeros.network.named_parameters()}
    plain.run(sampler())
    ones.run(sampler(), weights=lambda: torch.ones(40))
    zeros.run(sampler(), weights=lambda: torch.zeros(40))
    for a, b in zip(plain.network.parameters(), ones.network.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    for name, value in zeros.network.named_parameters():
        assert torch.equal(value, start[name]), name
        if value.requires_grad:
            assert not torch.equal(value, plain.network.get_parameter(name)), name


def test_weights_are_those_of_the_indices(train, images):
    """Whatever the labels of those without weight are."""
    given = (images.labels, torch.ones_like(images.labels), 1 - images.labels)
    runs = [train(labels=labels) for labels in given]
    for run in runs:
        run.run(sampler(), weights=lambda: 2.0 * (images.labels == 1))
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_a_part_of_the_steps_goes_on(train):
    whole, parts = train(steps=10), train(steps=10)
    whole.run(sampler())
    parts.run(sampler(), steps=5)
    assert (parts.step, parts.epoch) == (5, 1)
    parts.run(sampler())
    assert same(whole, parts)


@pytest.mark.parametrize("stop", [5, 7])  # between two epochs, and in one
def test_an_interrupted_training_measures_the_same(train, images, monkeypatch, tmp_path, stop):
    def hooks():
        return [Dynamics(images.labels), Checkpoints([0, 1, 2])]

    whole = hooks()
    reference = train(steps=13)
    reference.run(sampler(), hooks=whole)
    monkeypatch.setattr(image_training, "_SAVE_EVERY", -1)
    path = tmp_path / "checkpoint"
    run = train(steps=13)
    advance = run._advance

    def fails(*batch):
        if run.step == stop:
            raise KeyboardInterrupt
        advance(*batch)

    monkeypatch.setattr(run, "_advance", fails)
    with pytest.raises(KeyboardInterrupt):
        run.run(sampler(), path, hooks())
    again, parts = train(steps=13), hooks()
    again.run(sampler(), path, parts)
    assert same(reference, again)
    assert torch.equal(parts[0].scores.forgetting, whole[0].scores.forgetting)
    assert torch.equal(parts[0].scores.aum, whole[0].scores.aum)
    pairs = [[*kept.networks(again.network)] for kept in (parts[1], whole[1])]
    assert [rate for _, rate in pairs[0]] == [rate for _, rate in pairs[1]]
    for (a, _), (b, _) in zip(*pairs, strict=True):
        for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
            assert torch.equal(x, y)


def test_checkpoints_are_what_the_network_was(train, images):
    kept, run = Checkpoints([0, 2]), train(steps=15, cosine=True)
    outputs = []

    class Logits(Hook):
        def epoch(self, _epoch, training):
            outputs.append(training.logits(images))

    run.run(sampler(), hooks=[Logits(), kept])
    found = [*kept.networks(run.network)]
    assert [rate for _, rate in found] == pytest.approx(
        [0.05 * (1 + torch.tensor(torch.pi * step / 15).cos().item()) / 2 for step in (4, 14)],
        rel=1e-5,
    )
    pixels = run.network.standardised(images.pixels)
    for (network, _), logits in zip(found, (outputs[0], outputs[2]), strict=True):
        with torch.inference_mode():
            out = network.eval().network(pixels)
        torch.testing.assert_close(out, logits, atol=0.02, rtol=0.02)  # those are of bfloat16


def test_crops_are_of_the_image_in_a_black_frame(images):
    found = augmented(images.pixels[:6], 4, "constant", torch.Generator().manual_seed(0))
    framed = torch.nn.functional.pad(images.pixels[:6].float(), [4] * 4).byte()
    for i, crop in enumerate(found):
        whole = (framed[i], framed[i].flip(2))
        assert any(
            torch.equal(crop, frame[:, down : down + 16, right : right + 16])
            for frame in whole
            for down in range(9)
            for right in range(9)
        )
    assert len({crop.sum().item() for crop in found}) == 6


def test_the_recipe_is_the_papers():
    found = recipe("resnet18", 50_000, "paper")
    assert found.steps == 200 * 391
    assert (found.batch_size, found.rate, found.momentum, found.decay) == (128, 0.1, 0.9, 5e-4)
    assert found.cosine
    assert not found.nesterov
    assert (found.shift, found.padding, found.smoothing) == (4, "constant", 0)
    assert recipe("fast", 50_000, "small").steps == 800
    assert recipe("fast", 50_000, "small", steps=200).steps == 200
    assert recipe("resnet18", 50_000, "small", steps=200) == found
    assert recipe("vit", 50_000, "paper").rate < found.rate
    for name in ("fast", "densenet"):
        assert recipe(name, 50_000, "smoke").steps == 12


@pytest.mark.parametrize("name", ["fast", "resnet18"])
def test_a_network_is_trained_by_its_name(name):
    data = Data(SCALES["smoke"])
    run = begin(data, "digits", data.examples("digits").labels.flip(0), 0, name)
    run.run(SelectionSampler(torch.arange(200)), steps=2)
    assert run.step == 2
    assert run.images.labels.tolist() == data.examples("digits").labels.tolist()[::-1]
    assert type(run.network.network).__name__ == {"fast": "Network", "resnet18": "ResNet"}[name]
    assert 0 <= run.accuracy(run.images) <= 100
