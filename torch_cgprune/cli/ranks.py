"""A command that several processes run together, started by ``torchrun``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch
import torch.distributed as dist

from torch_cgprune.utils.ranks import Ranks, group_is_up


def ranks_of_launcher() -> Ranks:
    """Return which of the launcher's processes this is; alone where nobody has launched several."""
    return Ranks(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


@contextlib.contextmanager
def together() -> Iterator[Ranks]:
    """Let the launcher's processes share what is computed meanwhile; the first of them speaks."""
    ranks = ranks_of_launcher()
    if ranks.size == 1 or group_is_up():
        yield ranks
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield ranks
        dist.barrier()  # a group that is left sooner takes the others' connections along
    finally:
        dist.destroy_process_group()
