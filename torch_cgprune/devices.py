"""Where to compute when nobody says."""

from __future__ import annotations

import torch


def pick_device(wanted: torch.device | str | None, home: torch.device) -> torch.device:
    """Return the device that is wanted; else home, or CUDA where home is a CPU and there is one."""
    if wanted is not None:
        return torch.device(wanted)
    return torch.device("cuda") if home.type == "cpu" and torch.cuda.is_available() else home
