"""Columns of different units: told by their deviations, and brought to one."""

import warnings

import numpy as np
import pytest
import torch

from torch_cgprune import CacheMismatchError, CGScoredDataset, cg_scores
from torch_cgprune.errors import ArgumentValueError
from torch_cgprune.scoring.columns import measure, standardising

Y = torch.arange(200) % 2


def people(rng, n=200):
    """Incomes, years and a constant."""
    columns = torch.randn(n, 3, generator=rng, dtype=torch.float64)
    columns[:, 0] = 40_000 + 15_000 * columns[:, 0]
    columns[:, 1] = 1980 + 10 * columns[:, 1] + 12 * (torch.arange(n) % 2)
    columns[:, 2] = 0.1
    return columns


def standard(x):
    x = x[:, x.std(0, correction=0) > 1e-12]
    return (x - x.mean(0)) / x.std(0, correction=0)


@pytest.mark.parametrize("method", ["exact", "local", "stochastic"])
def test_standardised_scores_are_those_of_standardised_columns(method, rng, device):
    x, options = people(rng), {"method": method, "dtype": torch.float64, "progress": False}
    got = cg_scores(x, Y, standardise=True, device=device, **options)
    expected = cg_scores(standard(x), Y, device=device, **options)
    torch.testing.assert_close(got.values, expected.values, rtol=1e-6, atol=1e-9)
    assert got.metadata["options"] == {**expected.metadata["options"], "standardise": True}


def test_measured_in_one_pass_as_numpy_does_in_two(rng):
    x = 1e6 + torch.randn(9000, 5, generator=rng, dtype=torch.float64)
    x[:, 2], x[:4500, 3], x[0, 4] = 0.1, 0, 1e9
    mean, deviation, span = measure(x)
    np.testing.assert_allclose(mean, np.mean(x.numpy(), 0), rtol=1e-12)
    np.testing.assert_allclose(deviation[[0, 1, 3, 4]], np.std(x.numpy(), 0)[[0, 1, 3, 4]], 1e-9)
    np.testing.assert_allclose(span, np.ptp(x.numpy(), 0))
    assert deviation[2] == 0


def test_rows_of_a_file_are_not_copied_as_a_whole(tmp_path, rng, monkeypatch):
    np.save(tmp_path / "x.npy", people(rng).numpy())
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    monkeypatch.setattr("torch_cgprune.scoring.columns._ROWS", 7)
    kept = np.asarray(x).copy()
    got = cg_scores(x, Y, standardise=True, progress=False)
    torch.testing.assert_close(
        got.values, cg_scores(standard(torch.from_numpy(kept)), Y, progress=False).values
    )
    assert np.array_equal(x, kept)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (torch.ones(4, 3), "all are constant"),
        (torch.tensor([[1e300, 1], [-1e300, 2], [0, 4]], dtype=torch.float64), "column 0"),
        (torch.tensor([[1, 1e-200], [2, 0], [4, 2e-200]], dtype=torch.float64), "column 1"),
    ],
)
def test_columns_that_cannot_be_standardised(x, match):
    with pytest.raises(ArgumentValueError, match=match):
        standardising(measure(x))


def test_a_bad_row_is_named_though_it_spoils_the_means(rng):
    x = people(rng)
    x[150, 1] = torch.nan
    for standardise in (False, True):
        with pytest.raises(ValueError, match=r"Row 150 .*NaN"):
            cg_scores(x, Y, standardise=standardise, progress=False)


def test_the_mean_of_all_has_no_direction():
    x = torch.tensor([[1.0, 5.0], [2.0, 4.0], [3.0, 3.0]])
    with pytest.raises(ValueError, match=r"Row 1 .*is the mean of all rows"):
        cg_scores(x, [0, 1, 0], standardise=True, progress=False)


def test_a_row_of_zeros_has_a_direction_from_the_mean(rng):
    x = people(rng)
    x[3] = 0
    assert cg_scores(x, Y, standardise=True, progress=False).values.isfinite().all()


def test_a_warning_names_columns_of_different_units(rng):
    with pytest.warns(UserWarning, match=r"column 0 .*column 1 .*Pass standardise=True to bring"):
        cg_scores(people(rng), Y, progress=False)


def digits_like(rng):
    """Pixels of bytes; at the border one of them is lit, once and dimly."""
    x = torch.randint(0, 256, (200, 36), generator=rng).float()
    x[:, :8] = 0
    x[:, 0], x[5, 1] = 7, 1
    return x


def normal_with(rng, d, deviations):
    x = torch.randn(200, d, generator=rng)
    x[:, : len(deviations)] *= torch.tensor(deviations)
    return x


@pytest.mark.parametrize(
    "make",
    [
        digits_like,
        lambda rng: digits_like(rng) / 255,
        lambda rng: normal_with(rng, 5, [300.0, 1.0]),
        lambda rng: normal_with(rng, 128, [5000.0, 1e-5]),  # an embedding
        lambda rng: torch.cat([normal_with(rng, 2, []), torch.full((200, 2), 9.0)], 1),
        lambda rng: torch.ones(200, 1) + torch.rand(200, 1, generator=rng),
    ],
)
def test_images_and_embeddings_do_not_warn(make, rng):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*nearly copies")
        cg_scores(make(rng), Y, method="stochastic", ridge=1, progress=False)


def test_it_is_an_option_that_a_cache_compares(rng, tmp_path):
    data = [*zip(people(rng), Y.tolist(), strict=True)]
    options = {"cache": tmp_path / "scores", "progress": False}
    CGScoredDataset(data, standardise=True, **options)
    assert not CGScoredDataset(data, standardise=True, **options).computed
    with pytest.raises(CacheMismatchError, match="standardise is True there and None here"):
        CGScoredDataset(data, **options)


def test_only_true_and_false_are_taken(rng):
    with pytest.raises(TypeError, match=r"'standardise' .* must be True or False"):
        cg_scores(people(rng), Y, standardise=1, progress=False)
