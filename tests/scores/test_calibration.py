import math

import numpy as np
import oracles
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from noisy_data import blobs
from sklearn.metrics import log_loss

from torch_cgprune import CGScores, cg_scores
from torch_cgprune.scores.calibration import fit_temperature, measure, probabilities


@pytest.fixture(params=["exact", "local"])
def scores(request):
    x, labels, _ = blobs()
    return cg_scores(x, labels, method=request.param, ridge=0.1, progress=False)


def test_everything_left_out_is_that_of_n_refits():
    """The predictions, the margin and the suggestion of every example from a fit without it."""
    x, labels, _ = blobs(n=40)
    scores = cg_scores(x, labels, ridge=0.1, dtype=torch.float64, progress=False)
    h = oracles.gram(x) + 0.1 * torch.eye(40, dtype=torch.float64)
    one_hot = torch.nn.functional.one_hot(scores.labels).double()
    refits = torch.stack([oracles.loo(h, y) for y in (one_hot - one_hot.mean(0)).T], dim=1)
    assert oracles.close(scores.loo, refits, torch.float64)
    suggested = refits.argmax(1)
    assert torch.equal(scores.suggested_labels, suggested)
    assert not torch.equal(suggested, scores.labels)
    own = refits.gather(1, scores.labels[:, None])
    others = refits.scatter(1, scores.labels[:, None], -math.inf).max(1, keepdim=True).values
    assert oracles.close(scores.margin, (own - others)[:, 0], torch.float64)


def test_pred_probs_are_rows_of_probabilities_at_the_likeliest_temperature(scores):
    probs = scores.pred_probs()
    assert probs.shape == (120, 3)
    assert probs.dtype == torch.float64
    assert (probs >= 0).all()
    torch.testing.assert_close(probs.sum(1), torch.ones(120).double(), rtol=0, atol=1e-12)

    def loss(temperature):
        return log_loss(scores.labels, probabilities(scores.loo, scores.priors, temperature))

    t = scores.calibration.temperature
    assert loss(t) < min(loss(t * 0.99), loss(t * 1.01))
    grid = [loss(x) for x in np.geomspace(1e-3, 1e3, 200)]
    assert loss(t) <= min(grid)
    assert scores.calibration.log_loss == pytest.approx(loss(t))


def test_where_nothing_is_known_the_probabilities_are_the_class_shares():
    priors = torch.tensor([0.7, 0.2, 0.1]).double()
    torch.testing.assert_close(probabilities(torch.zeros(1, 3), priors, 0.2)[0], priors)


@given(
    loo=st.lists(st.tuples(*3 * [st.floats(-2, 2)]), min_size=3, max_size=30),
    shift=st.integers(0, 2),
)
def test_any_predictions_give_finite_rows_that_add_up(loo, shift):
    loo = torch.tensor(loo)
    codes = (torch.arange(len(loo)) + shift) % 3
    priors = codes.bincount(minlength=3).double() / len(codes)
    temperature = fit_temperature(loo, codes, priors)
    assert 1e-5 < temperature < 1e5
    probs = probabilities(loo, priors, temperature)
    assert torch.isfinite(probs).all()
    torch.testing.assert_close(probs.sum(1), torch.ones(len(loo)).double())


def test_calibration_measures_what_it_says():
    # 100 rows at 0.9 of which 60 are right, 100 at 0.6 of which 60 are right
    top = torch.tensor([0.6] * 100 + [0.9] * 100).double()
    right = torch.tensor(2 * ([True] * 60 + [False] * 40))
    shuffled = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    right = torch.cat([right[:100][shuffled], right[100:][shuffled]])
    probs = torch.stack([top, 1 - top], 1)
    found = measure(probs, (~right).long(), 1.0)
    assert found.accuracy == pytest.approx(0.6)
    assert 0.15 <= found.error < 0.25  # 0.15 but for the small bins
    expected = -(torch.where(right, top, 1 - top)).log().mean()
    assert found.log_loss == pytest.approx(float(expected))


def test_a_fit_on_a_part_of_many_predictions_is_nearly_that_of_all(monkeypatch, scores):
    whole = fit_temperature(scores.loo, scores.labels, scores.priors)
    monkeypatch.setattr("torch_cgprune.scores.calibration._FITTED_TO", 200)
    part = fit_temperature(scores.loo, scores.labels, scores.priors)
    assert part != whole
    assert part == pytest.approx(whole, rel=0.5)


def test_stochastic_scores_say_what_they_lack():
    x, labels, _ = blobs()
    scores = cg_scores(x, labels, method="stochastic", progress=False)
    for ask in (
        lambda: scores.suggested_labels,
        scores.pred_probs,
        lambda: scores.calibration,
    ):
        with pytest.raises(ValueError, match=r"'stochastic' does not have.*method='exact'"):
            ask()


def test_too_many_predictions_to_keep_is_another_message(monkeypatch, tmp_path):
    x, labels, _ = blobs()
    monkeypatch.setattr("torch_cgprune.scoring.sums.ALL_PREDICTIONS_UP_TO", 10)
    scores = cg_scores(x, labels, method="local", progress=False)
    assert scores.suggested_labels.shape == (120,)  # of rival and margin
    with pytest.raises(ValueError, match=r"up to 2\^27 numbers; here they would be 120 x 3"):
        scores.pred_probs()
    scores.save(tmp_path / "s.safetensors")
    loaded = CGScores.load(tmp_path / "s.safetensors")
    assert torch.equal(loaded.suggested_labels, scores.suggested_labels)
