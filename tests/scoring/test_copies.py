import oracles
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune import cg_scores
from torch_cgprune.scoring.copies import find_copies
from torch_cgprune.scoring.problem import CONFLICT_RIDGE


def score(x, labels, **options):
    return cg_scores(x, labels, ridge=0, progress=False, **options)


@given(pairs=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=30))
def test_the_first_of_every_row_and_label_is_kept(pairs):
    digests, codes = (torch.tensor(column) for column in zip(*pairs, strict=True))
    copies = find_copies(digests, codes)
    assert copies.kept.tolist() == sorted({pairs.index(pair) for pair in pairs})
    assert copies.kept[copies.stand_in].tolist() == [pairs.index(pair) for pair in pairs]
    assert copies.later.tolist() == [pair in pairs[:i] for i, pair in enumerate(pairs)]
    labels = {row: {c for r, c in pairs if r == row} for row, _ in pairs}
    assert copies.conflicts.tolist() == [len(labels[row]) > 1 for row, _ in pairs]


@pytest.mark.parametrize("method", ["exact", "stochastic"])
@pytest.mark.parametrize("scale", [1, 2])
def test_the_first_copy_scores_as_if_alone_and_later_ones_nothing(method, scale, dtype, rng):
    x, codes = torch.randn(40, 8, generator=rng), torch.arange(40) % 3
    options = {"method": method, "ratio": 99, "runs": 1, "dtype": dtype}
    alone = score(x, codes, **options)
    both = score(torch.cat([x, scale * x[5:15]]), torch.cat([codes, codes[5:15]]), **options)
    torch.testing.assert_close(both.values[:40], alone.values)
    torch.testing.assert_close(both.terms[:40], alone.terms)
    assert (both.values[40:] == 0).all()
    assert (both.terms[40:] == 0).all()
    assert (both.prediction[40:] == 1).all()
    assert not both.conflicts.any()
    assert torch.equal(both.suspects[40:], both.suspects[5:15])


def test_cg_prime_counts_the_copies(rng):
    x, codes = torch.randn(20, 8, generator=rng), torch.arange(20) % 3
    doubled, labels = torch.cat([x, x[:4]]), torch.cat([codes, codes[:4]])
    got = score(doubled, labels, dtype=torch.float64).cg_prime
    y = torch.where(labels[:, None] == labels, 1.0, -1.0).double()
    h = oracles.gram(doubled)
    h[torch.arange(4), torch.arange(4) + 20] = h[torch.arange(4) + 20, torch.arange(4)] = 0.5
    expected = 2 * (y * h).sum(1) - 0.5
    torch.testing.assert_close(got, expected)


def test_conflicts_are_reported_and_score_very_high_but_finite(dtype, rng):
    x, codes = torch.randn(60, 200, generator=rng), torch.arange(60) % 3
    doubled, labels = torch.cat([x, x[:3]]), torch.cat([codes, (codes[:3] + 1) % 3])
    got = score(doubled, labels, dtype=dtype)
    assert got.conflicts.nonzero().flatten().tolist() == [0, 1, 2, 60, 61, 62]
    assert got.metadata["conflict_ridge"] == CONFLICT_RIDGE
    assert got.values[got.conflicts].min() > 20 * got.values[~got.conflicts].max()
    assert got.values.max() == pytest.approx(2 / CONFLICT_RIDGE, rel=0.1)
    assert score(x, codes).metadata["conflict_ridge"] == 0
    assert "6 in conflict" in repr(got)


def test_a_tenth_of_copies_and_some_conflicts_in_float32(rng):
    x, codes = torch.rand(900, 50, generator=rng), torch.arange(900) % 5
    labels = torch.cat([codes, codes[:90], (codes[:10] + 1) % 5])
    got = score(torch.cat([x, x[:90], x[:10]]), labels)
    assert torch.isfinite(got.values).all()
    assert got.conflicts.sum() == 30


NEAR = {
    "one pixel level": lambda x: x + torch.eye(len(x), x.shape[1]) / 255,
    "float rounding": lambda x: x * (1 + 6e-8 * torch.randn_like(x)),
    "scaled": lambda x: 3 * x,
    "inverse scaled": lambda x: x / 7,
}


@pytest.mark.parametrize("name", NEAR)
@pytest.mark.parametrize("conflict", [0, 1])
def test_near_copies_do_not_break_the_factorisation(name, conflict, dtype, rng):
    x, codes = torch.rand(500, 784, generator=rng), torch.arange(500) % 5
    torch.manual_seed(0)
    doubled = torch.cat([x, NEAR[name](x[:100])])
    got = score(doubled, torch.cat([codes, (codes[:100] + conflict) % 5]), dtype=dtype)
    assert torch.isfinite(got.values).all()
    if conflict:
        assert got.values[:100].median() > 10 * got.values[100:500].median()
        assert got.values[500:].median() > 10 * got.values[100:500].median()


def test_one_pixel_level_apart_float32_agrees_with_float64(rng):
    x, codes = torch.rand(300, 784, generator=rng), torch.arange(300) % 5
    doubled = torch.cat([x, NEAR["one pixel level"](x[:50])])
    labels = torch.cat([codes, codes[:50]])
    single, double = (score(doubled, labels, dtype=t) for t in (torch.float32, torch.float64))
    assert single.metadata["twins"] == 0
    torch.testing.assert_close(single.values, double.values, rtol=0.05, atol=0.05)


def test_everyone_the_same(rng):
    row = torch.randn(1, 5, generator=rng)
    got = score(row.repeat(6, 1), [0] * 6)
    assert got.values.tolist() == [pytest.approx(2), 0, 0, 0, 0, 0]


def test_near_copies_are_warned_of(rng, caplog):
    x = torch.rand(50, 784, generator=rng)
    score(torch.cat([x, 3 * x]), [0] * 100)
    assert "rows are copies of others but for rounding" in caplog.text
    caplog.clear()
    score(x, [0] * 50)
    assert caplog.text == ""


def test_copies_in_conflict_are_no_near_copies(caplog):
    """They are told as conflicts; a warning of rounding would send people the wrong way."""
    x = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    x[7] = x[4]
    scores = cg_scores(x, torch.arange(30) % 2, progress=False)
    assert scores.conflicts.nonzero().flatten().tolist() == [4, 7]
    assert scores.metadata["twins"] == 0
    assert "but for rounding" not in caplog.text
