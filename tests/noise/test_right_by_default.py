"""Defaults on data unlike ten balanced classes: what is said of the labels must do no harm."""

import numpy as np
import pytest
import torch
from noisy_data import blobs, noisy_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict
from torch.utils.data import TensorDataset

from torch_cgprune import (
    CGScoredDataset,
    PrunedSampler,
    cg_scores,
    estimate_noise_rate,
    noise_report,
)
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.score import score_within


def two_classes(counts, apart, flipped=0.0, seed=1):
    """Rows of 32 normal numbers in two classes, so many sigmas apart, a share of labels flipped."""
    rng = np.random.default_rng(seed)
    n = sum(counts)
    true = np.repeat([0, 1], counts)
    x = rng.standard_normal((n, 32))
    x[:, 0] += apart * true
    given = true.copy()
    hit = rng.permutation(n)[: round(flipped * n)]
    given[hit] = 1 - given[hit]
    return x, given, given != true


def score(x, labels, **options):
    return cg_scores(x, labels, progress=False, **options)


@pytest.mark.filterwarnings("ignore:relabel=True changes")  # all five of a class, now and then
@pytest.mark.parametrize("ridge", [0.0, "auto"])
@pytest.mark.parametrize("seed", range(3))
def test_rare_examples_of_overlapping_classes_are_not_called_wrong(ridge, seed):
    x, labels, _ = two_classes((995, 5), apart=1, seed=seed)
    scores = score(x, labels, ridge=ridge)
    assert int(scores.suspects.sum()) <= 5
    train = CGScoredDataset(
        TensorDataset(torch.tensor(x), torch.tensor(labels)),
        ridge=ridge,
        relabel=True,
        progress=False,
    )
    counts = np.bincount(train.targets if hasattr(train, "targets") else [y for _, y in train])
    assert counts[0] <= 1000 - 1 or len(counts) == 1
    assert abs(counts[0] - 995) <= 5


@pytest.mark.parametrize("ridge", [0.0, "auto"])
def test_flipped_labels_of_unequal_classes_are_found(ridge):
    found, rivals = [], []
    for seed in range(3):
        x, labels, wrong = two_classes((950, 50), apart=4, flipped=0.02, seed=seed)
        found.append(f1_score(wrong, score(x, labels, ridge=ridge).suspects))
        probs = cross_val_predict(LogisticRegression(), x, labels, cv=3, method="predict_proba")
        rivals.append(f1_score(wrong, probs.argmax(1) != labels))
    assert np.mean(found) > 0.8
    assert np.mean(found) > np.mean(rivals) - 0.05


@pytest.mark.parametrize("m", [2, 5, 19])
def test_small_classes_have_no_estimate_and_no_suspect(m, caplog):
    rng = np.random.default_rng(0)
    x = np.repeat(np.eye(20), m, 0) + 0.1 * rng.standard_normal((20 * m, 20))
    scores = score(x, np.repeat(np.arange(20), m))
    with caplog.at_level("INFO", logger="torch_cgprune"):
        assert estimate_noise_rate(scores) is None
    assert f"the smallest class has {m} examples" in caplog.text
    assert noise_report(scores).rate is None
    assert not scores.suspects.any()


def test_labels_at_random_are_not_judged():
    rng = torch.Generator().manual_seed(0)
    for k in (2, 3, 10):
        scores = score(torch.randn(400, 16, generator=rng), torch.arange(400) % k)
        assert estimate_noise_rate(scores) is None
        assert scores.suspects.double().mean() < 0.35


def contradictory(seed):
    """Clean labels by a rule of four discrete columns that neighbours get wrong more than chance.

    As the table hayes-roth: another class is likelier for most, always the same way.
    """
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 5, (160, 4))
    more = (x == 1).sum(1) - (x == 2).sum(1)
    tied = rng.integers(0, 2, 160)
    y = np.where((x == 4).any(1), 2, np.where(more > 0, 0, np.where(more < 0, 1, tied)))
    return (x - x.mean(0)) / x.std(0), y


@pytest.mark.parametrize("seed", [2, 3])
def test_predictions_no_better_than_chance_call_few_labels_wrong(seed):
    scores = score(*contradictory(seed))
    assert scores.posterior("a test").noise.sum() > 0.3  # what the fit would have it
    assert not scores.suspects.any()
    assert scores.wrong_probability.max() <= 0.01
    assert len(scores.wrong_probability.unique()) > 50  # and in order
    assert estimate_noise_rate(scores) is None


def test_predictions_that_say_nothing_doubt_nothing():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (200, 7)) * 2.0 - 1
    scores = score(x, x[:, :3].prod(1) > 0)  # parity, of which neighbours know nothing
    assert not scores.suspects.any()


def test_eighty_percent_of_wrong_labels_are_found():
    x, given, wrong = noisy_digits(0.8)
    scores = score(x, given)
    assert f1_score(wrong, scores.suspects) > 0.9


