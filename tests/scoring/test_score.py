import itertools
import sys

import numpy as np
import oracles
import pytest
import torch
from scipy.stats import spearmanr

from torch_cgprune import (
    CGScores,
    NotPositiveDefiniteError,
    PrunedSampler,
    WindowSampler,
    cg_scores,
)
from torch_cgprune.errors import ArgumentValueError
from torch_cgprune.kernel import unit_rows
from torch_cgprune.scoring import plans, problem
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.options import resolve_options
from torch_cgprune.scoring.score import score_within

# The function of the same name hides the module.
SWEEP = sys.modules["torch_cgprune.solver.sweep"]


@pytest.fixture
def x(rng):
    return torch.randn(40, 8, generator=rng)


@pytest.fixture
def codes(rng):
    return torch.randint(0, 3, (40,), generator=rng)


def score(x, labels, *, ridge=0, limits=None, **options) -> CGScores:
    """Score by the definition, without a ridge."""
    options |= {"ridge": ridge, "progress": False}
    return score_within(limits, x, labels, **options) if limits else cg_scores(x, labels, **options)


def whitened(rng, n=40):
    """Nearly orthogonal rows: a well-conditioned Gram matrix."""
    return torch.randn(n, 500, generator=rng)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_exact_scores_are_the_definition(k, ridge, device, dtype, rng):
    x, codes = whitened(rng), torch.randint(0, k, (40,), generator=rng)
    h = oracles.gram(x) + ridge * torch.eye(40, dtype=torch.float64)
    got = score(x, codes, method="exact", ridge=ridge, device=device, dtype=dtype)
    assert oracles.close(got.values, oracles.cg_scores(h, codes), dtype)
    assert oracles.close(got.terms.sum(1), oracles.cg_scores(h, codes), dtype)
    for c in range(k):
        y = torch.where(codes == c, 1.0, -1.0).double()
        complexity = float(oracles.complexity(h, y))
        assert float(got.complexity[c]) == pytest.approx(complexity, rel=oracles.TOLERANCE[dtype])
        bound = (2 * complexity / 40) ** 0.5
        assert float(got.bound[c]) == pytest.approx(bound, rel=oracles.TOLERANCE[dtype])


def test_ill_conditioned_data_too_in_float64(x, codes):
    got = score(x, codes, dtype=torch.float64)
    torch.testing.assert_close(
        got.values, oracles.cg_scores(oracles.gram(x), codes), rtol=1e-9, atol=0
    )


def test_binary_scores_are_one_problem(rng):
    x, codes = whitened(rng), torch.randint(0, 2, (40,), generator=rng)
    expected = oracles.gaps(oracles.gram(x), 2.0 * codes.double() - 1)
    assert oracles.close(score(x, codes, dtype=torch.float64).values, expected, torch.float64)


def test_one_class_scores_against_nothing(rng):
    x = whitened(rng)
    expected = oracles.gaps(oracles.gram(x), torch.ones(40, dtype=torch.float64))
    for method in ("exact", "stochastic"):
        got = score(x, ["only"] * 40, method=method, dtype=torch.float64)
        assert oracles.close(got.values, expected, torch.float64)
    assert not score(x, ["only"] * 40).suspects.any()  # no other class it could be


