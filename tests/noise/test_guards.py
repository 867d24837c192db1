"""When a rule takes out too much, and when a selection gathers what is suspected."""

import pytest
import torch
from noisy_data import noisy_digits

from torch_cgprune import NoiseRate, cg_scores, noise_report
from torch_cgprune.noise import RULES
from torch_cgprune.noise.guards import gathered, too_much
from torch_cgprune.policies.by_name import BY_VALUES, kept_by


def lost(pairs, rate=None, error=0.01, per_class=None):
    """Return what is said where so many of so many are lost of each class."""
    names = [f"c{i}" for i in range(len(pairs))]
    counts, gone = (
        torch.tensor(column) for column in zip(*((n, d) for d, n in pairs), strict=True)
    )
    if rate is not None:
        own = torch.tensor(per_class or [rate] * len(pairs), dtype=torch.float64)
        rate = NoiseRate(rate, error, own, torch.eye(len(pairs)).double())
    return too_much(names, counts, gone, rate)


def test_without_an_estimate_more_than_half_of_a_class_is_too_much():
    assert lost([(50, 100), (0, 50)]) is None
    assert lost([(51, 100), (0, 50)]) == "more than half of 'c0'"
    assert lost([(51, 100), (45, 50)]) == "more than half of 'c1' and 'c0'"
    assert lost([(3, 4)] * 5) == "more than half of 'c0', 'c1', 'c2' and 2 more classes"
    assert lost([(3, 4)] * 4) == "more than half of 'c0', 'c1', 'c2' and 1 more class"


def test_more_than_twice_the_estimate_is_too_much_of_all():
    assert lost([(190, 1000)] * 2, rate=0.10) is None
    assert lost([(200, 1000)] * 2, rate=0.10) is None
    assert lost([(250, 1000)] * 2, rate=0.10, per_class=[0.2, 0.2]) == (
        "25.0% of all examples (estimated wrong: 10.0% ± 1.0%)"
    )


@pytest.mark.parametrize(
    ("gone", "of", "rate", "error", "says"),
    [
        (49, 1000, 0.0, 0.01, False),  # no great loss
        (80, 1000, 0.0, 0.01, True),
        (80, 1000, 0.02, 0.01, True),
        (80, 1000, 0.02, 0.04, False),  # two errors above the estimate
        (60, 1000, 0.0, 0.01, False),  # two deviations of 50 in 1000
        (4, 30, 0.05, 0.01, False),  # 1.5 were estimated
        (9, 30, 0.05, 0.01, True),
    ],
)
def test_chance_is_not_too_much(gone, of, rate, error, says):
    said = lost([(gone, of)], rate=rate, error=error, per_class=[0.5])
    assert (said is not None) == says


@pytest.mark.parametrize(
    ("gone", "of", "own", "says"),
    [
        (2, 5, 0.0, False),
        (35, 100, 0.05, True),
        (19, 100, 0.01, False),  # less than a fifth
        (28, 100, 0.0, False),  # two deviations of 20 in 100
        (29, 100, 0.0, True),
        (35, 100, 0.2, False),  # less than twice the estimate
        (35, 100, 0.15, False),  # two deviations of 30 in 100
        (51, 100, 0.4, True),  # more than half, which rule and estimate may both be wrong about
    ],
)
def test_a_class_is_named_where_it_loses_too_much(gone, of, own, says):
    said = lost([(gone, of), (0, 2000)], rate=0.1, per_class=[own, 0.1])
    share = f"{gone / of:.1%} of 'c0' (estimated wrong: {own:.1%})"
    assert said == (share if says else None)


def test_few_classes_are_named_with_the_worst_first():
    said = lost([(30, 100), (50, 100), (40, 100), (45, 100)], rate=0.01)
    assert said == (
        "41.2% of all examples (estimated wrong: 1.0% ± 1.0%), 50.0% of 'c1' (estimated wrong: "
        "1.0%), 45.0% of 'c3' (estimated wrong: 1.0%) and 2 more classes"
    )


def of(suspects, n, kept_suspects, m):
    return gathered(torch.arange(n) < suspects, torch.arange(m) < kept_suspects)


@pytest.mark.parametrize(
    ("suspects", "n", "kept_suspects", "m", "said"),
    [
        (60, 1000, 55, 600, "9.2% suspects, of all examples 6.0% are"),
        (60, 1000, 36, 600, None),
        (600, 10_000, 396, 6000, None),  # no more than a tenth above
        (600, 10_000, 430, 6000, "7.2% suspects, of all examples 6.0% are"),
        (9, 1000, 9, 600, None),  # too few to say anything
        (60, 1000, 43, 600, None),  # within two deviations, of 3.7
        (60, 1000, 44, 600, "7.3% suspects, of all examples 6.0% are"),
        (2, 100, 2, 60, None),
        (1000, 1000, 600, 600, None),
        (60, 1000, 60, 1000, None),
        (1, 1, 1, 1, None),
    ],
)
def test_suspects_are_gathered_where_they_are_more_than_their_share(
    suspects, n, kept_suspects, m, said
):
    assert of(suspects, n, kept_suspects, m) == said


def test_whoever_draws_without_looking_gathers_nobody():
    rng = torch.Generator().manual_seed(0)
    for suspects in (10, 20, 100):
        flags = torch.arange(1000) < suspects
        drawn = [torch.randperm(1000, generator=rng)[:600] for _ in range(1000)]
        assert sum(gathered(flags, flags[kept]) is not None for kept in drawn) < 30


@pytest.mark.parametrize("ridge", [0, "auto"])
def test_clean_data_are_left_in_peace(ridge):
    x, labels, _ = noisy_digits(0)
    scores = cg_scores(x, labels, ridge=ridge, progress=False)
    for rule in RULES:
        report = noise_report(scores, rule)
        assert report.rate is not None
        assert too_much(report.classes, report.counts, report.dropped, report.rate) is None
    for policy in BY_VALUES:
        kept = kept_by(policy, scores.values, scores.labels, 0.6)
        assert gathered(scores.suspects, scores.suspects[kept]) is None


def test_wrong_labels_are_gathered_by_low_first_and_not_by_high_first():
    x, labels, wrong = noisy_digits(0.15)
    scores = cg_scores(x, labels, progress=False)
    report = noise_report(scores)
    assert too_much(report.classes, report.counts, report.dropped, report.rate) is None
    kept = {p: kept_by(p, scores.values, scores.labels, 0.6) for p in BY_VALUES}
    assert wrong[kept["low-first"].numpy()].mean() > 0.22
    found = {p: gathered(scores.suspects, scores.suspects[indices]) for p, indices in kept.items()}
    of_all = f"of all examples {scores.suspects.double().mean():.1%} are"
    assert found["low-first"].endswith(of_all)
    assert found["soft"].endswith(of_all)
    assert not any(found[policy] for policy in ("high-first", "window", "stratified"))
