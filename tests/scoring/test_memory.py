"""Memory of a scoring: what every row more takes, whatever it holds."""

import subprocess
import sys

SCRIPT = """
import re, sys
from pathlib import Path
import torch
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.score import score_within
n = int(sys.argv[1])
rng = torch.Generator().manual_seed(0)
rows = torch.randn(n, 4, generator=rng).half()
labels = torch.randint(20, (n,), generator=rng)
limits = Limits(unit_rows=0, predictions=0, sketch=0)  # as of many millions
options = {"method": "local", "runs": 1, "block_size": 128, "ridge": 0.1, "progress": False}
scores = score_within(limits, rows, labels, **options)
assert len(scores) == n and scores.judgement is not None
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def peak(n):
    command = [sys.executable, "-c", SCRIPT, str(n)]
    return 1024 * int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_row_more_takes_less_than_three_hundred_bytes():
    few, many = 100_000, 300_000  # what a scoring of few rows frees serves that of many
    assert (peak(many) - peak(few)) / (many - few) < 300