def test_the_three_terms_are_those_of_equation_6(x, codes):
    got = score(x, codes, dtype=torch.float64)
    inverse = torch.linalg.inv(oracles.gram(x))
    d = inverse.diagonal()
    for c in range(3):
        own = codes == c
        alpha = inverse @ torch.where(own, 1.0, -1.0).double()
        expected = torch.stack([(alpha - d) ** 2 / d, 2 * (alpha - d), d], dim=1)
        torch.testing.assert_close(got.terms[own], expected[own], rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(got.partial, got.terms[:, 1])


def test_leave_one_out_predictions_are_n_refits(x, codes):
    got = score(x, codes, dtype=torch.float64, ridge=0.05)
    h = oracles.gram(x) + 0.05 * torch.eye(40, dtype=torch.float64)
    for c in range(3):
        own = codes == c
        signs = oracles.loo(h, torch.where(own, 1.0, -1.0).double())
        torch.testing.assert_close(got.prediction[own], signs[own], rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(got.residual[own], (1 - signs[own]).abs(), rtol=1e-9, atol=1e-9)
        centred = oracles.loo(h, own.double() - own.double().mean())
        torch.testing.assert_close(got.loo[:, c], centred, rtol=1e-9, atol=1e-9)
    assert torch.equal(got.own, got.loo[torch.arange(40), codes])


def test_cg_prime_is_the_gap_of_the_quadratic_form(x, codes):
    got = score(x, codes, dtype=torch.float64)
    h = oracles.gram(x)
    for i in range(40):
        y = torch.where(codes == codes[i], 1.0, -1.0).double()
        rest_h, rest_y = oracles.without(h, y, i)
        expected = y @ h @ y - rest_y @ rest_h @ rest_y
        assert float(got.cg_prime[i]) == pytest.approx(float(expected), rel=1e-9)


def test_permuting_rows_permutes_scores(x, codes, rng):
    order = torch.randperm(40, generator=rng)
    got, permuted = (score(*d, dtype=torch.float64) for d in ((x, codes), (x[order], codes[order])))
    for name in ("values", "terms", "loo", "cg_prime", "labels", "digests"):
        torch.testing.assert_close(getattr(permuted, name), getattr(got, name)[order])
    torch.testing.assert_close(permuted.complexity, got.complexity)


def test_scale_of_a_row_does_not_matter(x, codes):
    scaled = x * torch.arange(1, 41)[:, None]
    torch.testing.assert_close(
        score(scaled, codes).values, score(x, codes).values, rtol=1e-2, atol=1e-3
    )


def test_tile_size_does_not_matter(monkeypatch, rng):
    x, codes = whitened(rng, 150), torch.arange(150) % 3
    expected = score(x, codes, dtype=torch.float64).values
    for rows in (1, 16, 149, 150):
        monkeypatch.setattr(SWEEP, "default_tile_rows", lambda _, rows=rows, **__: rows)
        got = score(x, codes, dtype=torch.float64).values
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_float32_stays_float32_under_a_lower_matmul_precision(precision, rng):
    x, codes = whitened(rng, 300), torch.arange(300) % 3
    expected = score(x, codes).values
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(precision)
        got = score(x, codes).values
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)
    torch.testing.assert_close(got, expected)


def test_stochastic_with_everyone_drawn_is_exact(x, codes):
    exact, drawn = (
        score(x, codes, dtype=torch.float64, **options)
        for options in ({"method": "exact"}, {"method": "stochastic", "ratio": 99, "runs": 2})
    )
    torch.testing.assert_close(drawn.values, exact.values)
    torch.testing.assert_close(drawn.terms, exact.terms)
    torch.testing.assert_close(drawn.complexity, exact.complexity)
    torch.testing.assert_close(drawn.cg_prime, exact.cg_prime)
    assert drawn.loo is None
    assert torch.equal(drawn.suspects, drawn.partial > 0)


def test_stochastic_is_the_mean_over_its_blocks(x, codes):
    blocks = plans.stochastic(codes, 3, ratio=1, runs=[3] * 3, seed=5)
    total = torch.zeros(40, dtype=torch.float64)
    for block in itertools.chain.from_iterable(blocks.runs):
        y = torch.where(block.codes == 0, 1.0, -1.0).double()
        total[block.rows[block.scored]] += oracles.gaps(oracles.gram(x[block.rows]), y)[
            block.scored
        ]
    got = score(x, codes, method="stochastic", ratio=1, runs=3, seed=5, dtype=torch.float64)
    torch.testing.assert_close(got.values, total / 3, rtol=1e-8, atol=1e-10)


def test_stochastic_is_seeded_and_leaves_global_random_state_alone(x, codes):
    before = torch.random.get_rng_state()
    first, again, other = (
        score(x, codes, method="stochastic", ratio=1, runs=1, seed=s).values for s in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_runs_none_takes_the_recommended_and_says_so(x, caplog):
    labels = torch.arange(40) % 10
    with caplog.at_level("INFO", logger="torch_cgprune"):
        got = score(x, labels, method="stochastic", ratio=1)
    assert got.metadata["options"]["runs"] == [6] * 10
    assert "[6, 6, 6" in caplog.text
    assert "runs=6" in repr(got)


@pytest.mark.parametrize(
    "labels",
    [["b", "a"] * 20, [True, False] * 20, torch.arange(40) % 2 + 7, (torch.arange(40) % 2).numpy()],
)
def test_labels_of_any_kind(x, labels):
    got = score(x, labels)
    assert len(got.classes) == 2
    assert got.classes[got.labels[0]] == labels[0]


def test_numpy_features_and_images(x, codes):
    expected = score(x, codes).values
    assert torch.equal(score(x.numpy(), codes.numpy()).values, expected)
    assert torch.equal(score(x.reshape(40, 2, 2, 2), codes).values, expected)
    read_only = x.numpy().copy()
    read_only.flags.writeable = False
    assert torch.equal(score(read_only, codes).values, expected)


def test_the_progress_bar_counts_operations(x, codes, capsys):
    cg_scores(x, codes, progress=True)
    assert "CG-scores (exact): 100%" in capsys.readouterr().err
    cg_scores(x, codes, progress=False)
    assert capsys.readouterr().err == ""


def test_a_matrix_without_factor_is_an_error_with_a_cure(x, codes, monkeypatch):
    monkeypatch.setattr("torch_cgprune.scoring.blocks.twin_angle", lambda _: 0.0)
    rounded = x * (1 + 1e-7 * torch.arange(8))
    with pytest.raises(NotPositiveDefiniteError, match=r"ridge=1e-3"):
        score(torch.cat([x, rounded, x * 3]), torch.cat([codes] * 3))


def test_noise_moves_scores_up_gaussians(rng):
    """Paper sec. 3.3, small: near the boundary and mislabelled score higher."""
    y = torch.arange(400) % 2
    x = torch.randn(400, 600, generator=rng) / 2
    x[:, 0] += 2.0 * y - 1
    clean = score(x, y)
    assert spearmanr(clean.values, -x[:, 0].abs()).statistic > 0.5
    flipped = torch.zeros(400, dtype=torch.bool)
    flipped[torch.randperm(400, generator=rng)[:40]] = True
    noisy = score(x, torch.where(flipped, 1 - y, y)).values
    assert noisy[flipped].median() > noisy[~flipped].quantile(0.9)


@pytest.mark.parametrize(
    ("features", "labels", "error", "match"),
    [
        (torch.ones(3), [0, 1, 0], ValueError, r"one row per example.*\(3,\)"),
        (torch.ones(3, 0), [0, 1, 0], ValueError, r"at least one column.*\(3, 0\)"),
        (torch.ones(0, 3), [], ValueError, r"one row per example"),
        (torch.ones(1, 3), [0], ValueError, r"at least 2 rows.*Got 1"),
        (torch.ones(3, 2), [0, 1], ValueError, r"Got 2 labels for 3 rows"),
        (torch.ones(2, 2, dtype=torch.complex64), [0, 1], TypeError, r"real numbers.*complex64"),
        (torch.tensor([[1.0, 0], [0, 0]]), [0, 1], ValueError, r"Row 1 .* all zeros"),
        (torch.tensor([[1.0, 0], [float("nan"), 0]]), [0, 1], ValueError, r"Row 1 .* NaN"),
    ],
)
def test_bad_data(features, labels, error, match):
    with pytest.raises(error, match=match):
        score(features, labels)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        (
            {"method": "exakt"},
            ValueError,
            r"'method' .* 'exact', 'iterative', 'stochastic', 'local'. Got 'exakt'",
        ),
        ({"ridge": -1}, ValueError, r"'ridge' .* \[0, inf\). Got -1"),
        ({"ridge": float("nan")}, ValueError, r"'ridge'.*Got nan"),
        ({"ridge": "1"}, TypeError, r"'ridge'.*of type str"),
        ({"dtype": torch.float16}, ValueError, r"'dtype' .* 'float32', 'float64'. Got 'float16'"),
        ({"method": "stochastic", "ratio": 0}, ValueError, r"'ratio' .* \(0, inf\). Got 0"),
        ({"method": "stochastic", "runs": 0}, ValueError, r"'runs' .* at least 1. Got 0"),
        ({"method": "stochastic", "runs": True}, TypeError, r"'runs' .* type bool"),
        ({"method": "local", "block_size": 1}, ValueError, r"'block_size' .* at least 2. Got 1"),
        ({"method": "stochastic", "seed": -1}, ValueError, r"'seed' .* at least 0. Got -1"),
    ],
)
def test_bad_options(x, codes, options, error, match):
    with pytest.raises(error, match=match):
        score(x, codes, **options)


