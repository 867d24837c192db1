"""The trainer of the examples, and the study that goes on where it was."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

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


def test_the_first_layer_whitens_patches(network):
    images = torch.randn(200, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    images = (images + images.roll(1, 3)) / 2  # neighbours alike
    filters = network.whitening(images)
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

    def fails(batch):
        if first.step == 6:
            raise KeyboardInterrupt
        advance(batch)

    monkeypatch.setattr(first, "_advance", fails)
    with pytest.raises(KeyboardInterrupt):
        first.run(sampler(), path)
    _, second = training(network)
    second.run(sampler(), path)
    assert second.step == 9
    assert not path.exists()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


def test_the_study_goes_on_where_it_was(study, monkeypatch, tmp_path, capsys):
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 4)):
        for i in range(count):
            path = tmp_path / "photos" / part / "ab"[i % 2] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    results = tmp_path / "results.jsonl"
    argv = [tmp_path / "photos", "--results", results, "--cache", tmp_path / "cache"]
    argv += ["--steps", 8, "--batch-size", 4, "--most", 1]
    monkeypatch.setattr(sys, "argv", ["pruning_study.py", *map(str, argv)])
    for done in (1, 2):
        study.main()
        assert len(results.read_text().splitlines()) == done
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [row["cell"]["policy"] for row in rows] == ["all", "random"]
    assert f"| random |  | {rows[1]['accuracy']:.2f} |" in capsys.readouterr().out
