"""Rows in mapped files: the same as of one tensor."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune import cg_scores
from torch_cgprune.inputs.mapped import MappedRows


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5), st.data())
def test_rows_are_those_of_one_array(sizes, data):
    n = sum(sizes)
    whole = np.arange(3 * n, dtype=np.float16).reshape(n, 3)
    rows = MappedRows(np.split(whole, np.cumsum(sizes)[:-1]))
    assert (len(rows), rows.shape, rows.numel()) == (n, (n, 3), 3 * n)
    chosen = data.draw(st.lists(st.integers(0, n - 1), max_size=8)) if n else []
    assert rows[torch.tensor(chosen, dtype=torch.int64)].numpy().tolist() == whole[chosen].tolist()
    for start, stop in ((0, n), (1, n - 1), (n // 2, n + 3)):
        assert rows[start:stop].numpy().tolist() == whole[start:stop].tolist()
    assert [r.tolist() for part in rows.split(2) for r in part] == whole.tolist()
    if n:
        assert rows[n - 1].tolist() == whole[n - 1].tolist()


def test_rows_of_different_lengths():
    with pytest.raises(ValueError, match=r"Got \[2, 3\]"):
        MappedRows([np.zeros((1, 2)), np.zeros((1, 3))])


@pytest.mark.parametrize(
    "options",
    [
        {"method": "exact"},
        {"method": "iterative"},
        {"method": "local", "block_size": 40},
        {"method": "stochastic", "runs": 1},
        {"method": "exact", "standardise": True},
        {"method": "exact", "near": 0.9},
    ],
)
def test_scores_are_those_of_one_array(tmp_path, options):
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(150, 20)).astype(np.float16)
    labels = rng.integers(3, size=150)
    parts = []
    for i, part in enumerate(np.split(whole, [30, 31, 100])):
        np.save(tmp_path / f"{i}.npy", part)
        parts.append(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
    mapped = cg_scores(MappedRows(parts), labels, progress=False, **options)
    plain = cg_scores(whole, labels, progress=False, **options)
    assert torch.equal(mapped.values, plain.values)
    assert mapped.metadata["fingerprint"] == plain.metadata["fingerprint"]
