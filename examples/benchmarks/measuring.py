"""What the benchmarks measure with, and the clustered data of some of them."""

import ctypes
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")


def machine() -> str:
    """Return what a timing depends on and torch knows."""
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads"


def _memory(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return 1024 * int(found[1])


def measured(function: Callable[[], Result]) -> tuple[Result, float, int]:
    """Call a function; return its result, seconds and peak memory in bytes (Linux, glibc)."""
    ctypes.CDLL(None).malloc_trim(0)  # what the allocator kept would hide what is taken
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before, start = _memory("VmRSS"), time.perf_counter()
    result = function()
    return result, time.perf_counter() - start, _memory("VmHWM") - before


def clustered(n: int, features: int = 512, classes: int = 10) -> tuple[Tensor, Tensor]:
    """Return (n, features) rows around a centre for each class, and their labels."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % classes
    centres = torch.randn(classes, features, generator=rng)
    return centres[labels] + 2 * torch.randn(n, features, generator=rng), labels
