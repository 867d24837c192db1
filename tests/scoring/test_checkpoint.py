import multiprocessing
import os
import signal
import time

import pytest
import torch
import workers

from torch_cgprune import CGScoredDataset
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.score import score_within

METHODS = {
    "stochastic": {"method": "stochastic", "ratio": 1, "runs": 4},
    "local": {"method": "local", "block_size": 12, "runs": 4, "near": 0.6},
}
BLOCKS = {"stochastic": 3, "local": 5}  # a run
ONE_AT_A_TIME = Limits(batch=0)
NAMES = ("values", "terms", "cg_prime", "complexity", "bound", "first_partial")


@pytest.fixture(params=METHODS)
def options(request):
    return {**METHODS[request.param], "progress": False}


@pytest.fixture
def data(rng):
    return torch.randn(60, 9, generator=rng), torch.arange(60) % 3


def interrupt_after(monkeypatch, blocks):
    """Let the given number of blocks through, then press Ctrl-C."""
    from torch_cgprune.scoring import blocks as module  # noqa: PLC0415

    left, solve = iter(range(blocks)), module.solve_blocks

    def counted(*arguments, **options):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return solve(*arguments, **options)

    monkeypatch.setattr("torch_cgprune.scoring.problem.solve_blocks", counted)


@pytest.mark.parametrize("limits", [ONE_AT_A_TIME, Limits(batch=0, predictions=10)])
def test_a_resumed_scoring_is_bit_identical(data, options, tmp_path, monkeypatch, limits):
    path = tmp_path / "partial"
    whole = score_within(limits, *data, **options)
    for _ in range(2):  # into the second run, then from there into the third
        with monkeypatch.context() as patch:
            interrupt_after(patch, BLOCKS[options["method"]] + 1)
            with pytest.raises(KeyboardInterrupt):
                score_within(limits, *data, **options, checkpoint=path)
        assert [*tmp_path.iterdir()] == [path]
    counted = []
    monkeypatch.setattr(
        "torch_cgprune.scoring.checkpoint._log.info", lambda *a: counted.append(a[1])
    )
    resumed = score_within(limits, *data, **options, checkpoint=path)
    assert counted == [2]  # finished runs were not done again
    for name in NAMES:
        assert torch.equal(getattr(resumed, name), getattr(whole, name))
    for name in ("own", "rival", "margin", "loo", "near_copies", "near_cosines"):
        ours, theirs = getattr(resumed, name), getattr(whole, name)
        assert ours is theirs is None or torch.equal(ours, theirs)
    assert [*tmp_path.iterdir()] == []


def test_runs_of_another_job_are_passed_over(data, options, tmp_path, monkeypatch):
    path = tmp_path / "partial"
    with monkeypatch.context() as patch:
        interrupt_after(patch, BLOCKS[options["method"]] + 1)
        with pytest.raises(KeyboardInterrupt):
            score_within(ONE_AT_A_TIME, *data, **options, checkpoint=path)
    other = {**options, "seed": 1}
    content = path.read_bytes()
    assert torch.equal(
        score_within(ONE_AT_A_TIME, *data, **other, checkpoint=path).values,
        score_within(ONE_AT_A_TIME, *data, **other).values,
    )
    path.write_bytes(content[:100])  # truncated: starts anew
    assert torch.equal(
        score_within(ONE_AT_A_TIME, *data, **options, checkpoint=path).values,
        score_within(ONE_AT_A_TIME, *data, **options).values,
    )


def test_the_bar_starts_where_the_work_stopped(data, options, tmp_path, monkeypatch, capsys):
    path = tmp_path / "partial"
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2 * BLOCKS[options["method"]] + 1)
        with pytest.raises(KeyboardInterrupt):
            score_within(ONE_AT_A_TIME, *data, **options, checkpoint=path)
    capsys.readouterr()
    score_within(ONE_AT_A_TIME, *data, **{**options, "progress": True}, checkpoint=path)
    shown = capsys.readouterr().err
    assert "  0%" not in shown
    assert "100%" in shown


def test_an_interrupted_exact_scoring_leaves_nothing(data, tmp_path, monkeypatch):
    interrupt_after(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt):
        score_within(
            ONE_AT_A_TIME, *data, method="exact", progress=False, checkpoint=tmp_path / "partial"
        )
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
def test_killed_and_started_again(tmp_path):
    """Kill -9 in the middle, start again, compare with an uninterrupted run."""
    cache, partial = tmp_path / "s.safetensors", tmp_path / "s.safetensors.partial"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=workers.score_slowly, args=(cache,))
    process.start()
    deadline = time.monotonic() + 60
    while not partial.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    assert partial.exists()
    assert not cache.exists()
    resumed = CGScoredDataset(workers.small_dataset(), cache=cache, **workers.SLOW)
    whole = CGScoredDataset(workers.small_dataset(), **workers.SLOW)
    assert torch.equal(resumed.scores.values, whole.scores.values)
    assert cache.exists()
    assert not partial.exists()
