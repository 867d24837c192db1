import pytest
import torch

from torch_cgprune import CGScoredDataset, cg_scores
from torch_cgprune.scoring import problem
from torch_cgprune.utils import devices
from torch_cgprune.utils.devices import check_fits, memory_left

CPU = torch.device("cpu")


def test_a_byte_fits_and_an_exabyte_does_not():
    check_fits(1, CPU, "This", "Buy less.")
    with pytest.raises(
        MemoryError, match=r"This needs 1000000000.0 GB on cpu, of which .* Buy less."
    ):
        check_fits(10**18, CPU, "This", "Buy less.")


def test_a_container_s_limit_counts(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  9000 kB\nMemAvailable:    2000 kB\n")
    assert memory_left(meminfo, tmp_path) == 2_048_000
    (tmp_path / "memory.current").write_text("300\n")
    for limit, left in (("1000\n", 700), ("9000000\n", 2_048_000), ("max\n", 2_048_000)):
        (tmp_path / "memory.max").write_text(limit)
        assert memory_left(meminfo, tmp_path) == left


def test_what_is_unknown_fits(tmp_path, monkeypatch):
    check_fits(10**18, torch.device("meta"), "This", "")
    assert memory_left(tmp_path / "none", tmp_path) is None
    monkeypatch.setattr(devices, "available_on", lambda _: None)
    check_fits(10**18, CPU, "This", "")


def test_exact_scores_that_do_not_fit_are_refused_at_once(monkeypatch):
    for module in (devices, problem):
        monkeypatch.setattr(module, "available_on", lambda _: 10**6)
    x, y = torch.randn(1000, 4), torch.arange(1000) % 2
    with pytest.raises(MemoryError, match=r"Scoring 1000 rows .*method='local'.*float32.*device"):
        cg_scores(x, y, progress=False)
    cg_scores(x, y, method="local", block_size=100, progress=False)
    with pytest.raises(MemoryError):
        CGScoredDataset([(row, 0) for row in x], progress=False)


@pytest.mark.parametrize("method", ["exact", "local", "stochastic"])
def test_scores_under_autocast_are_the_same(method, rng):
    x, y = torch.randn(60, 8, generator=rng), torch.arange(60) % 2
    options = {"method": method, "progress": False}
    expected = cg_scores(x, y, **options)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = cg_scores(x, y, **options)
        assert torch.is_autocast_enabled("cpu")
        assert torch.equal(got.suspicion, expected.suspicion)
    assert torch.equal(got.values, expected.values)


def test_a_dataset_is_read_whatever_the_default_device(tmp_path, rng):
    x = torch.randn(40, 8, generator=rng).numpy()
    data = [*zip(x, [i % 2 for i in range(40)], strict=True)]
    options = {"verify": "full", "progress": False}
    expected = CGScoredDataset(data, **options).scores.values
    torch.set_default_device("meta")
    try:
        got = [CGScoredDataset(data, cache=tmp_path / "scores", **options) for _ in range(2)]
    finally:
        torch.set_default_device(None)
    for train in got:
        assert torch.equal(train.scores.values, expected)
