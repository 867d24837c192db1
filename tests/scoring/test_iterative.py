"""`method="iterative"`: the scores of the definition, but for a tolerance."""

import oracles
import pytest
import torch
from noisy_data import blobs
from scipy.stats import spearmanr

from torch_cgprune import CGScoredDataset, NotPositiveDefiniteError, cg_scores
from torch_cgprune.scoring import plans
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.score import score_within

# So that a few hundred rows have parts enough.
PARTS = Limits(part_rows=40)
N = 240


def score(x, labels, *, limits=PARTS, **options):
    options = {"method": "iterative", "ridge": 0, "progress": False, **options}
    return score_within(limits, x, labels, **options)


@pytest.fixture
def x(rng):
    return torch.randn(N, 12, generator=rng) + 2 * torch.randn(6, 12, generator=rng).repeat(40, 1)


@pytest.fixture
def codes(rng):
    return torch.randint(0, 3, (N,), generator=rng)


def off_by(got, expected):
    return float((got.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_alpha_and_what_is_linear_in_it_are_those_of_the_definition(x, codes, ridge, dtype):
    got = score(x, codes, ridge=ridge, dtype=dtype)
    inverse = torch.linalg.inv(oracles.gram(x) + ridge * torch.eye(N, dtype=torch.float64))
    alpha = got.first_partial / 2 + got.terms[:, 2]
    for c in range(3):
        own = codes == c
        y = torch.where(own, 1.0, -1.0).double()
        assert off_by(alpha[own], (inverse @ y)[own]) < 0.01
        complexity = float(y @ inverse @ y)
        assert float(got.complexity[c]) == pytest.approx(complexity, rel=1e-3)
        assert float(got.bound[c]) == pytest.approx((2 * complexity / N) ** 0.5, rel=1e-3)
    assert got.metadata["iterative"]["parts"] == 6


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_scores_and_predictions_are_nearly_those_of_n_refits(x, codes, ridge):
    got = score(x, codes, ridge=ridge)
    h = oracles.gram(x) + ridge * torch.eye(N, dtype=torch.float64)
    d = torch.linalg.inv(h).diagonal()
    # So few rows fit the diagonal less well than thousands do.
    assert spearmanr(got.terms[:, 2], d).statistic > 0.96
    assert off_by(got.terms[:, 2], d) < 0.06
    targets = torch.stack([(codes == c).double() for c in range(3)], 1)
    values, loo, some = [], [], torch.arange(0, N, 4)
    for i in some:
        rest = torch.arange(N) != i
        inverse = torch.linalg.inv(h[rest][:, rest])
        loo.append(h[i, rest] @ inverse @ (targets - targets.mean(0))[rest])
        y = 2 * targets[:, codes[i]] - 1
        values.append(oracles.complexity(h, y) - y[rest] @ inverse @ y[rest])
    values, loo = torch.stack(values), torch.stack(loo)
    assert spearmanr(got.values[some], values).statistic > 0.99
    assert off_by(got.values[some], values) < 0.07
    assert off_by(got.loo[some], loo) < 0.15
    own = loo.gather(1, codes[some, None])[:, 0]
    others = loo.scatter(1, codes[some, None], -torch.inf)
    assert spearmanr(got.margin[some], own - others.max(1).values).statistic > 0.97
    assert (got.rival[some] == others.argmax(1)).double().mean() > 0.95


def test_every_number_follows_from_one_alpha_and_one_diagonal(x, codes):
    got = score(x, codes, dtype=torch.float64)
    d = got.terms[:, 2]
    alpha = got.first_partial / 2 + d
    torch.testing.assert_close(got.values, alpha**2 / d)
    torch.testing.assert_close(got.terms.sum(1), got.values)
    torch.testing.assert_close(got.terms[:, 0], (alpha - d) ** 2 / d)
    torch.testing.assert_close(got.prediction, 1 - alpha / d)
    # Prior-centred predictions of the one-hot targets, of +-1 targets in other units.
    shares = codes.bincount() / N
    ones = (1 - got.prediction) - 2 * (1 - got.own - shares[codes])
    torch.testing.assert_close(got.loo.sum(1), torch.zeros(N).double(), rtol=0, atol=1e-9)
    assert ones.isfinite().all()


def test_cg_prime_needs_no_inverse_and_is_exact(x, codes):
    got, exact = (score(x, codes, method=m, dtype=torch.float64) for m in ("iterative", "exact"))
    torch.testing.assert_close(got.cg_prime, exact.cg_prime)


def test_permuting_rows_changes_scores_by_no_more_than_the_tolerance(x, codes, rng):
    order = torch.randperm(N, generator=rng)
    got, permuted = (score(*data, ridge=0.1) for data in ((x, codes), (x[order], codes[order])))
    alpha, other = (s.first_partial / 2 + s.terms[:, 2] for s in (got, permuted))
    assert 0 < off_by(other, alpha[order]) < 0.01  # each is within half of it of the solution
    # The probes are others: the diagonal moves by as much as it is off.
    assert spearmanr(permuted.values, got.values[order]).statistic > 0.99
    torch.testing.assert_close(permuted.cg_prime, got.cg_prime[order], rtol=1e-4, atol=1e-4)


def test_the_rank_error_is_about_the_square_of_the_tolerance():
    """What is promised of the tolerance, on data large enough to tell."""
    x, labels, _ = blobs(n=900)
    limits = Limits(part_rows=60)
    got = score(x, labels, limits=limits, ridge=0.1)
    exact = score(x, labels, method="exact", ridge=0.1)
    alpha, expected = (s.first_partial / 2 + s.terms[:, 2] for s in (got, exact))
    error = max(got.metadata["iterative"]["errors"])
    assert error <= 0.005
    assert off_by(alpha, expected) < 2 * error + 1e-4
    assert 1 - spearmanr(alpha**2, expected**2).statistic < 10 * error**2 + 1e-5
    assert (got.suspects == exact.suspects).double().mean() > 0.99


def test_what_the_metadata_say(x, codes):
    found = score(x, codes, seed=3).metadata
    assert found["options"] == {
        "method": "iterative",
        "ridge": 0.0,
        "dtype": "float32",
        "seed": 3,
    }
    told = found["iterative"]
    assert {*told} == {"iterations", "errors", "residuals", "landmarks", "parts", "probes"}
    assert told["landmarks"] == N // 16
    assert len(told["errors"]) == len(told["residuals"]) == 3
    assert 2 < told["iterations"] < 40


def test_few_rows_are_solved_by_the_sweep(x, codes):
    for limits in (Limits(), Limits(part_rows=60)):
        got = score(x, codes, limits=limits)
        assert torch.equal(got.values, score(x, codes, method="exact").values)
        assert "iterative" not in got.metadata
    assert "iterative" in score(x, codes, limits=Limits(part_rows=59)).metadata


def test_classes_that_are_too_many_for_the_iteration_are_swept(x):
    codes = torch.arange(N) // 7
    got = score(x, codes)
    assert torch.equal(got.values, score(x, codes, method="exact").values)


def test_one_class_alone(x):
    got, exact = (score(x, ["only"] * N, method=m) for m in ("iterative", "exact"))
    assert "iterative" in got.metadata
    alpha, expected = (s.first_partial / 2 + s.terms[:, 2] for s in (got, exact))
    assert off_by(alpha, expected) < 0.01
    assert off_by(got.values, exact.values) < 0.1


@pytest.mark.parametrize("conflict", [0, 1])
def test_duplicates_and_near_copies(x, codes, conflict):
    """A third of all rows: exact ones, scaled and rounded ones, of the same or of other labels."""
    torch.manual_seed(0)
    copies = torch.cat([x[:40], 3 * x[40:80], x[80:120] * (1 + 6e-8 * torch.randn(40, 12))])
    both = torch.cat([x, copies])
    labels = torch.cat([codes, (codes[:120] + conflict) % 3])
    got, exact = (score(both, labels, method=m) for m in ("iterative", "exact"))
    assert torch.isfinite(got.values).all()
    assert torch.equal(got.conflicts, exact.conflicts)
    assert got.metadata["twins"] == exact.metadata["twins"] > 70
    # Of two rounded copies the later one has the ridge, by the order of the parts: what the others
    # see of a conflict is then another label.
    alone = torch.arange(120, N)
    alpha, expected = (s.first_partial / 2 + s.terms[:, 2] for s in (got, exact))
    assert off_by(alpha[alone], expected[alone]) < (0.1 if conflict else 0.02)
    ranks = spearmanr(got.values[alone], exact.values[alone]).statistic
    assert ranks > (0.95 if conflict else 0.98)
    if conflict:
        assert got.values[:120].median() > 100 * got.values[alone].median()


def test_near_copies_are_listed_as_by_exact(x, codes):
    both = torch.cat([x, x[:20] + 0.01])
    labels = torch.cat([codes, codes[:20]])
    got, exact = (score(both, labels, method=m, near=0.99) for m in ("iterative", "exact"))
    assert len(got.near_copies) >= 20
    assert torch.equal(got.near_copies, exact.near_copies)


def test_a_matrix_without_solution_is_an_error_and_never_scores(x, codes, monkeypatch):
    monkeypatch.setattr("torch_cgprune.scoring.blocks.twin_angle", lambda _: 0.0)
    rounded = x * (1 + 1e-7 * torch.arange(12))
    with pytest.raises(NotPositiveDefiniteError, match=r"ridge=1e-3"):
        score(torch.cat([x, rounded]), torch.cat([codes] * 2))


def test_the_bar_goes_to_its_end(x, codes, capsys):
    score(x, codes, progress=True)
    assert "CG-scores (iterative): 100%" in capsys.readouterr().err


def test_a_cache_is_written_and_read(x, codes, tmp_path):
    data = torch.utils.data.TensorDataset(x, codes)
    options = {"method": "iterative", "cache": tmp_path / "s.safetensors", "progress": False}
    first, again = (CGScoredDataset(data, **options) for _ in range(2))
    assert first.computed
    assert not again.computed
    with pytest.raises(ValueError, match="method is 'iterative' there and 'exact' here"):
        CGScoredDataset(data, **{**options, "method": "exact"})


def test_parts_are_a_partition_of_neighbours():
    rng = torch.Generator().manual_seed(0)
    points, codes = torch.randn(103, 4, generator=rng), torch.arange(103) % 2
    plan = plans.iterative(points, codes, 2, part_rows=10, seed=5)
    ((block,),) = plan.runs
    assert plan.whole
    assert plan.parted
    assert plan.sizes == [[103]]
    assert block.rows.sort().values.tolist() == [*range(103)]
    assert torch.equal(block.codes, codes[block.rows])
    assert block.parts[0][0] == 0
    assert [stop for _, stop in block.parts][:-1] == [start for start, _ in block.parts][1:]
    assert block.parts[-1][1] == 103
    assert [b - a for a, b in block.parts] == [10] * 10 + [3]
    spread = [float(points[block.rows[a:b]].var(0).sum()) for a, b in block.parts]
    assert sum(spread) / len(spread) < 0.6 * float(points.var(0).sum())


def test_tiles_of_parts_are_of_even_lengths():
    for n in (4097, 5000, 50_000, 65_536):
        points, codes = torch.zeros(n, 1), torch.arange(n) % 2
        points[:, 0] = torch.arange(n)
        ((block,),) = plans.iterative(points, codes, 2, part_rows=1024, seed=0).runs
        stops = [stop for _, stop in block.parts]
        assert stops[-1] == n
        assert all(stop % 64 == 0 for stop in stops[:-1])
        assert max(b - a for a, b in block.parts) <= 1024
        assert min(b - a for a, b in block.parts) >= 1


def test_what_does_not_fit_is_an_error_before_the_work(x, codes, monkeypatch):
    from torch_cgprune.scoring import problem  # noqa: PLC0415
    from torch_cgprune.utils import devices  # noqa: PLC0415

    for module in (devices, problem):
        monkeypatch.setattr(module, "available_on", lambda _: 100_000)
    with pytest.raises(MemoryError, match=r"method='local'.*storage='FOLDER'"):
        score(x, codes)


def test_what_finds_no_room_is_computed_anew_to_the_same_scores(x, codes, monkeypatch, caplog):
    from torch_cgprune.scoring import problem  # noqa: PLC0415
    from torch_cgprune.solver import tiles  # noqa: PLC0415

    x[50], codes[7], x[3] = x[7] + 1e-5, 1, x[9]  # a near copy, a copy
    expected = score(x, codes, near=0.9)
    filled = []
    keep = tiles.Tiles._filled

    def counted(self, fill, start, stop):
        filled.append(start)
        return keep(self, fill, start, stop)

    monkeypatch.setattr(tiles.Tiles, "_filled", counted)
    monkeypatch.setattr(problem, "available_on", lambda _: 400_000)
    monkeypatch.setattr(problem, "check_fits", lambda *_: None)
    with caplog.at_level("INFO", logger="torch_cgprune"):
        got = score(x, codes, near=0.9)
    assert "are computed anew in every iteration; storage='FOLDER'" in caplog.text
    assert filled.count(0) > 5
    for name, tensor in expected.__dict__.items():
        if isinstance(tensor, torch.Tensor):
            assert torch.equal(getattr(got, name), tensor), name


def interrupt_after(patch, products):
    """Let the given number of products with the matrix through, then press Ctrl-C."""
    from torch_cgprune.solver.matrix import SymmetricMatrix  # noqa: PLC0415

    left, multiply = iter(range(products)), SymmetricMatrix.__matmul__

    def counted(self, vectors):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return multiply(self, vectors)

    patch.setattr(SymmetricMatrix, "__matmul__", counted)


def test_an_interrupted_iteration_is_taken_up_to_the_same_bits(
    x, codes, tmp_path, monkeypatch, caplog
):
    path = tmp_path / "partial"
    whole = score(x, codes)
    monkeypatch.setattr("torch_cgprune.scoring.checkpoint._EVERY", 0)
    products = whole.metadata["iterative"]["iterations"]
    assert products > 3
    for _ in range(2):
        with monkeypatch.context() as patch:
            interrupt_after(patch, 1)
            with pytest.raises(KeyboardInterrupt):
                score(x, codes, checkpoint=path)
        assert [*tmp_path.iterdir()] == [path]
    with monkeypatch.context() as patch, caplog.at_level("INFO", logger="torch_cgprune"):
        interrupt_after(patch, products - 2)  # suffices for what is left alone
        resumed = score(x, codes, checkpoint=path)
    assert "taking up after 2 iterations" in caplog.text
    assert resumed.metadata["iterative"] == whole.metadata["iterative"]
    for name, tensor in whole.__dict__.items():
        if isinstance(tensor, torch.Tensor):
            assert torch.equal(getattr(resumed, name), tensor), name
    assert [*tmp_path.iterdir()] == []


def test_an_iteration_of_another_job_is_passed_over(x, codes, tmp_path, monkeypatch):
    path = tmp_path / "partial"
    monkeypatch.setattr("torch_cgprune.scoring.checkpoint._EVERY", 0)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            score(x, codes, checkpoint=path)
    again = score(x, codes, seed=1, checkpoint=path)
    assert torch.equal(again.values, score(x, codes, seed=1).values)
    assert [*tmp_path.iterdir()] == []


def test_the_options_of_others_have_no_effect(x, codes):
    got = cg_scores(x, codes, method="iterative", runs=3, block_size=9, ratio=2, progress=False)
    assert {*got.metadata["options"]} == {"method", "ridge", "dtype", "seed"}
