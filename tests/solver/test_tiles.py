import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from torch_cgprune import cg_scores
from torch_cgprune.scoring import problem
from torch_cgprune.solver import Storage, numbers, sweep
from torch_cgprune.solver.tiles import Tiles
from torch_cgprune.utils import devices

N, HEIGHT = 200, 16


def system(device, dtype, rng, n=N, batch=1):
    a = torch.randn(batch, n, 2 * n, generator=rng, dtype=torch.float64)
    h = (a @ a.mT / (2 * n)).to(device, dtype)
    y = torch.randn(batch, n, 3, generator=rng).to(device, dtype)
    return lambda start, stop, out: out.copy_(h[:, start:stop, :stop]), y


@pytest.mark.parametrize("on_device", [0, 20_000, 10**9])
@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("batch", [1, 2])
def test_the_result_is_bit_identical_wherever_tiles_live(
    on_device, folder, batch, device, dtype, rng, tmp_path
):
    fill, y = system(device, dtype, rng, batch=batch)
    expected = sweep(fill, y, tile_rows=HEIGHT)
    storage = Storage(on_device, tmp_path if folder else None)
    got = sweep(fill, y, tile_rows=HEIGHT, storage=storage)
    assert torch.equal(got.alpha, expected.alpha)
    assert torch.equal(got.diagonal, expected.diagonal)
    assert [*tmp_path.iterdir()] == []  # the file has no name


@pytest.mark.parametrize("on_device", [0, 20_000, 60_000])
def test_the_budget_of_the_device_is_kept_and_the_last_tiles_have_it(on_device, rng):
    fill, y = system("cpu", torch.float32, rng)
    bounds = [(start, min(start + HEIGHT, N)) for start in range(0, N, HEIGHT)]
    tiles = Tiles(bounds, fill, y, Storage(on_device))
    here = [not tile.away for tile in tiles._tiles]
    size = sum(tile.home().nbytes for tile in tiles._tiles if not tile.away)
    assert size <= on_device < size + tiles._tiles[-1].home().nbytes
    assert here == sorted(here)


def test_an_error_between_two_tiles_ends_the_threads(tmp_path, rng):
    fill, y = system("cpu", torch.float32, rng)
    tiles = Tiles([(0, 100), (100, 150), (150, 200)], fill, y, Storage(0, tmp_path))

    def fail():
        for _ in tiles.each():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()


def test_a_full_disk_is_an_error_before_the_work(tmp_path, monkeypatch, rng):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    fill, y = system("cpu", torch.float32, rng)
    with pytest.raises(OSError, match="No space"):
        sweep(fill, y, storage=Storage(0, tmp_path))
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("method", ["exact", "local"])
def test_a_matrix_larger_than_memory_is_scored_through_a_folder(method, tmp_path, monkeypatch, rng):
    n = 2000
    x, y = torch.randn(n, 30, generator=rng), torch.arange(n) % 3
    options = {"method": method, "progress": False, "dtype": torch.float64}
    if method == "local":
        options |= {"block_size": n, "runs": 1}
    expected = cg_scores(x, y, **options)
    # Enough for what is in work at a time, and for some tiles, but not for all.
    room = 8 * ((numbers(n, apart=True) + numbers(n)) // 2 + x.numel())
    for module in (devices, problem):
        monkeypatch.setattr(module, "available_on", lambda _: room)
    with pytest.raises(MemoryError, match=r"storage='FOLDER'"):
        cg_scores(x, y, **options)
    got = cg_scores(x, y, storage=tmp_path, **options)
    torch.testing.assert_close(got.values, expected.values, rtol=1e-9, atol=0)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.slow
def test_peak_memory_is_the_budget_and_not_the_matrix(tmp_path):
    """A matrix of 38 MB of tiles in a budget of 4 MB, measured in a process of its own."""
    script = """
import re, sys, torch
from pathlib import Path
from torch_cgprune.solver import Storage, sweep
torch.set_num_threads(1)
fill = lambda start, stop, out: out.zero_()[0, :, start:].fill_diagonal_(1)
storage = Storage(4_000_000, sys.argv[1])
sweep(fill, torch.ones(500, 1), storage=storage)
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
sweep(fill, torch.ones(6144, 1), tile_rows=64, storage=storage)
print((peak() - before) * 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=True, text=True
    )
    tiles = 6144 * 6208 / 2 * 4
    working = 5 * 6144 * 64 * 4
    assert int(done.stdout) < 4e6 + 1.5 * working + 8e6 < tiles / 3
