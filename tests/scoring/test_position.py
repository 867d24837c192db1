"""The map of what is scored: its oracle is PCA by a singular value decomposition."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune import CGScores, cg_scores
from torch_cgprune.scoring import position
from torch_cgprune.scoring.position import on_a_plane


def pca(rows):
    """Return the first two principal components, the largest weight of each positive."""
    centred = rows - rows.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(axes[range(2), abs(axes[:2]).argmax(1)])
    return centred @ (axes[:2] * signs[:, None]).T


@given(st.integers(3, 40), st.integers(2, 9), st.integers(0, 99), st.floats(-5, 5))
def test_it_is_pca(n, d, seed, shift):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d)) * np.arange(1, d + 1) ** 2 + shift
    found = on_a_plane(torch.from_numpy(rows).float()).numpy()
    assert found.shape == (n, 2)
    scale = abs(rows - rows.mean(0)).max()
    # Axes of equal variance could be any: here they are apart, but for few rows.
    values = np.linalg.svd(rows - rows.mean(0), compute_uv=False)
    if values[1] < 0.9 * values[0] and (len(values) < 3 or values[2] < 0.9 * values[1]):
        assert found == pytest.approx(pca(rows), abs=2e-2 * scale)


@pytest.mark.parametrize("method", ["exact", "local", "stochastic"])
def test_scores_have_it_and_keep_it(tmp_path, method):
    far = torch.tensor([[9.0, 0, 0, 0], [0, 9, 0, 0], [0, 0, 9, 0]]).repeat(20, 1)
    x = far + torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(60) % 3
    scores = cg_scores(x, labels, method=method, progress=False)
    assert scores.position.shape == (60, 2)
    assert scores.position.dtype == torch.float32
    means = torch.stack([scores.position[labels == c].mean(0) for c in range(3)])
    nearest = torch.cdist(scores.position, means).argmin(1)
    assert torch.equal(nearest, labels)  # three clouds lie apart on the map
    scores.save(tmp_path / "s.safetensors")
    loaded = CGScores.load(tmp_path / "s.safetensors")
    assert torch.equal(loaded.position, scores.position)


def test_half_precision_and_parts_change_little(monkeypatch):
    sketch = 300 * torch.randn(500, 32, generator=torch.Generator().manual_seed(0))
    sketch[:, 3] *= 4  # its squares are beyond what float16 holds
    sketch[:, 7] *= 2
    whole = on_a_plane(sketch)
    monkeypatch.setattr(position, "_ROWS", 130)
    torch.testing.assert_close(on_a_plane(sketch), whole, rtol=1e-4, atol=1e-1)
    torch.testing.assert_close(on_a_plane(sketch.half()), whole, rtol=0.02, atol=5.0)
