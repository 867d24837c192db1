"""Near copies: pairs above a cosine, of all examples or of a block."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune import cg_scores
from torch_cgprune.kernel.near import PAIRS_PER_EXAMPLE, Closest
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.score import score_within

# From 0.9999 on cosines come from the lengths of differences.
COSINE = {torch.float32: 1e-5, torch.float64: 1e-12}
CLOSE = {torch.float32: 1e-8, torch.float64: 1e-15}


def cosines(x):
    u = x.double() / x.double().norm(dim=1, keepdim=True)
    return (u @ u.T).numpy()


def expected(x, near):
    """By the definition: of equal rows the first alone is paired, and with each later one."""
    found, c = {}, cosines(x)
    unit = (x.double() / x.double().norm(dim=1, keepdim=True)).float()
    first = [next(i for i in range(len(x)) if torch.equal(unit[i], unit[j])) for j in range(len(x))]
    for j in range(len(x)):
        if first[j] != j:
            found[first[j], j] = 1.0
        for i in range(j):
            if first[i] == i and first[j] == j and c[i, j] >= near:
                found[i, j] = c[i, j]
    return found


@pytest.fixture
def data(rng):
    """Pairs as close as 0.9, 0.99, 0.999, .., copies, scaled ones, of the same label and others."""
    x = torch.randn(150, 12, generator=rng)
    for k in range(12):
        noise = torch.randn(12, generator=rng) * 2.0 ** -(k // 2)
        x[100 + k] = x[k] + noise * x[k].norm() / 12**0.5 / 2
    x[120:125], x[125:130], x[130] = x[20:25], 4 * x[20:25], x[100]
    codes = torch.arange(150) % 3
    codes[125] = codes[20]
    return x, codes


def agrees(scores, x, near, dtype):
    wanted = expected(x, near)
    pairs = map(tuple, scores.near_copies.tolist())
    found = dict(zip(pairs, scores.near_cosines.tolist(), strict=True))
    assert len(found) == len(scores.near_copies)
    assert found.keys() == wanted.keys()
    for pair, cosine in wanted.items():
        tolerance = COSINE[dtype] if cosine < 0.9999 else CLOSE[dtype]
        assert found[pair] == pytest.approx(cosine, abs=tolerance, rel=0)


@pytest.mark.parametrize("near", [0.5, 0.9, 0.99, 0.9999, 0.999999, 1])
def test_exact_finds_all_pairs_above_the_cosine(data, near, dtype, device):
    scores = cg_scores(*data, method="exact", near=near, dtype=dtype, device=device, progress=False)
    agrees(scores, data[0], near, dtype)
    assert len(scores.near_copies) > 9
    assert scores.near_copies.dtype == torch.int64
    assert (scores.near_copies[:, 0] < scores.near_copies[:, 1]).all()
    assert scores.near_cosines.dtype == torch.float64
    assert scores.near_cosines.max() <= 1
    assert torch.equal(scores.near_cosines, scores.near_cosines.sort(descending=True).values)
    assert scores.metadata["options"]["near"] == near


def test_pairs_are_found_in_every_tile_of_the_matrix(rng, device):
    x = torch.randn(700, 6, generator=rng)
    x[[150, 250, 690]] = x[[10, 200, 20]] + 1e-3
    scores = cg_scores(x, torch.arange(700) % 2, near=0.99, device=device, progress=False)
    agrees(scores, x, 0.99, torch.float32)
    assert {(10, 150), (200, 250), (20, 690)} <= {*map(tuple, scores.near_copies.tolist())}


def test_the_scores_are_those_without(data):
    with_pairs = cg_scores(*data, near=0.9, progress=False)
    without = cg_scores(*data, progress=False)
    assert torch.equal(with_pairs.values, without.values)
    assert without.near_copies is without.near_cosines is None
    assert "near" not in without.metadata["options"]


@pytest.mark.parametrize("batch", [0, 2**22])
def test_local_finds_those_that_share_a_block_in_one_of_its_runs(data, batch, device):
    x, codes = data
    options = {"method": "local", "block_size": 40, "near": 0.9, "progress": False}
    limits = Limits(batch=batch)
    few, many = (
        score_within(limits, x, codes, runs=runs, device=device, **options) for runs in (1, 6)
    )
    wanted = expected(x, 0.9)
    pairs = [{*map(tuple, scores.near_copies.tolist())} for scores in (few, many)]
    assert pairs[0] < pairs[1] <= wanted.keys()
    assert len(pairs[1]) == len(many.near_copies)  # each once
    assert len(pairs[1]) > 0.8 * len(wanted)
    for pair, cosine in zip(many.near_copies.tolist(), many.near_cosines.tolist(), strict=True):
        assert cosine == pytest.approx(wanted[tuple(pair)], abs=1e-5)


def test_one_block_of_all_finds_what_exact_finds(data):
    local = cg_scores(*data, method="local", near=0.8, progress=False)
    exact = cg_scores(*data, method="exact", near=0.8, progress=False)
    assert torch.equal(local.near_copies, exact.near_copies)


def test_many_copies_of_one_row_are_a_star_that_leaves_room_for_others(rng):
    x = torch.randn(60, 8, generator=rng)
    x[:40] = x[0]
    x[59] = x[58] + 0.01 * torch.randn(8, generator=rng)
    scores = cg_scores(x, torch.arange(60) % 4, near=0.99, progress=False)
    star = [[0, j] for j in range(1, 40)]
    assert scores.near_copies.tolist() == [*star, [58, 59]]
    assert scores.near_cosines[:39].tolist() == [1] * 39
    assert scores.copy_groups.tolist() == [0] * 40 + [-1] * 18 + [1] * 2


def test_the_closest_are_kept_and_the_cut_is_said(rng, caplog):
    x = torch.rand(80, 6, generator=rng) + 1  # all close to each other
    scores = cg_scores(x, torch.arange(80) % 2, near=0.1, progress=False)
    c = cosines(x)
    pairs = sorted(((i, j) for j in range(80) for i in range(j)), key=lambda p: -c[p])
    assert len(scores.near_copies) == PAIRS_PER_EXAMPLE * 80
    assert scores.near_cosines.tolist() == pytest.approx([c[p] for p in pairs[:800]], abs=1e-5)
    assert "more than 800 pairs of near copies" in caplog.text
    assert f"cosine {scores.near_cosines[-1]:.6f}. Pass a higher 'near'" in caplog.text
    caplog.clear()
    cg_scores(x[:20], torch.arange(20) % 2, near=0.1, progress=False)
    assert "pairs of near copies" not in caplog.text  # 190 of 200


def test_stochastic_finds_none(data):
    with pytest.raises(ValueError, match=r"'near' .* must be None for .*'stochastic'.*'local'"):
        cg_scores(*data, method="stochastic", near=0.9, progress=False)


@pytest.mark.parametrize("near", [0, 1.1, -0.5, float("nan"), "0.9", True])
def test_no_such_cosine(data, near):
    with pytest.raises((TypeError, ValueError), match=r"'near' .* must be in \(0, 1\]"):
        cg_scores(*data, near=near, progress=False)


PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 10)), max_size=40)


@given(parts=st.lists(PAIRS, max_size=5), limit=st.integers(1, 12))
def test_the_closest_of_all_that_were_told_are_kept_whatever_the_parts(parts, limit):
    closest = Closest(0.3, limit)
    best = {}
    for part in parts:
        pairs = torch.tensor([p[:2] for p in part], dtype=torch.int64).view(-1, 2)
        tenths = torch.tensor([p[2] for p in part], dtype=torch.float64)
        closest.add(pairs, tenths / 10)
        for i, j, tenth in part:
            if tenth >= 3:
                best[i, j] = max(best.get((i, j), 0), tenth / 10)
    wanted = sorted(best.items(), key=lambda item: (-item[1], item[0]))[: limit + 1]
    pairs, cosines = closest.found()
    assert [*zip(map(tuple, pairs.tolist()), cosines.tolist(), strict=True)] == wanted
