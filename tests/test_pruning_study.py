"""The trainer of the examples, and the study that goes on where it was."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr

from torch_cgprune import SelectionSampler

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("pruning_study")


@pytest.fixture
def network(study):
    return sys.modules[study.Training.__module__]


def training(network, steps=9):
    """Return images of two classes, of which one is brighter above, and a training on them."""
    rng = np.random.default_rng(0)
    labels = torch.arange(40) % 2
    pixels = rng.integers(0, 100, (40, 3, 16, 16))
    pixels[:, :, :8] += 100 * (1 - labels.numpy())[:, None, None, None]
    images = network.Images(torch.from_numpy(pixels).byte(), labels)
    recipe = network.Recipe(steps, batch_size=8, rate=0.05, widths=(8, 8, 8))
    device = torch.device("cpu")
    return images, network.Training(images, 2, recipe, 0, device)


def sampler():
    return SelectionSampler(torch.arange(3, 40), seed=1)


@pytest.mark.usefixtures("study")
def test_the_first_layer_whitens_patches():
    images = torch.randn(200, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    images = (images + images.roll(1, 3)) / 2  # neighbours alike
    filters = importlib.import_module("image_network").whitening(images)
    assert filters.shape == (24, 3, 2, 2)
    out = torch.nn.functional.conv2d(images, filters[:12]).transpose(0, 1).flatten(1)
    torch.testing.assert_close(out.cov(), torch.eye(12), atol=0.1, rtol=0)


def test_it_learns_what_is_there_to_learn(network):
    images, run = training(network, steps=60)
    run.run(sampler())
    assert run.accuracy(images) > 90


def test_an_interrupted_training_comes_to_the_same(network, monkeypatch, tmp_path):
    _, whole = training(network)
    whole.run(sampler())
    monkeypatch.setattr(network, "_SAVE_EVERY", -1)
    _, first = training(network)
    advance, path = first._advance, tmp_path / "checkpoint"

    def fails(*batch):
        if first.step == 6:
            raise KeyboardInterrupt
        advance(*batch)

    monkeypatch.setattr(first, "_advance", fails)
    with pytest.raises(KeyboardInterrupt):
        first.run(sampler(), path)
    _, second = training(network)
    second.run(sampler(), path)
    assert second.step == 9
    assert not path.exists()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name


@pytest.fixture
def run(study, monkeypatch, tmp_path, capsys):
    """Return a function that runs the study on small photographs, with more arguments."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 4)):
        for i in range(count):
            path = tmp_path / "photos" / part / "ab"[i % 2] / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    labels = torch.arange(40) // 20
    features = torch.from_numpy(rng.normal(size=(40, 6))).float() + 2 * labels[:, None]
    monkeypatch.setattr(study.Study, "features", features)

    def run(*more):
        argv = [tmp_path / "photos", "--results", tmp_path / "results.jsonl"]
        argv += ["--cache", tmp_path / "cache", "--steps", 8, "--batch-size", 4, *more]
        monkeypatch.setattr(sys, "argv", ["pruning_study.py", *map(str, argv)])
        study.main()
        lines = (tmp_path / "results.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines], capsys.readouterr().out

    return run


def test_the_study_goes_on_where_it_was(run):
    for done in (1, 2):
        rows, out = run("--most", 1)
        assert len(rows) == done
    assert [row["cell"]["policy"] for row in rows] == ["all", "random"]
    assert f"| random |  | {rows[1]['accuracy']:.2f} |" in out


def test_what_auto_takes_is_not_trained_twice_and_predictions_stand_beside(run, tmp_path):
    rows, _ = run("--most", 7)
    auto = rows[-1]
    assert auto["cell"]["policy"] == "auto"
    same = next(row for row in rows if row["cell"]["policy"] == auto["same_as"])
    assert (auto["accuracy"], auto["seconds"]) == (same["accuracy"], 0)
    # So little is learned of noise that all accuracies may be one: some that differ in their place.
    differing = {"random": 60.0, "low-first": 50.0, "herding": 70.0}
    for row in rows:
        row["accuracy"] = differing.get(row["cell"]["policy"], row["accuracy"])
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, out = run("--predict")
    trained = {row["cell"]["policy"]: row["accuracy"] for row in rows}
    lines = [line.split("|") for line in out.splitlines() if line.startswith("| 60%")]
    assert {cells[2].strip() for cells in lines} == {"random", "low-first", "herding"}
    for cells in lines:
        assert float(cells[4]) == pytest.approx(trained[cells[2].strip()], abs=0.01)
    predicted = {cells[2].strip(): float(cells[3]) for cells in lines}
    rank = spearmanr([predicted[name] for name in differing], [*differing.values()]).statistic
    assert f"60%: rank correlation {rank:.2f}" in out


def test_a_share_of_the_data_is_another_training(run):
    rows, _ = run("--most", 1, "--examples", 20)
    rows, out = run("--most", 1)
    assert [row["cell"]["examples"] for row in rows] == [20, 0]
    assert "photos (20 examples), 8 steps" in out
