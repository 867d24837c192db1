"""Where to compute, whether a job fits there, and torch's global settings meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from torch_cgprune.errors import Message, NotEnoughMemoryError

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def pick_device(wanted: torch.device | str | None, home: torch.device) -> torch.device:
    """Return the device that is wanted; else home, or CUDA where home is a CPU and there is one."""
    if wanted is not None:
        return torch.device(wanted)
    return torch.device("cuda") if home.type == "cpu" and torch.cuda.is_available() else home


def check_fits(needed: int, device: torch.device, what: Message | str, cure: Message | str) -> None:
    """Raise unless ``device`` has ``needed`` bytes left.

    Args:
        needed: bytes.
        device: the CPU or a CUDA device; of any other nothing is known, and all fits.
        what: what needs them, for the message.
        cure: what to do instead, for the message.

    Raises:
        NotEnoughMemoryError: it has fewer; the message gives both figures and the cure.

    """
    available = available_on(device)
    if available is not None and needed > available:
        raise NotEnoughMemoryError(
            "%s needs %.1f GB on %s, of which %.1f GB are available.",
            what,
            needed / 1e9,
            device,
            available / 1e9,
            cure=cure,
        )


def available_on(device: torch.device) -> int | None:
    """Return the bytes left on the CPU or a CUDA device; None where nothing is known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device.index)[0]
    return memory_left(_MEMINFO, _CGROUP) if device.type == "cpu" else None


def memory_left(meminfo: Path, cgroup: Path) -> int | None:
    """Return the bytes left on a Linux machine, None on another.

    Args:
        meminfo: the kernel's file of that name.
        cgroup: folder of a container's limit. Page cache counts as used there: what it leaves is
            low.

    """
    if not meminfo.exists():
        return None
    lines = dict(line.split(":") for line in meminfo.read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    limit, used = (cgroup / name for name in ("memory.max", "memory.current"))
    if not (limit.exists() and used.exists()) or limit.read_text().strip() == "max":
        return free
    return min(free, int(limit.read_text()) - int(used.read_text()))


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Compute in full precision, without gradients, whatever torch's global settings are.

    TF32 or bfloat16 products, by autocast too, would cost the scores their digits; what names no
    device is host data.
    """
    with _full_precision(), torch.no_grad(), plain_settings():
        yield


@contextlib.contextmanager
def plain_settings(device: torch.device | str = "cpu") -> Iterator[None]:
    """Let no autocast around it change what is computed, and no default device but this one where.

    Args:
        device: where what names none is, if any other than the CPU is the default.

    """
    with _default_device(device), contextlib.ExitStack() as stack:
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def _default_device(device: torch.device | str) -> contextlib.AbstractContextManager[Any]:
    """Let a device be the default; where the CPU is, not once more: each call would cost more."""
    is_unset = torch.empty(0).device.type == "cpu"
    return contextlib.nullcontext() if is_unset else torch.device(device)


@contextlib.contextmanager
def _full_precision() -> Iterator[None]:
    mkldnn: Any = torch.backends.mkldnn
    backends: list[Any] = [torch.backends.cuda.matmul, getattr(mkldnn, "matmul", None)]
    if not all(hasattr(backend, "fp32_precision") for backend in backends):  # torch < 2.9
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
        return
    settings = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        yield
    finally:
        for backend, setting in zip(backends, settings, strict=True):
            backend.fp32_precision = setting
