"""What is shown while a scoring goes on: every long step, in rows, to its end; or nothing."""

import re

import pytest
import torch
from torch.utils.data import TensorDataset

from torch_cgprune import CGScoredDataset, cg_scores
from torch_cgprune.scoring.checkpoint import Checkpoint
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.score import score_within
from torch_cgprune.utils import progress


@pytest.fixture(autouse=True)
def _every_step_is_long(monkeypatch):
    monkeypatch.setattr(progress, "_DELAY", 0)


def data(n=60, k=3):
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % k
    return torch.randn(n, 6, generator=rng) + labels[:, None], labels


def bars(capsys):
    """Where each bar ended, by what it says: how many of how many."""
    text = capsys.readouterr().err.replace("\r", "\n")
    ends = re.findall(r"^(.+?): +(\d+)%\|.*\| ([\d.]+)k?/([\d.]+)k? ", text, re.MULTILINE)
    return {says: (int(share), float(done), float(total)) for says, share, done, total in ends}


METHODS = {
    "exact": ({}, 60),
    "local": ({"block_size": 16, "runs": 3}, 180),
    "stochastic": ({"ratio": 1, "runs": 2}, 2 * 3 * 40),
}


@pytest.mark.parametrize("method", METHODS)
def test_every_step_goes_to_its_end_in_rows(capsys, method):
    options, rows = METHODS[method]
    cg_scores(*data(), method=method, **options)
    found = bars(capsys)
    assert found.pop(f"CG-scores ({method})") == (100, rows, rows)
    steps = (
        {"Looking at rows", "Choosing the ridge"} if method != "stochastic" else {"Looking at rows"}
    )
    assert {*found} == steps
    assert {share for share, _, _ in found.values()} == {100}
    assert {total for _, _, total in found.values()} == {60}


def test_where_predictions_are_not_kept_the_fit_is_shown(capsys):
    score_within(Limits(predictions=10), *data(), method="local", block_size=16)
    found = bars(capsys)
    assert {"Predicting some", "Judging labels"} <= {*found}
    assert {share for share, _, _ in found.values()} == {100}


def test_a_resumed_scoring_begins_where_it_was(capsys, tmp_path, monkeypatch):
    options = {"method": "local", "block_size": 16, "runs": 4, "checkpoint": tmp_path / "partial"}
    saved = []

    def stops(self, total, number):
        save(self, total, number)
        saved.append(number)
        if number == 3:
            raise KeyboardInterrupt

    save = Checkpoint.save
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", stops)
        with pytest.raises(KeyboardInterrupt):
            cg_scores(*data(), **options, progress=False)
    assert saved == [1, 2, 3]
    cg_scores(*data(), **options)
    assert re.search(r"CG-scores \(local\): +75%\|", capsys.readouterr().err)


def test_a_dataset_is_judged_and_compared_with_bars(capsys, tmp_path):
    images, cache = TensorDataset(*data()), tmp_path / "s.safetensors"
    CGScoredDataset(images, cache=cache)
    assert bars(capsys)["Judging labels"][0] == 100
    CGScoredDataset(images, cache=cache, verify="full")
    assert bars(capsys) == {"Comparing rows": (100, 60, 60)}


def test_silence(capsys, tmp_path):
    images, cache = TensorDataset(*data()), tmp_path / "s.safetensors"
    for options in ({"method": "exact"}, {"verify": "full"}):
        CGScoredDataset(images, cache=cache, progress=False, **options)
    cg_scores(*data(), method="stochastic", progress=False)
    score_within(Limits(predictions=10), *data(), method="local", progress=False)
    assert capsys.readouterr() == ("", "")
