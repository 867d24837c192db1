import oracles
import pytest
import torch

from torch_cgprune.kernel import gram_tile, unit_rows


def test_tiles_are_the_gram_matrix(device, dtype, rng):
    x = torch.randn(23, 7, generator=rng)
    rows = unit_rows(x, dtype=dtype, device=device)
    expected = oracles.gram(x)
    for start, stop in ((0, 5), (5, 22), (22, 23), (0, 23)):
        tile = torch.empty(1, stop - start, stop, dtype=dtype, device=device)
        gram_tile(rows[None], start, stop, tile)
        assert tile.device.type == device
        assert oracles.close(tile[0].cpu(), expected[start:stop, :stop], dtype)


def test_the_diagonal_is_exactly_one_half(dtype, rng):
    rows = unit_rows(torch.randn(50, 300, generator=rng), dtype=dtype, device="cpu")
    tile = torch.empty(1, 30, 50, dtype=dtype)
    gram_tile(rows[None], 20, 50, tile)
    assert (tile[0, :, 20:].diagonal() == 0.5).all()


def test_equal_and_opposite_rows_stay_finite(dtype):
    x = torch.full((4, 1000), 0.1)
    x[2:] *= -1
    tile = torch.empty(1, 4, 4, dtype=dtype)
    gram_tile(unit_rows(x, dtype=dtype, device="cpu")[None], 0, 4, tile)
    tile = tile[0]
    assert torch.isfinite(tile).all()
    assert tile[0, 1] == pytest.approx(0.5, abs=1e-3)
    assert tile[0, 2] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_norms_neither_overflow_nor_underflow(scale):
    rows = unit_rows(torch.tensor([[3.0, 4.0]]) * scale, dtype=torch.float32, device="cpu")
    torch.testing.assert_close(rows, torch.tensor([[0.6, 0.8]]))


def test_integers_and_images_are_taken(rng):
    images = torch.randint(1, 255, (5, 3, 4, 4), dtype=torch.uint8, generator=rng)
    rows = unit_rows(images, dtype=torch.float64, device="cpu")
    assert rows.shape == (5, 48)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize("row", [0, 1500])
@pytest.mark.parametrize(
    ("value", "what"), [(float("nan"), "NaN"), (float("inf"), "infinity"), (0.0, "all zeros")]
)
def test_a_bad_row_is_named(row, value, what):
    x = torch.ones(2000, 3)
    x[row] = value
    with pytest.raises(ValueError, match=rf"Row {row} .*{what}"):
        unit_rows(x, dtype=torch.float32, device="cpu")
