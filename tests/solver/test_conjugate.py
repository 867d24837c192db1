import pytest
import torch

from torch_cgprune import NotPositiveDefiniteError
from torch_cgprune.solver.conjugate import conjugate_gradients

N = 120


def system(rng, dtype=torch.float64, columns=5):
    """A matrix of condition 1e4, a preconditioner a little off, and the solution."""
    vectors, _ = torch.linalg.qr(torch.randn(N, N, generator=rng, dtype=torch.float64))
    values = torch.logspace(-4, 0, N, dtype=torch.float64)
    h = vectors @ (values[:, None] * vectors.T)
    off = values * (1 + 0.5 * torch.rand(N, generator=rng, dtype=torch.float64))
    near = vectors @ ((1 / off)[:, None] * vectors.T)
    targets = torch.randn(N, columns, generator=rng, dtype=torch.float64)
    solution = torch.linalg.solve(h, targets)
    return h.to(dtype), near.to(dtype), targets.to(dtype), solution


def off_by(found, solution):
    return (found.double() - solution).norm(dim=0) / solution.norm(dim=0)


@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-3, 1e-8])
def test_every_column_is_within_its_tolerance(tolerance, rng):
    h, near, targets, solution = system(rng)
    tolerances = torch.tensor([tolerance] * 3 + [0.1] * 2, dtype=torch.float64)
    found = conjugate_gradients(h.matmul, near.matmul, targets, tolerances)
    assert (off_by(found.solution, solution) <= 2 * tolerances).all()
    assert (found.errors <= tolerances).all()
    # The estimate is the error, by the factor that the preconditioner is off.
    ratio = found.errors / off_by(found.solution, solution)
    assert ((ratio > 0.5) & (ratio < 1.5)).all()
    residuals = (targets - h @ found.solution).norm(dim=0) / targets.norm(dim=0)
    torch.testing.assert_close(found.residuals, residuals)


def test_float32_solves_what_float32_cannot_by_residuals_in_float64(rng):
    h, near, targets, _ = system(rng, torch.float32)
    solution = torch.linalg.solve(h.double(), targets.double())
    asked = []

    def multiply(vectors):
        asked.append(vectors.dtype)
        return h.to(vectors) @ vectors

    # Where float32 suffices, there is no product in float64.
    loose, tight = (torch.full((5,), t, dtype=torch.float64) for t in (1e-2, 1e-6))
    found = conjugate_gradients(multiply, near.matmul, targets, loose)
    assert (off_by(found.solution, solution) < 0.02).all()
    assert {*asked} == {torch.float32}
    found = conjugate_gradients(multiply, near.matmul, targets, tight)
    assert (off_by(found.solution, solution) < 2e-6).all()
    assert torch.float64 in asked
    assert found.solution.dtype == torch.float32


def test_lengths_are_taken_in_units(rng):
    """A row of large entries hides the errors of all others, but for its unit."""
    h, near, targets, _ = system(rng)
    scale = torch.ones(N, dtype=torch.float64)
    scale[0] = 1e-4
    h, near = scale[:, None] * h * scale, near / scale[:, None] / scale
    solution = torch.linalg.solve(h, targets)
    tolerances = torch.full((5,), 1e-2, dtype=torch.float64)
    found = {}
    for name, units in (("plain", 1.0), ("scaled", 1 / scale)):
        got = conjugate_gradients(h.matmul, near.matmul, targets, tolerances, units=units)
        found[name] = off_by(scale[:, None] * got.solution, scale[:, None] * solution).max()
    assert found["scaled"] < 0.02 < found["plain"]


def test_a_preconditioner_need_not_be_positive_where_it_is_small(rng):
    """What it does to the smoothest direction is lost in rounding, sign and all."""
    h, near, targets, _ = system(rng)
    smooth = torch.full((N, 1), N**-0.5, dtype=torch.float64)
    h = h + 1e3 * smooth @ smooth.T
    across = torch.eye(N, dtype=torch.float64) - smooth @ smooth.T
    near = across @ near @ across - 1e-4 * smooth @ smooth.T
    targets = targets + 10 * smooth
    tolerances = torch.full((5,), 1e-3, dtype=torch.float64)
    found = conjugate_gradients(h.matmul, near.matmul, targets, tolerances).solution
    assert (off_by(found, torch.linalg.solve(h, targets)) < 2e-3).all()


