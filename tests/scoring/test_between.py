"""Near copies between two sources."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from torch_cgprune import near_copies
from torch_cgprune.kernel.near import PAIRS_PER_EXAMPLE

COSINE = {torch.float32: 1e-5, torch.float64: 1e-12}


def wanted(x, others, near):
    u, v = (rows.double() / rows.double().norm(dim=1, keepdim=True) for rows in (x, others))
    c = u @ v.T
    return {(i, j): float(c[i, j]) for i, j in (c >= near).nonzero().tolist()}


def found(copies):
    pairs = map(tuple, copies.pairs.tolist())
    return dict(zip(pairs, copies.cosines.tolist(), strict=True))


@pytest.fixture
def sources(rng):
    x, others = torch.randn(90, 7, generator=rng), torch.randn(70, 7, generator=rng)
    others[3], others[69] = 2 * x[80], x[5] + 1e-3
    others[10:30] = x[10:30] + 0.1 * torch.randn(20, 7, generator=rng)
    return x, others


@pytest.mark.parametrize("near", [0.7, 0.99, 0.99999])
def test_all_pairs_above_the_cosine(sources, near, dtype, device):
    copies = near_copies(*sources, near=near, dtype=dtype, device=device, progress=False)
    expected = wanted(*sources, near)
    got = found(copies)
    assert got.keys() == expected.keys()
    assert len(got) > 1
    for pair, cosine in expected.items():
        assert got[pair] == pytest.approx(cosine, abs=COSINE[dtype])
    assert copies.cosines.max() <= 1
    assert torch.equal(copies.cosines, copies.cosines.sort(descending=True).values)


def test_pairs_are_found_in_every_tile(rng, device):
    x, others = torch.randn(2200, 9, generator=rng), torch.randn(2100, 9, generator=rng)
    others[[7, 2090, 1000, 2099]] = x[[2150, 3, 900, 2199]] + 1e-3
    copies = near_copies(x, others, near=0.95, device=device, progress=False)
    assert found(copies).keys() == wanted(x, others, 0.95).keys()
    assert {(2150, 7), (3, 2090), (900, 1000), (2199, 2099)} < found(copies).keys()


def test_at_1_there_are_exact_copies_alone(sources):
    copies = near_copies(*sources, near=1, progress=False)
    assert found(copies) == {(80, 3): 1}


def test_arrays_of_images_and_a_single_row(sources):
    x, others = (rows[:, :6].reshape(-1, 2, 3) for rows in sources)
    copies = near_copies(x.numpy(), others.numpy()[69:], near=0.999, progress=False)
    assert (5, 0) in found(copies)


def test_the_closest_are_kept_and_the_cut_is_said(rng, caplog):
    x, others = torch.rand(60, 5, generator=rng) + 1, torch.rand(40, 5, generator=rng) + 1
    copies = near_copies(x, others, near=0.2, progress=False)
    best = sorted(wanted(x, others, 0.2).values(), reverse=True)[: PAIRS_PER_EXAMPLE * 100]
    assert copies.cosines.tolist() == pytest.approx(best, abs=1e-5)
    assert "more than 1000 pairs" in caplog.text


def test_what_cannot_be_compared_is_named(sources):
    x, others = sources
    nan = others.clone()
    nan[[4, 6], 1] = torch.nan
    for given, message in (
        ((x, others[:, :6]), "'others' .* as long as those of the 'features', 7 .* Got 6"),
        ((x, nan), "2 rows of the 'others' hold NaN or infinity: 4, 6"),
        ((nan, x), "2 rows of the 'features' hold NaN or infinity: 4, 6"),
        ((x, others * 0), "70 rows of the 'others' are all zeros"),
        ((x, others[:0]), r"'others' must have one row per example .*\(0, 7\)"),
        ((x[:0], others), r"'features' must have one row per example .*\(0, 7\)"),
    ):
        with pytest.raises(ValueError, match=message):
            near_copies(*given, progress=False)
    with pytest.raises(TypeError, match=r"'others' must be .* numbers"):
        near_copies(x, np.array([["a"] * 7]), progress=False)
    for option in ({"near": 0}, {"near": 2}, {"dtype": torch.float16}):
        with pytest.raises(ValueError, match=f"'{next(iter(option))}' parameter of near_copies"):
            near_copies(x, others, **option, progress=False)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows():
    """The process's peak for ten times the rows, in a process of its own."""
    script = """
import re, torch
from pathlib import Path
from torch_cgprune import near_copies
torch.set_num_threads(1)
x, others = torch.randn(40960, 64), torch.randn(4096, 64)
near_copies(x[:4096], others, progress=False, device="cpu")
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
near_copies(x, others, progress=False, device="cpu")
print((peak() - before) * 1024)
"""
    # A fixed threshold: else the allocator learns from what is freed to keep more and more.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "100000"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True, env=environment
    )
    assert int(done.stdout) < 10_000_000  # the 40,960 rows once more are 10.5 MB
