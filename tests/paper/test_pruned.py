"""What is trained on once a data set is pruned, and for how long."""

from pathlib import Path

import numpy as np
import pytest
import torch
from image_training import Hook, Training
from paper import figure2, figure6, figure10, figure16, pruned
from paper.baselines.craig import CraigSampler, epochs_between
from paper.data import Data, MissingError
from paper.figure2 import HIGH, LOW, OTHERS, SCORES, cells
from paper.pruned import checkpoint, order, trained_on
from paper.scale import SCALES
from paper.scored import exact_scores
from paper.training import begin

from torch_cgprune import SelectionSampler, cg_scores


@pytest.fixture(scope="module")
def data():
    return Data(SCALES["smoke"])


@pytest.fixture
def kept(data, monkeypatch):
    """Return a function from a method, an order and a share to what would be trained on."""
    seen = {}
    monkeypatch.setattr(figure2, "trained_on", lambda *given, **_: seen.update(kept=given[2]))

    def find(how, order="", pruned=0.7, seed=0):
        figure2.left(data, "digits", how, order, pruned, seed)
        return seen["kept"]

    return find


def test_test_images_are_the_others(data):
    from sklearn.datasets import load_digits  # noqa: PLC0415

    test = data.test("digits")
    assert test.labels.tolist() == load_digits().target[::4].tolist()
    np.testing.assert_array_equal(
        test.pixels[:, 0], (255 * load_digits().images[::4] / 16).round().astype(np.uint8)
    )
    with pytest.raises(MissingError, match="cifar10=FOLDER"):
        data.test("cifar10")


def naive(values, labels, pruned, order):
    """Return what is left when every class is pruned by sorting."""
    left = []
    for code in set(labels.tolist()):
        inside = sorted((labels == code).nonzero().flatten().tolist(), key=lambda i: values[i])
        gone = round(pruned * len(inside))
        left += inside[gone:] if order == LOW else inside[: len(inside) - gone]
    return sorted(left)


def close(found, expected, classes=10):
    """Return whether two halves agree, but that odd classes may be rounded either way."""
    return len({*found.tolist()} ^ {*expected}) <= classes


@pytest.mark.parametrize("order", [LOW, HIGH])
def test_each_class_is_pruned_from_its_end(data, kept, monkeypatch, order):
    labels = data.examples("digits").labels
    values = torch.rand(len(labels), generator=torch.Generator().manual_seed(0))
    monkeypatch.setitem(SCORES, "CG-score", lambda *_: values)
    found = kept("CG-score", order, pruned=0.5)
    assert close(found, naive(values, labels, 0.5, order))
    assert len(found) == len(labels) // 2


def test_the_paper_scores_pixels_without_a_ridge(data):
    expected = exact_scores(data, "digits").values
    assert torch.equal(SCORES["CG-score"](data, "digits"), expected)


@pytest.mark.parametrize("how", OTHERS)
def test_others_keep_the_share(kept, how):
    found = kept(how)
    first = found(0) if callable(found) else found
    assert len(first) == 60
    if how == "soft":
        assert not torch.equal(first, found(1))


def test_nothing_is_pruned_of_all(kept, data):
    assert torch.equal(kept("all"), torch.arange(len(data.examples("digits"))))


def test_random_differs_by_seed_alone(kept):
    assert torch.equal(kept("random"), kept("random"))
    assert not torch.equal(kept("random"), kept("random", seed=1))


def test_a_part_is_trained_as_long_as_all(data):
    some = torch.tensor([3, 5, 8])
    run = begin(data, "digits", data.examples("digits").labels, seed=0)
    fixed, drawn = order(run, some, 0), order(run, lambda _: some, 0)
    assert len(fixed) == len(data.examples("digits"))
    assert {*fixed} == {3, 5, 8}
    assert len(drawn) == 3
    found = trained_on(data, "digits", some)
    assert (found["steps"], found["n"]) == (12, 200)
    assert 0 <= found["accuracy"] <= 100


def test_another_part_waits_in_another_file(tmp_path):
    data = Data(SCALES["smoke"], cache=tmp_path)
    labels, some = torch.arange(4), torch.tensor([0, 1])
    made = [
        checkpoint(data, "digits", "", some, labels, 0),
        checkpoint(data, "digits", "", some, labels, 1),
        checkpoint(data, "digits", "", some + 1, labels, 0),
        checkpoint(data, "digits", "", some, labels.flip(0), 0),
        checkpoint(data, "digits", "", lambda epoch: some + epoch, labels, 0),
        checkpoint(data, "digits", "hooks", some, labels, 0),
    ]
    assert len({*made}) == len(made)
    assert checkpoint(data, "digits", "", some, labels, 0) == made[0]
    assert checkpoint(Data(SCALES["smoke"]), "digits", "", some, labels, 0) is None