def test_an_estimate_that_deceives_is_found_out_and_gone_on_from(rng):
    """The first products are a little wrong: the recurrence converges to another solution."""
    h, near, targets, solution = system(rng)
    left = iter(range(2))

    def multiply(vectors):
        return h @ vectors * (1 if next(left, None) is None else 1.2)

    tolerances = torch.full((5,), 1e-3, dtype=torch.float64)
    found = conjugate_gradients(multiply, near.matmul, targets, tolerances)
    straight = conjugate_gradients(h.matmul, near.matmul, targets, tolerances)
    assert (off_by(found.solution, solution) < 2e-3).all()
    assert found.iterations > straight.iterations


def test_columns_that_converge_at_once_and_small_ones_do_no_harm(rng):
    h, near, targets, _ = system(rng)
    targets[:, 0] = torch.linalg.eigh(h).eigenvectors[:, -1]
    targets[:, 1] *= 1e-9
    found = conjugate_gradients(
        h.matmul, near.matmul, targets, torch.full((5,), 1e-6, dtype=torch.float64)
    )
    assert (off_by(found.solution, torch.linalg.solve(h, targets)) < 2e-6).all()


def test_as_many_columns_as_rows():
    h = torch.tensor([[2.0, 1.0], [1.0, 3.0]]).double()
    eye = torch.eye(2).double()
    found = conjugate_gradients(
        h.matmul, lambda v: v / 2, eye, torch.full((2,), 1e-6, dtype=torch.float64)
    )
    torch.testing.assert_close(found.solution, torch.linalg.inv(h))


def test_columns_together_need_fewer_iterations_than_alone(rng):
    h, _, targets, _ = system(rng, columns=12)
    one = torch.full((12,), 1e-4, dtype=torch.float64)
    together = conjugate_gradients(h.matmul, lambda v: v, targets, one)
    alone = conjugate_gradients(h.matmul, lambda v: v, targets[:, :1], one[:1])
    assert together.iterations < 0.7 * alone.iterations


def test_what_does_not_converge_is_an_error_with_the_cure(rng):
    h, _, targets, _ = system(rng)
    tolerances = torch.full((5,), 1e-6, dtype=torch.float64)
    told = []
    with pytest.raises(NotPositiveDefiniteError, match=r"after 9 iterations.*ridge=1e-3"):
        conjugate_gradients(h.matmul, lambda v: v, targets, tolerances, most=9, tell=told.append)
    assert len(told) == 8
    assert min(told) > 1


@pytest.mark.parametrize("entry", [-1.0, float("nan")])
def test_a_matrix_that_is_not_positive_definite_is_an_error(entry, rng):
    h, near, targets, _ = system(rng)
    h[3, 3] = entry
    with pytest.raises(NotPositiveDefiniteError, match=r"not positive definite.*ridge=1e-3"):
        conjugate_gradients(
            h.matmul, near.matmul, targets, torch.full((5,), 1e-6, dtype=torch.float64)
        )


def test_who_shares_the_work_stops_where_the_first_does():
    """Rounding differs from machine to machine; whoever went on alone would wait for ever."""
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(60, 80, generator=generator, dtype=torch.float64)
    matrix = root @ root.T / 80
    heard = []

    def solve(agree):
        tolerances = torch.full((2,), 1e-6, dtype=torch.float64)
        targets = torch.randn(60, 2, generator=generator, dtype=torch.float64)
        return conjugate_gradients(
            matrix.matmul, lambda v: v, targets, tolerances, agree=agree
        ).iterations

    first = solve(lambda errors: heard.append(errors.clone()))
    told = iter(heard)
    assert len(heard) == first > 3
    assert solve(lambda errors: errors.copy_(next(told))) == first
    assert solve(lambda errors: errors.zero_()) == 2
