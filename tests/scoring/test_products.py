import pytest
import torch
from torch.nn.functional import one_hot

from torch_cgprune.scoring.products import Products


@pytest.mark.parametrize("classes", [3, 200])  # multiplied, and added up
@pytest.mark.parametrize("at_once", [1, 100, 2**18])
def test_products_are_those_with_the_weighted_targets(classes, at_once, device, dtype, rng):
    h = torch.rand(2, 50, 50, generator=rng, dtype=torch.float64)
    h = h + h.mT
    codes = torch.randint(classes, (2, 50), generator=rng)
    weights = torch.randint(1, 4, (2, 50), generator=rng).double()
    got = Products(codes.to(device), classes, weights.to(device, dtype), at_once)
    for start in range(0, 50, 16):
        stop = min(start + 16, 50)
        got.add(start, stop, h[:, start:stop, :stop].to(device, dtype))
    expected = h @ (one_hot(codes, classes) * weights[..., None])
    torch.testing.assert_close(got.sums.cpu(), expected.to(dtype))