def test_auto_goes_by_n_alone_and_says_so(x, codes, caplog):
    with caplog.at_level("INFO", logger="torch_cgprune"):
        assert score(x, codes).metadata["options"]["method"] == "exact"
    assert "method='auto' takes 'exact' for n = 40" in caplog.text
    assert resolve_options([25_000])["method"] == "exact"
    assert resolve_options([25_000, 1])["method"] == "iterative"
    assert resolve_options([65_536])["method"] == "iterative"
    assert resolve_options([65_000, 537])["method"] == "local"


def test_local_with_everyone_in_one_block_is_exact(x, codes):
    exact, local = (score(x, codes, dtype=torch.float64, method=m) for m in ("exact", "local"))
    for name in ("values", "terms", "cg_prime", "complexity", "bound", "loo", "own", "margin"):
        torch.testing.assert_close(getattr(local, name), getattr(exact, name))
    assert torch.equal(local.rival, exact.rival)


def test_local_is_the_mean_over_its_blocks(x):
    codes = torch.arange(40) // 8  # few classes a block
    got = score(x, codes, method="local", block_size=10, runs=2, dtype=torch.float64, seed=1)
    total, loo = torch.zeros(40, dtype=torch.float64), torch.zeros(40, 5, dtype=torch.float64)
    unit = unit_rows(x, dtype=torch.float32, device="cpu")
    sketch = unit @ torch.randn(8, 64, generator=torch.Generator().manual_seed(1))
    for block in itertools.chain(*plans.local(sketch, codes, block_size=10, runs=2, seed=1).runs):
        h, inside = oracles.gram(x[block.rows]), codes[block.rows]
        total[block.rows] += oracles.cg_scores(h, inside)
        for c in range(5):
            loo[block.rows, c] += oracles.loo(h, (inside == c).double() - 0.2)
    torch.testing.assert_close(got.values, total / 2, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(got.loo, loo / 2, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("runs", [1, 3])
def test_many_classes_keep_own_rival_and_margin_alone(x, codes, runs):
    options = {"method": "local", "block_size": 10, "runs": runs}
    full = score(x, codes, **options)
    small = score(x, codes, **options, limits=Limits(predictions=10))
    assert small.loo is None
    torch.testing.assert_close(small.own, full.own)
    assert small.wrong_probability.shape == full.wrong_probability.shape
    assert (small.rival != codes).all()
    if runs == 1:
        torch.testing.assert_close(small.margin, full.margin)
        assert torch.equal(small.rival, full.rival)


def test_own_rival_and_margin_are_those_of_the_predictions(x, codes):
    got = score(x, codes)
    own = got.loo[torch.arange(40), codes]
    others = got.loo.clone()
    others[torch.arange(40), codes] = -torch.inf
    assert torch.equal(got.own, own)
    assert torch.equal(got.rival, others.argmax(1))
    assert torch.equal(got.margin, own - others.max(1).values)


@pytest.mark.parametrize("limits", [Limits(), Limits(unit_rows=10)])
def test_memory_mapped_half_precision_features(x, codes, tmp_path, limits):
    half = x.half().numpy()
    np.save(tmp_path / "x.npy", half)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for method in ("exact", "local", "stochastic"):
        options = {"method": method, "block_size": 10, "limits": limits}
        assert torch.equal(
            score(mapped, codes, **options).values, score(half, codes, **options).values
        )


def test_a_class_with_a_single_member_scores(x):
    labels = [0] * 20 + [1] * 19 + [2]
    for method in ("exact", "stochastic"):
        assert torch.isfinite(score(x, labels, method=method).values).all()


def test_all_bad_rows_are_told_at_once():
    x = torch.randn(9000, 2, generator=torch.Generator().manual_seed(0))
    x[[3, 5000, 8999]] = 0
    x[[7, 6000], 1] = torch.tensor([float("nan"), float("inf")])
    with pytest.raises(ArgumentValueError) as caught:
        cg_scores(x, torch.arange(9000) % 2, progress=False)
    assert caught.value.rows == (3, 7, 5000, 6000, 8999)
    assert caught.value.row == 3
    assert str(caught.value) == (
        "2 rows of the 'features' hold NaN or infinity: 7, 6000. 3 rows of the 'features' are all "
        "zeros and have no direction: 3, 5000, 8999. Repair them or leave them out before scoring."
    )


@pytest.mark.parametrize("method", ["exact", "stochastic", "local"])
@pytest.mark.parametrize(("value", "what"), [(float("nan"), "NaN"), (0.0, "all zeros")])
def test_a_bad_row_is_named_wherever_it_is(method, value, what, rng):
    x = torch.randn(9000, 3, generator=rng)
    x[8500] = value
    with pytest.raises(ValueError, match=rf"Row 8500 .*{what}"):
        score(x, torch.arange(9000) % 2, method=method)


def test_torch_settings_of_the_caller_neither_matter_nor_change(x, codes):
    expected = score(x, codes, method="local", block_size=15)
    backend = torch.backends.cuda.matmul
    before = getattr(backend, "fp32_precision", None)
    try:
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        if before is not None:
            backend.fp32_precision = "tf32"
        got = score(x, codes, method="local", block_size=15, device="cpu")
        assert before is None or backend.fp32_precision == "tf32"
        assert PrunedSampler(got, keep=0.5, policy="low-first").selection.device.type == "cpu"
        assert len([*PrunedSampler(got, keep=0.5, balanced=False, policy="low-first")]) == 20
        assert len(WindowSampler(got, 0.2, 0.5, balanced=False)) == 20
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        if before is not None:
            backend.fp32_precision = before
    # Devices sum in another order; TF32 would be off by 1e-4 and more.
    torch.testing.assert_close(got.values, expected.values, rtol=1e-5, atol=1e-5)


def test_bfloat16_and_foreign_byte_order(x, codes):
    expected = score(x.bfloat16().float(), codes).values
    assert torch.equal(score(x.bfloat16(), codes).values, expected)
    swapped = x.numpy().astype(">f4")
    assert torch.equal(score(swapped, codes).values, score(x, codes).values)


def test_a_lone_example_is_never_scored_against_nobody(x):
    labels = [0] * 39 + [1]
    got = score(x, labels, method="stochastic", ratio=0.4, runs=1, dtype=torch.float64)
    assert got.values[39] != pytest.approx(2)


@pytest.mark.parametrize(
    "options", [{"method": "local", "block_size": 9}, {"method": "stochastic"}]
)
def test_the_number_of_blocks_in_a_batch_does_not_matter(options, x, monkeypatch):
    codes = torch.arange(40) // 10  # blocks of few classes, so that batches mix their numbers
    taken = []
    solve = problem.solve_blocks
    monkeypatch.setattr(
        problem, "solve_blocks", lambda *a, **o: (taken.append(len(a[1])), solve(*a, **o))[1]
    )
    got = {}
    for numbers in (0, 700, 2**22):
        taken.clear()
        options |= {"limits": Limits(batch=numbers), "dtype": torch.float64}
        got[numbers] = score(x, codes, **options, runs=3), max(taken)
    assert got[0][1] == 1 < got[2**22][1]
    for name in ("values", "terms", "cg_prime", "complexity", "bound", "first_partial"):
        expected = getattr(got[0][0], name)
        for scores, _ in got.values():
            torch.testing.assert_close(getattr(scores, name), expected, rtol=1e-9, atol=1e-12)


def test_near_copies_are_found_in_every_block_of_a_batch(x):
    both = torch.cat([x, x * (1 + 1e-7 * torch.arange(8))])
    codes = torch.arange(80) // 20
    counts = set()
    for numbers in (0, 2**22):
        scores = score(both, codes, method="local", block_size=20, limits=Limits(batch=numbers))
        counts.add(scores.metadata["twins"])
    (count,) = counts
    assert count > 0


def test_classes_that_print_alike_are_named(x):
    with pytest.warns(UserWarning, match="'cat' and 'cat ' print alike, and are scored as two"):
        scores = score(x, ["cat", "cat ", "dog", "dog"] * 10)
    assert scores.classes == ("cat", "cat ", "dog")
