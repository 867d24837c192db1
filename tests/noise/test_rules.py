import logging
import sys
import warnings

import numpy as np
import pytest
import torch
from cleanlab.filter import find_label_issues
from noisy_data import blobs, noisy_digits
from sklearn.metrics import f1_score, roc_auc_score

from torch_cgprune import (
    DistributedPrunedSampler,
    PrunedSampler,
    cg_scores,
    estimate_noise_rate,
    noise_report,
)
from torch_cgprune.noise import RULES, evidence
from torch_cgprune.noise.rate import rates as noise_rates
from torch_cgprune.noise.rules import confident_labels


@pytest.fixture(scope="module")
def digits():
    x, given, wrong = noisy_digits(0.2)
    return cg_scores(x, given, ridge="auto", progress=False), wrong


@pytest.fixture(scope="module")
def scores():
    x, labels, _ = blobs()
    return cg_scores(x, labels, ridge=0.1, progress=False)


def test_each_rule_by_its_definition(scores):
    rows = torch.arange(len(scores))
    own = scores.loo[rows, scores.labels].double()
    others = scores.loo.double().scatter(1, scores.labels[:, None], -torch.inf)
    rates = noise_rates(scores).per_class[scores.labels]
    expected = {
        "partial-sign": scores.terms[:, 1],
        "centred-sign": -own,
        "margin": others.max(1).values - own,
        "adjusted": rates * others.max(1).values - own,
    }
    assert 0 < rates.min() < rates.max() < 1
    for rule, found in expected.items():
        torch.testing.assert_close(evidence(scores, rule), found, rtol=0, atol=1e-6)
    assert torch.equal(evidence(scores), scores.suspicion)
    assert torch.equal(evidence(scores), evidence(scores, "posterior"))


def test_the_confident_rule_against_a_plain_one(scores):
    probs, codes = scores.pred_probs(), scores.labels
    thresholds = [probs[codes == c, c].mean() for c in range(3)]
    wrong = []
    for row, code in zip(probs, codes.tolist(), strict=True):
        likely = [c for c in range(3) if row[c] >= thresholds[c]]
        wrong.append(bool(likely) and max(likely, key=lambda c: row[c]) != code)
    found = evidence(scores, "confident")
    assert (found > 0).tolist() == wrong
    assert 0 < sum(wrong) < 60
    # ranked by the probability of the given label among the flagged, and among the others
    own = probs[torch.arange(120), codes]
    for part in (found > 0, found <= 0):
        assert torch.equal(found[part].argsort(), (-own[part]).argsort())


def test_no_confident_class_is_no_evidence():
    probs = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]]).double()
    assert confident_labels(probs, torch.tensor([0, 0, 1])).tolist() == [0, -1, 1]


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_confident_rule_agrees_with_cleanlab(share):
    x, given, wrong = noisy_digits(share)
    scores = cg_scores(x, given, ridge="auto", progress=False)
    theirs = find_label_issues(given, scores.pred_probs().numpy(), filter_by="confident_learning")
    ours = (evidence(scores, "confident") > 0).numpy()
    assert (ours == theirs).mean() > 0.98  # cleanlab adjusts its counts to the class shares
    assert f1_score(wrong, ours) > f1_score(wrong, theirs) - 0.02


def test_the_cleanlab_rule_is_its_default_filter(digits):
    scores, _ = digits
    theirs = find_label_issues(scores.labels.numpy(), scores.pred_probs().numpy())
    assert np.array_equal((evidence(scores, "cleanlab") > 0).numpy(), theirs)


def test_without_cleanlab_its_rule_names_the_extra(monkeypatch, scores):
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    with pytest.raises(ImportError, match=r"pip install 'torch-cgprune\[noise\]'"):
        evidence(scores, "cleanlab")


def test_all_rules_find_wrong_labels_of_digits(digits):
    scores, wrong = digits
    for rule in RULES:
        found = evidence(scores, rule)
        assert found.shape == (1797,)
        assert found.dtype == torch.float64
        assert roc_auc_score(wrong, found) > 0.95, rule
        assert f1_score(wrong, found > 0) > (0.7 if rule == "partial-sign" else 0.85), rule


