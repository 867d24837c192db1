"""Photographs that are scored as pixels are told so: an encoder sees more."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import TensorDataset
from torchvision.transforms import Grayscale

from torch_cgprune import CGScoredDataset, CGScores, Encoder

N = 20
LABELS = [i % 2 for i in range(N)]


def images(channels=3, side=9, *, grey=False):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (N, side, side, channels), dtype=np.uint8)
    return pixels[..., :1].repeat(channels, -1) if grey else pixels


def tensors(pixels):
    return torch.from_numpy(pixels).movedim(-1, 1)


def pictures(pixels):
    return [(Image.fromarray(image), i % 2) for i, image in enumerate(pixels)]


def is_told(dataset, tmp_path, **options):
    """Whether it is, by the scores, by those in their file, and by what they print."""
    cache = tmp_path / "s.safetensors"
    train = CGScoredDataset(dataset, cache=cache, progress=False, **options)
    found = {
        scores.metadata.get("photographs_as_pixels", False)
        for scores in (train.scores, CGScores.load(cache))
    }
    found.add("features=encoders.load(NAME)" in repr(train.scores))
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize(
    "dataset",
    [
        pictures(images()),
        [*zip(images(), LABELS, strict=True)],
        TensorDataset(tensors(images()), torch.tensor(LABELS)),
        TensorDataset(tensors(images()).float() / 255, torch.tensor(LABELS)),
    ],
    ids=["PIL", "arrays", "tensors", "floats"],
)
def test_colour_images_as_they_are(dataset, tmp_path):
    assert is_told(dataset, tmp_path)


def test_a_column_of_them(tmp_path):
    items = [{"photo": image, "kind": label} for image, label in pictures(images())]
    assert is_told(items, tmp_path, features="photo", labels="kind")


@pytest.mark.parametrize(
    ("dataset", "options"),
    [
        (pictures(images(grey=True)), {}),
        (pictures(images(side=7)), {}),
        (pictures(images()), {"transform": Grayscale()}),
        (TensorDataset(tensors(images(channels=1)), torch.tensor(LABELS)), {}),
        (TensorDataset(torch.rand(N, 12), torch.tensor(LABELS)), {}),
        (pictures(images()), {"features": torch.rand(N, 12)}),
        (pictures(images()), {"features": Encoder(nn.Flatten())}),
    ],
    ids=["grey", "tiny", "grey by a transform", "one channel", "rows", "features", "encoder"],
)
def test_nothing_else(dataset, options, tmp_path):
    assert not is_told(dataset, tmp_path, **options)


def test_an_encoder_s_file_is_taken_as_features(tmp_path):
    cache = tmp_path / "s.safetensors"
    options = {"cache": cache, "progress": False}
    one = CGScoredDataset(pictures(images()), features=Encoder(nn.Flatten()), **options)
    for file in (f"{cache}.features", cache.with_name("s.safetensors.features")):
        other = CGScoredDataset(pictures(images()), features=file, progress=False)
        assert torch.equal(other.scores.values, one.scores.values)
