import os

# One thread in these processes and all that they start: those of a pool wait for each other by
# spinning, which on a busy machine makes a test ten times as slow.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import signal

import numpy as np
import pytest
import torch
from accelerators import DEVICES
from hypothesis import settings
from PIL import Image
from torchvision.datasets import ImageFolder

# Commands that are interrupted must hear it, though the tests run in the background of a script,
# where a shell has this signal ignored.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A busy machine must not fail a property.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def folder(tmp_path):
    """An ImageFolder of two classes with two images each."""
    rng = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(2):
            pixels = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{i}.png")
    return ImageFolder(tmp_path / "images")
