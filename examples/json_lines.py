"""Results in files of one JSON line each, which an interruption leaves whole but for the last."""

import json
from pathlib import Path
from typing import Any

import torch

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file, without one that was cut off; none of a file that is not there."""
    return [json.loads(line) for line in _whole_lines(path)]


def append_row(path: Path, row: Row) -> None:
    """Write a row at the end of a file, in the place of one that was cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = sum(map(len, _whole_lines(path)))
    with path.open("ab") as file:
        file.truncate(whole)
        file.write(json.dumps(row).encode() + b"\n")


def device_name() -> str:
    """Return what networks and kernels are computed on, as rows note it."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def _whole_lines(path: Path) -> list[bytes]:
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    return [line for line in lines if line.endswith(b"\n")]