def test_the_rule_for_much_noise():
    """The threshold that rises with the noise finds what the prior's sign leaves."""
    x, given, wrong = noisy_digits(0.5)
    scores = cg_scores(x, given, ridge="auto", progress=False)
    prior, adjusted = (
        f1_score(wrong, evidence(scores, r) > 0) for r in ("centred-sign", "adjusted")
    )
    assert adjusted > prior + 0.02


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4])
def test_the_noise_rate_is_within_its_error(share):
    x, given, _ = noisy_digits(share)
    found = estimate_noise_rate(cg_scores(x, given, ridge="auto", progress=False))
    assert abs(found.rate - share) <= 2 * found.error + 0.01
    assert found.error < 0.15
    torch.testing.assert_close(found.transition.sum(1), torch.ones(10).double())
    assert (found.per_class >= 0).all()
    assert (found.per_class <= 1).all()


def test_the_noise_rate_of_each_class_where_only_one_is_noisy():
    x, given, _ = noisy_digits(0.0)
    flipped = (given == 3) & (np.arange(len(given)) % 5 < 2)  # 40 % of the threes become eights
    given[flipped] = 8
    found = estimate_noise_rate(cg_scores(x, given, ridge="auto", progress=False))
    among_eights = flipped.sum() / (given == 8).sum()
    assert found.per_class[8] == pytest.approx(among_eights, abs=0.12)
    assert found.per_class[[0, 1, 2, 4, 6, 7]].max() < 0.12
    assert found.transition[3, 8] == pytest.approx(0.4, abs=0.15)
    assert "±" in str(found)


def test_the_filter_drops_what_the_rule_says(digits):
    scores, _ = digits
    for rule in RULES:
        kept = PrunedSampler(scores, policy="noise-filter", rule=rule).selection
        assert torch.equal(kept, (evidence(scores, rule) <= 0).nonzero().flatten())
    twin = DistributedPrunedSampler(
        scores, policy="noise-filter", rule="margin", num_replicas=2, rank=0
    )
    alone = PrunedSampler(scores, policy="noise-filter", rule="margin")
    assert torch.equal(twin.selection, alone.selection)


def test_a_fraction_drops_the_worst_over_all_or_inside_classes(digits):
    scores, _ = digits
    found = evidence(scores, "margin")
    overall = PrunedSampler(scores, policy="noise-filter", rule="margin", fraction=0.1).selection
    assert len(overall) == 1797 - 180
    dropped = torch.ones(1797, dtype=torch.bool).index_fill(0, overall, value=False)
    assert found[dropped].min() >= found[overall].max()
    inside = PrunedSampler(
        scores, policy="noise-filter", rule="margin", fraction=0.1, balanced=True
    ).selection
    assert len(inside) == 1797 - 180
    shares = scores.labels[inside].bincount() / scores.labels.bincount()
    torch.testing.assert_close(shares, torch.full((10,), 0.9), rtol=0, atol=0.01)


def test_the_report_counts_what_is_dropped_and_the_sampler_logs_it(caplog, scores):
    report = noise_report(scores, "centred-sign")
    dropped = evidence(scores, "centred-sign") > 0
    assert torch.equal(report.dropped, scores.labels[dropped].bincount(minlength=3))
    assert torch.equal(report.counts, scores.labels.bincount())
    text = str(report)
    assert f"drops {int(dropped.sum())} of 120 examples" in text
    for name, d in zip(("ant", "bee", "cat"), report.dropped.tolist(), strict=True):
        assert any(name in line and f" {d} of" in line for line in text.splitlines()[1:])
    assert str(report.rate) in text
    with caplog.at_level(logging.INFO):
        PrunedSampler(scores, policy="noise-filter", rule="centred-sign")
    assert text in caplog.text


