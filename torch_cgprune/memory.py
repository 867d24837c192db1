"""Whether a job fits, asked before it starts."""

from __future__ import annotations

from pathlib import Path

import torch

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def check_fits(needed: int, device: torch.device, what: str, cure: str) -> None:
    """Raise unless ``device`` has ``needed`` bytes left.

    Args:
        needed: bytes.
        device: the CPU or a CUDA device; of any other nothing is known, and all fits.
        what: what needs them, for the message.
        cure: what to do instead, for the message.

    Raises:
        MemoryError: it has fewer; the message gives both figures and the cure.

    """
    available = available_on(device)
    if available is not None and needed > available:
        raise MemoryError(
            f"{what} needs {needed / 1e9:.1f} GB on {device}, of which {available / 1e9:.1f} GB "
            f"are available. {cure}"
        )


def available_on(device: torch.device) -> int | None:
    """Return the bytes left on the CPU or a CUDA device; None where nothing is known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device.index)[0]
    if device.type != "cpu" or not _MEMINFO.exists():
        return None
    lines = dict(line.split(":") for line in _MEMINFO.read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    return min(free, _cgroup_left(free))


def _cgroup_left(otherwise: int) -> int:
    """Return what a container's limit leaves; page cache counts as used there, so this is low."""
    limit, used = (_CGROUP / name for name in ("memory.max", "memory.current"))
    if not (limit.exists() and used.exists()) or limit.read_text().strip() == "max":
        return otherwise
    return int(limit.read_text()) - int(used.read_text())
