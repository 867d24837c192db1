import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parents[2] / "examples"))

from image_data import Images
from image_training import Recipe, Training


@pytest.fixture
def images():
    """40 images of two classes, of which one is brighter above."""
    rng = np.random.default_rng(0)
    labels = torch.arange(40) % 2
    pixels = rng.integers(0, 100, (40, 3, 16, 16))
    pixels[:, :, :8] += 100 * (1 - labels.numpy())[:, None, None, None]
    return Images(torch.from_numpy(pixels).byte(), labels)


@pytest.fixture
def train(images):
    """A function from labels and fields of the recipe to a training of few parameters."""

    def make(seed=0, labels=images.labels, **fields):
        fields = {"steps": 9, "batch_size": 8, "rate": 0.05, "widths": (4, 4, 4)} | fields
        given = Images(images.pixels, labels)
        return Training(given, 2, Recipe(**fields), seed, torch.device("cpu"))

    return make