def test_torchs_default_device_does_not_matter():
    x, given, _ = noisy_digits(0.15)
    expected, scores = (score(x[:400], given[:400]) for _ in range(2))
    known = noise_report(expected)
    torch.set_default_device("meta")
    try:
        found = noise_report(scores)
        assert scores.calibration == expected.calibration
    finally:
        torch.set_default_device(None)
    assert torch.equal(found.selection, known.selection)
    assert str(found) == str(known)


def test_what_is_said_of_labels_agrees():
    x, labels, _ = blobs(n=600, noise=0.2)
    scores = score(x, labels, ridge="auto")
    likeliest = scores.pred_probs().argmax(1)
    suspects = scores.suspects
    assert 60 < suspects.sum() < 240
    assert torch.equal(suspects, scores.suggested_labels != scores.labels)
    assert torch.equal(scores.suggested_labels[suspects], likeliest[suspects])
    wrong = scores.wrong_probability
    assert ((wrong >= 0) & (wrong <= 1)).all()
    assert wrong[suspects].min() >= 0.2
    order = scores.suspicion[suspects].argsort()
    assert (wrong[suspects][order].diff() > -1e-12).all()  # but for rounding


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.5])
def test_the_probabilities_are_calibrated(share):
    x, labels, wrong = noisy_digits(share)
    found = score(x, labels, ridge="auto").wrong_probability.numpy()
    bins = np.array_split(np.argsort(found, kind="stable"), 15)
    gaps = [len(b) * abs(found[b].mean() - wrong[b].mean()) for b in bins]
    assert sum(gaps) / len(found) < 0.05


def test_permuting_the_classes_permutes_the_decisions():
    x, labels, _ = blobs(n=300)
    codes = torch.tensor([("ant", "bee", "cat").index(name) for name in labels])
    order = torch.tensor([2, 0, 1])
    one, other = (score(x, y, ridge=0.1, dtype=torch.float64) for y in (codes, order[codes]))
    torch.testing.assert_close(one.wrong_probability, other.wrong_probability, rtol=1e-2, atol=2e-3)
    both = torch.stack([one.suspects, other.suspects])
    assert (both[0] != both[1]).sum() <= 2


def test_a_far_class_of_clean_examples_changes_little():
    x, labels, _ = blobs(n=300)
    rng = torch.Generator().manual_seed(1)
    far = torch.zeros(100, 8)
    far[:, 0] = -30
    far += 0.1 * torch.randn(100, 8, generator=rng)
    alone = score(x, labels, ridge=0.1).suspects
    with_it = score(torch.cat([x, far]), labels + ["dog"] * 100, ridge=0.1).suspects
    assert not with_it[300:].any()
    assert (alone != with_it[:300]).sum() <= 15


def test_a_larger_majority_is_flagged_no_more():
    few, _, _ = two_classes((100, 50), apart=3)
    many, _, _ = two_classes((1000, 50), apart=3)
    shares = []
    for x, n in ((few, 100), (many, 1000)):
        labels = np.repeat([0, 1], (n, 50))
        shares.append(float(score(x, labels).suspects[:n].double().mean()))
    assert shares[1] <= shares[0] + 0.01


@pytest.mark.parametrize("runs", [1, 3])
def test_outputs_too_many_to_keep_are_judged_alike(runs, tmp_path):
    x, labels, wrong = noisy_digits(0.2)
    options = {"method": "local", "block_size": 600, "runs": runs, "ridge": 0.1}
    kept = score(x, labels, **options)
    dropped = score_within(Limits(predictions=10), x, labels, progress=False, **options)
    assert dropped.loo is None
    assert (dropped.suspects != kept.suspects).double().mean() < 0.03
    assert f1_score(wrong, dropped.suspects) > f1_score(wrong, kept.suspects) - 0.05
    dropped.save(tmp_path / "s.safetensors")
    loaded = type(dropped).load(tmp_path / "s.safetensors")
    assert torch.equal(loaded.suspicion, dropped.suspicion)
    assert torch.equal(loaded.suggested_labels, dropped.suggested_labels)


def test_a_long_tail_keeps_one_of_each_class():
    rng = np.random.default_rng(0)
    counts = [200, 60, 20, 5, 1]
    x = rng.standard_normal((sum(counts), 16))
    labels = np.repeat(np.arange(5), counts)
    for rule in ("margin", "centred-sign", None):
        with pytest.MonkeyPatch.context():
            report = noise_report(score(x, labels), rule)
        assert {*labels[report.selection.numpy()].tolist()} == {0, 1, 2, 3, 4}


def test_to_clean_then_prune_in_one_line():
    x, labels, wrong = noisy_digits(0.15)
    scores = score(x, labels, ridge="auto")
    with pytest.warns(UserWarning, match=r"low-first keeps 2.*% suspects, of all examples 15"):
        pruned = PrunedSampler(scores, keep=0.6, policy="low-first").selection.numpy()
    cleaned = PrunedSampler(
        scores, keep=0.6, exclude="suspects", policy="low-first"
    ).selection.numpy()
    assert wrong[pruned].mean() > 0.2
    assert wrong[cleaned].mean() < 0.03
