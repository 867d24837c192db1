import functools

import oracles
import pytest
import torch
from scipy.stats import spearmanr

from torch_cgprune import NotPositiveDefiniteError
from torch_cgprune.solver import Storage, flops, iterate
from torch_cgprune.solver.diagonal import estimate_diagonal, random_signs
from torch_cgprune.solver.iterative import landmarks_of
from torch_cgprune.solver.matrix import SymmetricMatrix
from torch_cgprune.solver.preconditioner import Preconditioner, nystroem_factor, rest_inverse
from torch_cgprune.solver.tiles import Tiles
from torch_cgprune.utils.ranks import ALONE

BOUNDS = [(0, 70), (70, 131), (131, 200), (200, 263), (263, 330)]
N = BOUNDS[-1][1]


@functools.cache
def _gram():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(N, 12, generator=rng)
    for start, stop in BOUNDS:
        x[start:stop] += 1.5 * torch.randn(12, generator=rng)
    return oracles.gram(x)


@pytest.fixture
def h():
    """A Gram matrix of rows around a centre for each part."""
    return _gram().clone()


@pytest.fixture
def y():
    return torch.nn.functional.one_hot(torch.arange(N) % 3).double()


def lower_tiles(h):
    return lambda start, stop, out: out.copy_(h[start:stop, :stop])


def solve(h, y, *, ridge=0.0, dtype=torch.float64, device="cpu", **options):
    shifted = h + ridge * torch.eye(len(h), dtype=h.dtype)
    place = {"dtype": dtype, "device": device}
    return iterate(
        lower_tiles(shifted.to(**place)),
        y.to(**place),
        options.pop("bounds", BOUNDS),
        shift=torch.full((len(h),), ridge, **place),
        **options,
    )


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_the_solution_is_that_of_the_inverse(ridge, h, y, device, dtype):
    found = solve(h, y, ridge=ridge, dtype=dtype, device=device)
    inverse = torch.linalg.inv(h + ridge * torch.eye(N, dtype=torch.float64))
    alpha, d = inverse @ y, inverse.diagonal()
    off = (found.alpha.double().cpu() - alpha).norm(dim=0) / alpha.norm(dim=0)
    assert off.max() < 0.01
    # A few hundred rows fit the estimate as well as they can.
    got = found.diagonal.double().cpu()
    assert spearmanr(got, d).statistic > 0.98
    assert ((got - d) / d).square().mean().sqrt() < 0.06
    assert found.converged.iterations < 30


def test_a_smaller_tolerance_is_kept(h, y):
    found = solve(h, y, tolerance=1e-8)
    alpha = torch.linalg.solve(h, y)
    assert ((found.alpha - alpha).norm(dim=0) / alpha.norm(dim=0)).max() < 3e-8


def test_tiles_are_filled_once_and_the_progress_adds_up(h, y):
    asked, done = torch.zeros(N, N), []

    def fill(start, stop, out):
        assert out.shape == (1, stop - start, stop)
        asked[start:stop, :stop] += 1
        out.copy_(h[start:stop, :stop])

    iterate(fill, y, BOUNDS, shift=torch.zeros(N), advance=done.append)
    assert asked.max() == 1
    assert (asked.tril() == torch.ones(N, N).tril()).all()
    assert sum(done) == flops(N)
    assert min(done) >= 0
    assert len(done) > len(BOUNDS) + 2


def test_tiles_without_a_place_are_filled_for_each_reading(h, y):
    asked, done = [], []

    def fill(start, stop, out):
        asked.append(start)
        out.copy_(h[start:stop, :stop])

    storage = Storage(200_000, anew=True)
    found = iterate(fill, y, BOUNDS, shift=torch.zeros(N), storage=storage, advance=done.append)
    times = [asked.count(start) for start, _ in BOUNDS]
    assert times[-1] == 1  # the last has a place
    # Once for what is seen of it, the landmarks' columns and the parts; once for an iteration.
    assert times[0] == 3 + found.converged.iterations
    assert sum(done) == flops(N)
    assert min(done) >= 0


@pytest.mark.parametrize("on_device", [0, 200_000])
@pytest.mark.parametrize("elsewhere", ["host memory", "a file", "nowhere"])
def test_the_result_is_bit_identical_wherever_tiles_live(
    on_device, elsewhere, h, y, device, tmp_path
):
    expected = solve(h, y, device=device)
    folder = tmp_path if elsewhere == "a file" else None
    storage = Storage(on_device, folder, anew=elsewhere == "nowhere")
    found = solve(h, y, device=device, storage=storage)
    assert torch.equal(found.alpha, expected.alpha)
    assert torch.equal(found.diagonal, expected.diagonal)
    assert [*tmp_path.iterdir()] == []


