import math

import oracles
import pytest
import torch
from noisy_data import blobs
from sklearn.metrics import log_loss

from torch_cgprune import CGScores, cg_scores
from torch_cgprune.scores.calibration import measure
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.score import score_within


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
    own = refits.gather(1, scores.labels[:, None])
    others = refits.scatter(1, scores.labels[:, None], -math.inf).max(1, keepdim=True).values
    assert oracles.close(scores.margin, (own - others)[:, 0], torch.float64)


def test_pred_probs_are_rows_of_probabilities(scores):
    probs = scores.pred_probs()
    assert probs.shape == (120, 3)
    assert probs.dtype == torch.float64
    assert (probs >= 0).all()
    torch.testing.assert_close(probs.sum(1), torch.ones(120).double(), rtol=0, atol=1e-12)


def test_calibration_is_of_the_given_labels(scores):
    posterior = scores.posterior("the test")
    given = scores.pred_probs() @ posterior.transition
    found = scores.calibration
    assert found.log_loss == pytest.approx(log_loss(scores.labels, given))
    assert found.temperature == posterior.temperature


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


def test_too_many_predictions_to_keep_is_another_message(tmp_path):
    x, labels, _ = blobs()
    scores = score_within(Limits(predictions=10), x, labels, method="local", progress=False)
    assert scores.suggested_labels.shape == (120,)  # of rival and margin
    with pytest.raises(ValueError, match=r"up to 2\^27 numbers; here they would be 120 x 3"):
        scores.pred_probs()
    scores.save(tmp_path / "s.safetensors")
    loaded = CGScores.load(tmp_path / "s.safetensors")
    assert torch.equal(loaded.suggested_labels, scores.suggested_labels)
