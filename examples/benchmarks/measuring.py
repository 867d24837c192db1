"""What the benchmarks measure with, and the data of several of them."""

import ctypes
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.data import Subset
from torchvision.datasets import FashionMNIST, ImageFolder

from torch_cgprune.inputs.reading import read_dataset

Result = TypeVar("Result")


def machine() -> str:
    """Return what a timing depends on and torch knows."""
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads"


def memory(name: str) -> int:
    """Return a line of the process's memory, such as VmRSS, in bytes (Linux)."""
    found = re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return 1024 * int(found[1])


def measured(function: Callable[[], Result]) -> tuple[Result, float, int]:
    """Call a function; return its result, seconds and peak memory in bytes (Linux, glibc)."""
    ctypes.CDLL(None).malloc_trim(0)  # what the allocator kept would hide what is taken
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before, start = memory("VmRSS"), time.perf_counter()
    result = function()
    return result, time.perf_counter() - start, memory("VmHWM") - before


def read_images(images: ImageFolder | FashionMNIST, per_class: int) -> tuple[Tensor, Tensor]:
    """Return the features and labels of the first images of every class."""
    codes = torch.as_tensor(images.targets)
    chosen = torch.cat([(codes == c).nonzero().flatten()[:per_class] for c in codes.unique()])
    features, _ = read_dataset(Subset(images, chosen.tolist()))
    return features, codes[chosen]


def clustered(n: int, features: int = 512, classes: int = 10) -> tuple[Tensor, Tensor]:
    """Return (n, features) rows around a centre for each class, and their labels."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % classes
    centres = torch.randn(classes, features, generator=rng)
    return centres[labels] + 2 * torch.randn(n, features, generator=rng), labels