def test_the_seed_decides(h, y):
    first, again, other = (solve(h, y, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.diagonal, again.diagonal)
    assert not torch.equal(first.diagonal, other.diagonal)


def test_a_singular_part_is_an_error_with_the_cure(h, y):
    h[:, 5], h[5] = h[:, 4], h[4]
    h[5, 5] = h[4, 5] = h[5, 4] = h[4, 4]
    with pytest.raises(NotPositiveDefiniteError, match=r"copies.*ridge=1e-3.*float64"):
        solve(h, y, dtype=torch.float32)
    solve(h, y, dtype=torch.float32, ridge=1e-3)


def test_copies_in_other_parts_end_in_the_solution_or_in_an_error(h, y):
    """No part shows that the matrix is singular: only the residual can."""
    order = [*range(N)]
    order[69], order[70] = 4, 4
    twice = h[order][:, order]
    with pytest.raises(NotPositiveDefiniteError, match=r"ridge=1e-3"):
        solve(twice, y, dtype=torch.float32)
    found = solve(twice, y, ridge=1e-3)
    alpha = torch.linalg.solve(twice + 1e-3 * torch.eye(N, dtype=torch.float64), y)
    assert ((found.alpha - alpha).norm(dim=0) / alpha.norm(dim=0)).max() < 0.02


@pytest.fixture
def near(h):
    """The preconditioner of some landmarks, and the matrix that it stands for."""
    landmarks = torch.arange(3, N, 17)
    factor, left = nystroem_factor(h[:, landmarks].clone(), landmarks)
    inverses = [rest_inverse(h[a:b, a:b], factor[a:b]) for a, b in BOUNDS]
    dense = factor @ factor.T
    for a, b in BOUNDS:
        dense[a:b, a:b] = h[a:b, a:b]
    return Preconditioner(factor, inverses, BOUNDS), dense, landmarks, left


def test_the_preconditioner_has_the_parts_and_the_landmarks_of_the_matrix(near, h):
    found, dense, landmarks, _ = near
    torch.testing.assert_close(dense[landmarks], h[landmarks], rtol=0, atol=1e-6)
    eye = torch.eye(N, dtype=torch.float64)
    torch.testing.assert_close(found(dense), eye, rtol=0, atol=1e-4)
    torch.testing.assert_close(found(eye).diagonal(), found.diagonal, rtol=1e-6, atol=0)
    assert torch.linalg.eigvalsh(dense).min() > 0


def test_what_the_others_leave_of_a_landmark_is_its_conditional_variance(near, h):
    _, _, landmarks, left = near
    own = h[landmarks][:, landmarks]
    for i in range(len(landmarks)):
        rest = torch.arange(len(landmarks)) != i
        explained = own[i, rest] @ torch.linalg.solve(own[rest][:, rest], own[rest, i])
        assert float(left[i]) == pytest.approx(float(own[i, i] - explained), rel=1e-4)


def test_landmarks_grow_with_the_rows_and_stop():
    assert [landmarks_of(n) for n in (1, 160, 10**6)] == [1, 10, 2048]


def test_the_matrix_multiplies_and_has_columns_and_parts(h, rng):
    tiles = Tiles(BOUNDS, lower_tiles(h), h[None, :, :1], None)
    matrix = SymmetricMatrix(tiles, BOUNDS, h[:, :1], ALONE)
    vectors = torch.randn(N, 4, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(matrix @ vectors, h @ vectors)
    chosen = torch.tensor([0, 5, 69, 70, 199, 200, N - 1])
    assert torch.equal(matrix.columns(chosen), h[:, chosen])
    for (start, stop, part), bounds in zip(matrix.parts(), BOUNDS, strict=True):
        assert (start, stop) == bounds
        assert torch.equal(part, h[start:stop, start:stop])


def test_the_diagonal_is_that_of_the_samples_where_features_say_nothing(rng):
    """As many samples as it takes: what is fitted must then give way to them."""
    truth = 1 + torch.rand(2000, generator=rng)
    noise = 0.02 * torch.randn(2000, 50, generator=rng)
    ones = torch.ones(2000)
    features = torch.rand(2000, 2, generator=rng) + 0.1
    nothing = torch.zeros(2000, 50)
    got = estimate_diagonal(
        truth[:, None] + noise, nothing, 0 * ones, ones, features, torch.zeros(2000).bool()
    )
    assert (got - truth).abs().max() < 0.02
    assert spearmanr(got, truth).statistic > 0.999


def test_the_diagonal_follows_its_features_where_the_samples_are_noisy(rng):
    features = torch.rand(2000, 2, generator=rng) + 0.5
    apart = torch.arange(2000) < 300
    truth = 1 + features[:, 0] * features[:, 1] + apart
    near = 0.5 * torch.randn(2000, 8, generator=rng)
    samples = truth[:, None] + 0.8 * near + 0.1 * torch.randn(2000, 8, generator=rng)
    arguments = torch.zeros(2000), torch.ones(2000), features, apart
    got = estimate_diagonal(samples, near, *arguments)
    error = (got - truth).square().mean().sqrt()
    assert error < 0.3 * (samples.mean(1) - truth).square().mean().sqrt()
    # Without the part of the noise that is known it is off by more.
    without = estimate_diagonal(samples, torch.zeros_like(near), *arguments)
    assert error < 0.8 * (without - truth).square().mean().sqrt()
    # Nor may rows apart be taken for the others.
    mixed = estimate_diagonal(samples, near, *arguments[:3], torch.zeros(2000).bool())
    assert error < 0.5 * (mixed - truth).square().mean().sqrt()


def test_the_diagonal_is_never_below_the_floor(rng):
    floor = torch.rand(100, generator=rng) + 1
    got = estimate_diagonal(
        torch.zeros(100, 4), torch.zeros(100, 4), floor, floor, floor[:, None], floor > 2
    )
    assert torch.equal(got, floor)


def test_probes_are_signs_and_seeded():
    first, again = (
        random_signs(50, 4, torch.Generator().manual_seed(3), torch.ones(1)) for _ in "ab"
    )
    assert torch.equal(first, again)
    assert first.unique().tolist() == [-1, 1]
