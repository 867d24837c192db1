import math

import oracles
import pytest
import torch
from noisy_data import blobs

from torch_cgprune import CGScoredDataset, cg_scores
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.plans import Block, Plan
from torch_cgprune.scoring.ridge import GRID
from torch_cgprune.scoring.score import score_within


def test_the_likelihood_of_every_ridge_is_that_of_n_refits():
    """Rasmussen and Williams, eq. 5.10, with mean and variance of every example from a refit."""
    x, labels, _ = blobs(n=30)
    scores = cg_scores(x, labels, ridge="auto", dtype=torch.float64, progress=False)
    one_hot = torch.nn.functional.one_hot(scores.labels).double()
    targets = one_hot - one_hot.mean(0)
    expected = []
    for ridge in GRID:
        h = oracles.gram(x) + ridge * torch.eye(30, dtype=torch.float64)
        means, variances = torch.empty(30, 3).double(), torch.empty(30, 1).double()
        for i in range(30):
            rest = torch.arange(30) != i
            weights = h[i, rest] @ torch.linalg.inv(h[rest][:, rest])
            means[i] = weights @ targets[rest]
            variances[i] = h[i, i] - weights @ h[rest, i]
        scale = ((targets - means) ** 2 / variances).mean()  # the likeliest
        normal = torch.distributions.Normal(means, (scale * variances).sqrt())
        expected.append(float(normal.log_prob(targets).mean()))
    found = scores.metadata["ridge"]
    assert found["log_likelihoods"] == pytest.approx(expected, rel=1e-6)
    assert found["chosen"] == GRID[expected.index(max(expected))]
    assert found["grid"] == [*GRID]


@pytest.mark.parametrize("method", ["exact", "local", "stochastic"])
def test_auto_scores_as_the_ridge_it_chooses(method):
    x, labels, _ = blobs()
    auto = cg_scores(x, labels, method=method, ridge="auto", progress=False)
    chosen = auto.metadata["ridge"]["chosen"]
    given = cg_scores(x, labels, method=method, ridge=chosen, progress=False)
    assert torch.equal(auto.values, given.values)
    assert auto.metadata["options"]["ridge"] == "auto"
    assert given.metadata["options"]["ridge"] == chosen
    assert "ridge" not in given.metadata


@pytest.mark.parametrize(
    ("method", "classes", "ridge"),
    [("exact", 3, "auto"), ("local", 3, "auto"), ("stochastic", 3, 0.0), ("exact", 1, 0.0)],
)
def test_without_a_ridge_the_labels_choose_it(method, classes, ridge):
    x, labels, _ = blobs()
    labels = labels if classes == 3 else ["a"] * len(labels)
    found = cg_scores(x, labels, method=method, progress=False)
    given = cg_scores(x, labels, method=method, ridge=ridge, progress=False)
    assert torch.equal(found.values, given.values)
    assert found.metadata["options"]["ridge"] == ridge


def test_more_noise_wants_more_ridge():
    chosen = []
    for noise in (0.0, 0.3, 0.6):
        x, labels, _ = blobs(n=600, noise=noise)
        scores = cg_scores(x, labels, ridge="auto", progress=False)
        chosen.append(scores.metadata["ridge"]["chosen"])
    assert chosen == sorted(chosen)
    assert chosen[0] < chosen[-1]


def test_several_blocks_are_asked_and_the_choice_is_reproducible():
    x, labels, _ = blobs(n=600)
    found = [
        score_within(Limits(asked_rows=50), x, labels, seed=seed, progress=False).metadata["ridge"]
        for seed in (0, 0, 1)
    ]
    assert found[0] == found[1] == found[2]  # exact scores know no seed
    assert all(math.isfinite(value) for value in found[0]["log_likelihoods"])


def test_the_classes_that_a_block_lacks_count(monkeypatch):
    """Blocks of one class each: the predictions of the other class are of zeros."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(40, 4, generator=rng)
    labels = [0] * 20 + [1] * 20
    blocks = [
        Block(rows, torch.zeros(20, dtype=torch.int64), torch.tensor([c]), torch.arange(20))
        for c, rows in enumerate(torch.arange(40).split(20))
    ]
    drawn = Plan(iter([blocks]), [[20, 20]])
    monkeypatch.setattr("torch_cgprune.scoring.asked.plans.local", lambda *_, **__: drawn)
    found = cg_scores(x, labels, ridge="auto", dtype=torch.float64, progress=False).metadata
    h = oracles.gram(x)
    expected = []
    for ridge in GRID:
        inverses = [
            torch.linalg.inv(h[b][:, b] + ridge * torch.eye(20, dtype=torch.float64))
            for b in (slice(0, 20), slice(20, 40))
        ]
        squares = logs = 0.0
        for block, inverse in enumerate(inverses):
            d = inverse.diagonal()
            for c in range(2):
                target = torch.full((20,), (0.5 if c == block else -0.5)).double()
                squares += float(((inverse @ target) ** 2 / d).sum())
            logs += float(d.log().sum())
        expected.append(0.5 * (logs / 40 - math.log(squares / 80) - 1 - math.log(2 * math.pi)))
    assert found["ridge"]["log_likelihoods"] == pytest.approx(expected, rel=1e-6)


def test_conflicts_have_a_ridge_of_their_own(rng):
    x = torch.randn(20, 6, generator=rng)
    x[1] = x[0]
    scores = cg_scores(x, [0, 1] * 10, ridge="auto", progress=False)
    assert scores.conflicts[:2].all()
    assert torch.isfinite(scores.values).all()


def test_a_cache_made_with_auto_is_loaded_with_auto_only(tmp_path):
    x, labels, _ = blobs()
    data = torch.utils.data.TensorDataset(x, torch.tensor([len(y) for y in labels]))
    codes = [ord(y[0]) for y in labels]
    options = {"labels": codes, "cache": tmp_path / "s.safetensors", "progress": False}
    first = CGScoredDataset(data, ridge="auto", **options).scores
    again = CGScoredDataset(data, ridge="auto", **options).scores
    assert torch.equal(first.values, again.values)
    assert first.metadata["ridge"] == again.metadata["ridge"]
    with pytest.raises(ValueError, match=r"ridge is 'auto' there and 0.0 here"):
        CGScoredDataset(data, ridge=0, **options)


@pytest.mark.parametrize(
    ("ridge", "error", "match"),
    [
        ("automatic", TypeError, r"'ridge' .* Got 'automatic' of type str"),
        (-1, ValueError, r"'ridge' .* \[0, inf\). Got -1"),
        ([0.1], TypeError, "'ridge'"),
    ],
)
def test_bad_ridges(ridge, error, match):
    x, labels, _ = blobs()
    with pytest.raises(error, match=match):
        cg_scores(x, labels, ridge=ridge, progress=False)
