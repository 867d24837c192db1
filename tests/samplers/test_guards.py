"""What samplers warn of when they are made."""

import dataclasses
import pickle
import warnings

import pytest
import torch
from contract import ALONE
from noisy_data import noisy_digits
from torch.utils.data import TensorDataset

from torch_cgprune import (
    CGScoredDataset,
    DistributedPrunedSampler,
    DistributedWindowSampler,
    LinearSchedule,
    PrunedSampler,
    WindowSampler,
    cg_scores,
)
from torch_cgprune.scores import scores as scores_module

N = 1797


@pytest.fixture(scope="module")
def noisy():
    x, labels, _ = noisy_digits(0.15)
    return cg_scores(x, labels, ridge=0.1, progress=False)


@pytest.fixture(scope="module")
def clean():
    x, labels, _ = noisy_digits(0)
    return cg_scores(x, labels, ridge=0.1, progress=False)


def said(make):
    """Return the warnings, and check that they are of this file's lines."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sampler = make()
    assert {warning.filename for warning in caught} <= {__file__}
    assert all(issubclass(warning.category, UserWarning) for warning in caught)
    return [str(warning.message) for warning in caught], sampler


def shares(scores, sampler):
    suspects = scores.suspects.double()
    return f"{suspects[sampler.selection].mean():.1%}", f"{suspects.mean():.1%}"


GATHERING = {
    "low-first": lambda s, **o: PrunedSampler(s, 0.6, "low-first", **o),
    "low-first, shared": lambda s, **o: DistributedPrunedSampler(s, 0.6, "low-first", **ALONE, **o),
    "low-first, over all": lambda s, **o: PrunedSampler(s, 0.6, "low-first", balanced=False, **o),
    "low-first, growing": lambda s, **o: PrunedSampler(
        s, LinearSchedule(0.5, 1.0, 3), "low-first", **o
    ),
    "soft": lambda s, **o: PrunedSampler(s, 0.6, "soft", **o),
    "window": lambda s, **o: WindowSampler(s, 0.4, 0.6, **o),
    "window, shared": lambda s, **o: DistributedWindowSampler(s, 0.4, 0.6, **ALONE, **o),
    "window, sliding": lambda s, **o: WindowSampler(s, LinearSchedule(0.4, 0.1, 3), 0.6, **o),
}


@pytest.mark.parametrize("name", GATHERING)
def test_who_gathers_suspects_warns_once_with_both_shares(noisy, name):
    (message,), sampler = said(lambda: GATHERING[name](noisy))
    policy = name.partition(",")[0]
    kept, of_all = shares(noisy, sampler)
    assert message == (
        f"{policy} keeps {kept} suspects, of all examples {of_all} are: pass exclude='suspects'. "
        "The report's page shows them, noise_report(scores) how many there are of each class."
    )
    for epoch in range(3):
        sampler.set_epoch(epoch)
        list(sampler)
    assert pickle.loads(pickle.dumps(sampler)).selection.equal(sampler.selection)


@pytest.mark.parametrize("name", GATHERING)
def test_the_cure_cures(noisy, name):
    messages, sampler = said(lambda: GATHERING[name](noisy, exclude="suspects"))
    assert messages == []
    assert not noisy.suspects[sampler.selection].any()


def test_who_gathers_nobody_is_quiet(noisy, clean):
    for make in (
        *(lambda make=make: make(clean) for make in GATHERING.values()),
        *(lambda p=p: PrunedSampler(noisy, 0.6, p) for p in ("high-first", "random")),
        lambda: PrunedSampler(noisy, 0.6, "stratified"),
        lambda: WindowSampler(noisy, 0.0, 0.6),
        lambda: PrunedSampler(noisy, 1.0, policy="low-first"),
        lambda: PrunedSampler(noisy, policy="noise-filter"),
        lambda: PrunedSampler(noisy, policy="noise-filter", fraction=0.2),
    ):
        assert said(make)[0] == []


def test_nothing_is_fitted_for_who_needs_no_suspects(noisy, monkeypatch, tmp_path):
    def judge(*_, **__):
        raise AssertionError("somebody asked for suspects")

    monkeypatch.setattr(scores_module, "judge", judge)
    fresh = dataclasses.replace(noisy, judgement=None)
    kept = tmp_path / "kept.txt"
    kept.write_text("0\n1\n")
    for make in GATHERING.values():
        make((noisy.values, noisy.labels))
    for source, arguments in (
        (fresh, {"keep": 0.6, "policy": "random"}),
        (fresh, {"keep": 1.0}),
        (fresh, {"keep": kept}),
    ):
        PrunedSampler(source, **arguments)
    WindowSampler(fresh, 0, 1)
    with pytest.raises(AssertionError, match="somebody asked"):
        PrunedSampler(fresh, 0.6, policy="low-first")


def test_stochastic_scores_have_no_suspects_to_tell():
    x, labels, _ = noisy_digits(0.15)
    x, labels = x[:400], labels[:400]
    scores = cg_scores(x, labels, method="stochastic", runs=1, progress=False)
    assert scores.suspects.double().mean() > 0.05
    assert said(lambda: PrunedSampler(scores, 0.3, policy="low-first"))[0] == []


def test_the_posterior_is_fitted_once(noisy, monkeypatch):
    fitted, judge = [], scores_module.judge
    monkeypatch.setattr(
        scores_module, "judge", lambda *data, **how: fitted.append(1) or judge(*data, **how)
    )
    fresh = dataclasses.replace(noisy, judgement=None)
    for make in GATHERING.values():
        assert len(said(lambda make=make: make(fresh))[0]) == 1
    assert len(fitted) == 1


def test_the_shares_are_those_of_what_is_left(noisy):
    suspects = noisy.suspects.nonzero().flatten()
    left = torch.ones(N, dtype=torch.bool).index_fill(0, suspects[:100], value=False)
    (message,), sampler = said(
        lambda: PrunedSampler(noisy, 0.6, exclude=suspects[:100], policy="low-first")
    )
    of_kept = noisy.suspects[sampler.selection].double().mean()
    of_left = noisy.suspects[left].double().mean()
    assert f"keeps {of_kept:.1%} suspects, of all examples {of_left:.1%} are" in message
    assert said(lambda: PrunedSampler(noisy, 0.6, exclude=suspects, policy="low-first"))[0] == []


def test_labels_that_were_replaced_are_not_suspected_any_more(tmp_path):
    x, labels, _ = noisy_digits(0.15)
    data = TensorDataset(torch.tensor(x), torch.tensor(labels))
    cache = tmp_path / "s.safetensors"
    options = {"cache": cache, "ridge": 0.1, "progress": False}
    plain, corrected = (CGScoredDataset(data, relabel=r, **options) for r in (False, True))
    assert plain.relabelled is None
    assert corrected.relabelled.tolist() == [
        a[1] != b[1] for a, b in zip(corrected, data, strict=True)
    ]
    assert corrected.relabelled.sum() > 200
    assert len(said(lambda: PrunedSampler(plain, 0.6, policy="low-first"))[0]) == 1
    assert said(lambda: PrunedSampler(corrected, 0.6, policy="low-first"))[0] == []


def test_torchs_default_device_does_not_matter(noisy):
    fresh = dataclasses.replace(noisy, judgement=None)
    expected, _ = said(lambda: PrunedSampler(noisy, 0.6, policy="low-first"))
    torch.set_default_device("meta")
    try:
        found, _ = said(lambda: PrunedSampler(fresh, 0.6, policy="low-first"))
    finally:
        torch.set_default_device(None)
    assert found == expected != []


@pytest.fixture
def zealous(monkeypatch):
    """A default rule that calls three in ten labels wrong, and six in ten of class 3."""

    def rule(scores, _=None):
        place = torch.arange(len(scores)) % 10
        return ((place < 3) | (scores.labels == 3) & (place < 6)).double() - 0.5

    monkeypatch.setattr("torch_cgprune.noise.report.evidence", rule)


LOOK = "Look at noise_report(scores) and the report's page, and "


def loss(scores):
    """What the zealous rule takes out, counted here."""
    place = torch.arange(N) % 10
    gone = (place < 3) | (scores.labels == 3) & (place < 6)
    threes = gone[scores.labels == 3].double().mean()
    return f"{gone.double().mean():.1%} of all examples (estimated wrong: ", f"{threes:.1%} of '3'"


@pytest.mark.usefixtures("zealous")
@pytest.mark.parametrize("exclude", [None, "suspects"])
@pytest.mark.parametrize("sampler", [PrunedSampler, DistributedPrunedSampler])
def test_a_filter_that_drops_too_much_warns_once(clean, sampler, exclude):
    options = {"policy": "noise-filter", "exclude": exclude}
    ranks = {} if sampler is PrunedSampler else ALONE
    (message,), _ = said(lambda: sampler(clean, **options, **ranks))
    whole, threes = loss(clean)
    assert message.startswith(f"The noise filter drops {whole}")
    assert f"{threes} (estimated wrong: " in message
    assert message.endswith(f"{LOOK}pass another 'rule', a 'fraction' or balanced=True.")


@pytest.mark.usefixtures("zealous")
def test_suspects_that_are_too_many_to_exclude_warn(clean):
    makes = (
        lambda: PrunedSampler(clean, 0.6, exclude="suspects", policy="low-first"),
        lambda: PrunedSampler(clean, 0.6, "random", exclude="suspects"),
        lambda: WindowSampler(clean, 0.1, 0.6, exclude="suspects"),
        lambda: PrunedSampler(clean, policy="noise-filter", fraction=0.1, exclude="suspects"),
    )
    for make in makes:
        (message,), _ = said(make)
        assert message.startswith(f"exclude='suspects' leaves out {loss(clean)[0]}")
        assert f"{LOOK}exclude a list of those that are wrong, or" in message


@pytest.mark.usefixtures("zealous")
def test_what_was_asked_for_is_no_surprise(clean):
    asked = {"policy": "noise-filter", "fraction": 0.3}
    assert said(lambda: PrunedSampler(clean, **asked, balanced=True))[0] == []
    (message,), _ = said(lambda: PrunedSampler(clean, **{**asked, "fraction": 0.6}))
    assert message.startswith("The noise filter drops more than half of ")


def with_copies(noise, near):
    """Three classes of twenty; of the first, fifteen are nearly the first of them."""
    rng = torch.Generator().manual_seed(0)
    x, codes = torch.randn(60, 8, generator=rng), torch.arange(60) // 20
    x[5:20] = x[0] + noise * torch.randn(15, 8, generator=rng)
    x[50] = x[30]  # of another label
    return cg_scores(x, codes, near=near, progress=False)


@pytest.mark.parametrize(("noise", "near"), [(0, None), (0, 0.99), (0.01, 0.99)])
def test_copies_are_excluded_but_for_one_of_each_label(noise, near):
    scores = with_copies(noise, near)
    for make in (
        lambda: PrunedSampler(scores, 1, exclude="copies", policy="low-first"),
        lambda: PrunedSampler(scores, 1, "random", exclude="copies"),
        lambda: WindowSampler(scores, 0, 1, exclude="copies"),
    ):
        (message,), sampler = said(make)
        group = [0, *range(5, 20)]
        left = {*range(60)} - {*group}
        assert left < {*sampler.selection.tolist()}  # 30 and 50 have different labels
        assert len({*sampler.selection.tolist()} & {*group}) == 1
        assert message == (
            "exclude='copies' leaves out more than half of '0'. Look at the copies on the report's "
            "page; if they are none, score with a higher 'near'."
        )


def test_the_noise_filter_goes_with_the_copies():
    scores = with_copies(0, None)
    sampler = said(lambda: PrunedSampler(scores, policy="noise-filter", exclude="copies"))[1]
    out = scores.suspects | scores.later_copies
    assert sampler.selection.tolist() == (~out).nonzero().flatten().tolist()


def test_near_copies_are_no_copies_to_who_has_not_looked_for_them():
    messages, sampler = said(
        lambda: PrunedSampler(with_copies(0.01, None), 1, exclude="copies", policy="low-first")
    )
    assert messages == []
    assert len(sampler) == 60


def test_a_pair_does_not_say_which_are_copies():
    with pytest.raises(TypeError, match=r"'copies' for a CGScoredDataset .* which are copies"):
        PrunedSampler(([1.0, 2.0], [0, 1]), 0.5, exclude="copies", policy="low-first")
