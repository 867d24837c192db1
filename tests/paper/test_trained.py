"""The baselines' scores of a data set: of one training, kept, and those of their definitions."""

import math
from dataclasses import replace
from statistics import fmean

import pytest
import torch
from image_training import Training
from paper import trained, training
from paper.baselines.grand import last_layer_norms
from paper.data import Data
from paper.scale import SCALES
from paper.trained import METHODS, OF_TRAINING, baseline
from paper.training import recipe
from torch.nn import functional

N, EPOCHS = SCALES["smoke"].examples, 2
MEASURED = tuple(method for method in METHODS if method != "c-score")


@pytest.fixture
def data(tmp_path):
    return Data(SCALES["smoke"], cache=tmp_path)


@pytest.fixture
def begun(monkeypatch):
    """The trainings that are begun, as a list."""
    runs, run = [], Training.run

    def counted(self, *args, **options):
        runs.append(self)
        run(self, *args, **options)

    monkeypatch.setattr(Training, "run", counted)
    return runs


@pytest.mark.parametrize("method", MEASURED)
def test_every_method_scores_every_example(data, method):
    scores = baseline(data, "digits", method)
    assert scores.shape == (N,)
    assert scores.dtype == torch.float32
    assert scores.isfinite().all()
    assert scores.unique().numel() > (2 if method == "forgetting" else N // 2)


def test_methods_share_a_training_of_the_same_labels_and_seed(data, begun):
    found = {method: baseline(data, "digits", method) for method in OF_TRAINING}
    assert len(begun) == 1
    again = Data(SCALES["smoke"], cache=data.cache)  # as another process
    for method in OF_TRAINING:
        assert torch.equal(baseline(again, "digits", method), found[method])
    assert len(begun) == 1
    labels = data.examples("digits").labels.clone()
    baseline(data, "digits", "aum", labels)
    assert len(begun) == 1  # the same labels, given
    labels[0] = (labels[0] + 1) % 10
    assert not torch.equal(baseline(data, "digits", "aum", labels), found["aum"])
    assert not torch.equal(baseline(data, "digits", "aum", seed=1), found["aum"])
    assert len(begun) == 3


def test_without_a_cache_the_same_comes_out(data):
    for method in ("el2n", "grand-last"):
        expected = baseline(data, "digits", method)
        assert torch.equal(baseline(Data(SCALES["smoke"]), "digits", method), expected)


def test_grand_is_of_other_networks_for_every_seed(data):
    labels = data.examples("digits").labels
    for seed, networks in ((0, (0, 1)), (1, (2, 3))):
        runs = [training.begin(data, "digits", labels, number) for number in networks]
        norms = [last_layer_norms(r.network, r.images.pixels, labels) for r in runs]
        found = baseline(data, "digits", "grand-last", seed=seed)
        torch.testing.assert_close(found, (norms[0] + norms[1]) / 2)


def test_wrong_labels_score_high(data, monkeypatch):
    """Of trainings that are long enough to learn something; what TracIn values, they score low.

    One training may come to little: processors round in ways of their own.
    """
    longer = {"steps": 120, "rate": 0.1, "decay": 0.0, "shift": 0, "widths": (16, 16, 16)}
    monkeypatch.setattr(training, "recipe", lambda *about: replace(recipe(*about), **longer))
    labels = data.examples("digits").labels.clone()
    labels[:20] = (labels[:20] + 5) % 10
    for method, sign in (("aum", 1), ("tracin", -1)):
        beaten = []
        for seed in range(3):
            scores = sign * baseline(data, "digits", method, labels, seed)
            beaten.append(float((scores[:20, None] > scores[None, 20:]).double().mean()))
        assert fmean(beaten) > 0.65, (method, beaten)


def test_scores_are_those_of_the_history(data):
    """EL2N and AUM from the logits of every step, by their definitions."""
    history = []
    labels = data.examples("digits").labels
    found = trained.watched(data, "digits", labels, 0)
    run = found.run
    advance = run._advance

    def watched(batch, weight, hooks):
        advance(batch, weight, [*hooks, Watch()])

    class Watch:
        def batch(self, indices, logits):
            history.extend(zip(indices.tolist(), logits.cpu(), strict=True))

    run._advance = watched
    found.train()
    for i in (0, 7, N - 1):
        own = [z for index, z in history if index == i]
        error = own[0].softmax(0) - functional.one_hot(labels[i], 10)
        margins = [z[labels[i]] - z[torch.arange(10) != labels[i]].max() for z in own]
        found = {m: float(baseline(data, "digits", m)[i]) for m in ("el2n", "aum")}
        assert found["el2n"] == pytest.approx(float(error.norm()), rel=1e-4)
        assert found["aum"] == pytest.approx(-float(sum(margins)) / len(own), rel=1e-4, abs=1e-6)


def test_epochs_of_the_papers_training(data):
    found = trained.watched(data, "digits", data.examples("digits").labels, 0)
    run = found.run
    assert found.early_steps == run.recipe.epoch_steps(N) == 7
    assert trained.early_epochs(run) == math.ceil(EPOCHS / 10)
    assert trained.checkpoint_epochs(run) == [0, 1]
    steps = 200 * run.recipe.epoch_steps(N)
    run.recipe = type(run.recipe)(**(vars(run.recipe) | {"steps": steps}))
    assert trained.early_epochs(run) == 20
    assert found.early_steps == 20 * 7
    assert trained.checkpoint_epochs(run) == [20, 60, 100, 140, 180]


def test_validation_is_of_other_images(data):
    rest = data.rest("digits", 50)
    assert len(rest) == 50
    assert not torch.isin(rest.indices, data.examples("digits").indices).any()
    whole = data._whole("digits")
    assert torch.equal(rest.pixels, whole[0][rest.indices])
    assert torch.equal(rest.labels, whole[1][rest.indices])
    test = data.test("digits")
    everything = Data(replace(data.scale, examples=None)).rest("digits", 50)
    assert len(everything) == 50
    assert torch.equal(everything.pixels, test.pixels[everything.indices])


def test_small_images_are_repeated():
    small = torch.arange(64).reshape(1, 1, 8, 8).byte()
    large = training.enlarged(small)
    assert large.shape == (1, 1, 16, 16)
    assert torch.equal(large[:, :, ::2, 1::2], small)
    assert training.enlarged(torch.zeros(1, 3, 28, 32)).shape == (1, 3, 28, 32)


def test_what_cannot_be_had_is_refused(data):
    with pytest.raises(ValueError, match=r"'method' of a baseline is one of .* Got 'x' instead"):
        baseline(data, "digits", "x")
    with pytest.raises(ValueError, match="leave 'labels' at None"):
        baseline(data, "digits", "c-score", torch.zeros(N, dtype=torch.int64))
    with pytest.raises(ValueError, match=f"must be {N}, one an example. Got 3 instead"):
        baseline(data, "digits", "aum", torch.zeros(3, dtype=torch.int64))