def test_cells_are_each_measured_once():
    keys = [str(cell.key) for cell in cells(Data(SCALES["small"]), Path())]
    assert len(keys) == len({*keys})
    fashion = [key for key in keys if "fashion-mnist" in key]
    assert not any("C-score" in key for key in fashion)
    assert sum("'cifar10'" in key for key in keys) == 1 + 5 * 12 + 2 * 5 + 2 * 6


def test_craig_chooses_anew_and_weighs(data, monkeypatch):
    made = []

    class Noted(CraigSampler):
        def __init__(self, *given, **how):
            super().__init__(*given, **how)
            made.append(self)
            self.choices = [self.selection]

        def _choose(self, number):
            super()._choose(number)
            if number:
                self.choices.append(self.selection)

    def noted(self, batch, weight, hooks=()):
        weighed.append(torch.equal(weight, made[0].weights[batch]) and bool((weight > 0).all()))
        advance(self, batch, weight, hooks)

    weighed, advance = [], Training._advance
    monkeypatch.setattr(pruned, "CraigSampler", Noted)
    monkeypatch.setattr(Training, "_advance", noted)
    found = figure2.left(data, "digits", "CRAIG", "", 0.7)
    assert (found["n"], found["steps"]) == (200, 12)
    (sampler,) = made
    # 12 steps of 32 images are two epochs of 200.
    assert len(sampler.choices) == 2
    assert not torch.equal(*sampler.choices)
    assert {len(choice) for choice in sampler.choices} == {60}
    assert len(sampler) == 200
    assert weighed == [True] * 12


def test_craig_chooses_in_every_twentieth():
    assert [epochs_between(epochs) for epochs in (200, 40, 10, 1)] == [10, 2, 1, 1]


def test_windows_are_of_the_scores_of_the_labels_as_given(data, monkeypatch):
    seen = {}
    monkeypatch.setattr(figure6, "trained_on", lambda *given: seen.update(given=given) or {})
    true = data.examples("digits").labels
    for noise in (0.0, 0.2):
        found = figure6.inside(data, "digits", noise, 0.5)
        kept, given = seen["given"][2:]
        assert int((given != true).sum()) == round(noise * 200)
        values = cg_scores(data.examples("digits").pixels, given, ridge=0, progress=False).values
        assert close(kept, naive(values, given, 0.5, LOW))
        assert found["wrong"] == pytest.approx(float((given != true)[kept].double().mean()))
    figure6.inside(data, "digits", 0.2, None)
    assert len(seen["given"][2]) == 100


def test_features_are_scored_after_their_epochs(train, images):
    hook, run = figure16.FeatureScores(), train(steps=25)
    inputs = []

    class Caught(Hook):
        def epoch(self, epoch, training):
            if epoch == 4:
                catch = training.network.network.head.register_forward_pre_hook(
                    lambda _, given: inputs.append(given[0].detach())
                )
                training.network.eval()
                training.network(images.pixels)
                catch.remove()

    run.run(SelectionSampler(torch.arange(40)), hooks=[hook, Caught()])
    assert [*hook.found] == ["1", "2", "5"]
    expected = cg_scores(inputs[0], images.labels, method="exact", progress=False).values
    torch.testing.assert_close(hook.found["5"], expected, rtol=1e-3, atol=1e-6)


def test_pruning_by_features_takes_the_last_scores_that_are_due(data, monkeypatch):
    labels, n = data.examples("digits").labels, 200
    scores = {epoch: torch.arange(n).roll(epoch).double() for epoch in (1, 10, 20)}
    monkeypatch.setattr(figure16, "feature_scores", lambda *_: scores)
    monkeypatch.setattr(figure16, "trained_on", lambda *given: {"kept": given[2]})
    found = figure16.pruned_by_features(data, "digits", HIGH, 0.5)
    assert found["after"] == 10
    assert close(found["kept"], naive(scores[10], labels, 0.5, HIGH))


def test_a_vit_without_weights_is_missing(data, monkeypatch):
    def fails(*_given, **_named):
        raise RuntimeError("The pretrained weights of the ViT are not on this machine.")

    monkeypatch.setattr(figure10, "left", fails)
    with pytest.raises(MissingError, match="weights of the ViT"):
        figure10.left_to(data, "digits", "vit", ("all", ""), 0.0)


def test_other_networks_are_not_for_two_cores():
    assert not [*figure10.cells(Data(SCALES["small"]), Path())]
    cells_of = [cell.key for cell in figure10.cells(Data(SCALES["paper"]), Path())]
    assert {cell["network"] for cell in cells_of} == {"densenet", "vit"}
    assert len(cells_of) == 2 * 2 * (1 + 5 * 3)