def test_dropping_more_than_half_of_a_class_warns():
    x, labels, _ = blobs()
    scores = cg_scores(
        x,
        ["bee" if y == "ant" and i % 3 else y for i, y in enumerate(labels)],
        ridge=0.1,
        progress=False,
    )
    report = noise_report(scores, "margin", fraction=0.4)
    assert report.mostly_dropped
    names = ", ".join(map(repr, report.mostly_dropped))
    with pytest.warns(UserWarning, match=f"more than half of {names}") as caught:
        PrunedSampler(scores, policy="noise-filter", rule="margin", fraction=0.4)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PrunedSampler(scores, policy="noise-filter", rule="margin", fraction=0.1)


def test_a_class_that_would_be_emptied_keeps_its_last():
    x = torch.tensor([[1.0, 0.1], [1.0, 0.2], [1.0, 0.3], [0.9, 0.15]])
    scores = cg_scores(x, ["cat", "cat", "dog", "cat"], ridge=0.1, progress=False)
    report = noise_report(scores, "margin")
    assert evidence(scores, "margin")[2] > 0
    assert 2 in report.selection
    assert report.spared.tolist() == [0, 1]
    assert "kept as the last of their class: one of 'dog'" in str(report)
    assert 2 in noise_report(scores, "margin", balanced=True).selection
    assert 2 in noise_report(scores, "margin", fraction=0.25).selection


@pytest.mark.filterwarnings("ignore:exclude='suspects' leaves out")  # most of the smallest class
@pytest.mark.parametrize("sampler", [PrunedSampler, DistributedPrunedSampler])
def test_suspects_are_excluded_by_a_word(scores, sampler):
    ranks = {} if sampler is PrunedSampler else {"num_replicas": 1, "rank": 0}
    suspects = scores.suspects.nonzero().flatten()
    assert len(suspects) > 10
    by_word = sampler(scores, keep=0.6, exclude="suspects", **ranks)
    by_index = sampler(scores, keep=0.6, exclude=suspects, **ranks)
    assert torch.equal(by_word.selection, by_index.selection)
    with pytest.raises(TypeError, match="does not say which labels look wrong"):
        sampler((scores.values, scores.labels), keep=0.6, exclude="suspects", **ranks)
    with pytest.raises(FileNotFoundError):
        sampler(scores, keep=0.6, exclude="./suspects", **ranks)


@pytest.mark.filterwarnings("ignore:The noise filter drops more than half")
def test_stochastic_scores_have_the_papers_rule_alone():
    x, labels, _ = blobs()
    scores = cg_scores(x, labels, method="stochastic", progress=False)
    kept = PrunedSampler(scores, policy="noise-filter").selection
    assert torch.equal(kept, (scores.partial <= 0).nonzero().flatten())
    assert noise_report(scores).rate is None
    for rule in {*RULES} - {"partial-sign"}:
        with pytest.raises(ValueError, match="each of its blocks knows one class"):
            evidence(scores, rule)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"rule": "vote"}, r"'rule' .* 'partial-sign', 'centred-sign', .*'cleanlab'. Got 'vote'"),
        ({"fraction": 0}, r"'fraction' .* in \(0, 1\). Got 0 instead"),
        ({"fraction": 1.0}, r"'fraction' .* Got 1.0"),
        ({"keep": 0.5}, r"'keep' .* must be None for the policy 'noise-filter'. Got 0.5"),
        ({"policy": "low-first", "keep": 0.5, "rule": "margin"}, r"Got 'margin' and None for 'low"),
        ({"policy": "random", "keep": 0.5, "fraction": 0.1}, "are for the policy 'noise-filter'"),
    ],
)
def test_bad_options(scores, options, match):
    with pytest.raises(ValueError, match=match):
        PrunedSampler(scores, **{"policy": "noise-filter", **options})


def test_one_class_has_no_wrong_labels(rng):
    scores = cg_scores(torch.rand(5, 3, generator=rng), ["only"] * 5, progress=False)
    with pytest.raises(ValueError, match="compares classes, and all labels are 'only'"):
        evidence(scores)
    with pytest.raises(ValueError, match=r"'ridge' .* all labels are the same. Got 'auto'"):
        cg_scores(torch.rand(5, 3, generator=rng), ["only"] * 5, ridge="auto", progress=False)
