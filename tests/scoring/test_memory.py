"""Memory of a scoring: what every row more takes, beside the rows themselves."""

import os
import subprocess
import sys

HEAD = """
import re, sys
from pathlib import Path
import torch
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.score import score_within
torch.set_num_threads(1)
rng = torch.Generator().manual_seed(0)
limits = Limits(unit_rows=0, predictions=0, sketch=0)  # as of many millions
def bytes_of(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
def data(n, features):
    rows = torch.randn(n, features, generator=rng).half()
    return rows, torch.randint(20, (n,), generator=rng)
"""
SCORED = """
n = int(sys.argv[1])
options = {"method": "local", "runs": 1, "block_size": 128, "ridge": 0.1, "progress": False}
scores = score_within(limits, *data(n, 4), **options)
assert len(scores) == n and scores.judgement is not None
print(bytes_of("VmHWM"))
"""


def said(script, *arguments, **environment):
    command = [sys.executable, "-c", HEAD + script, *map(str, arguments)]
    environment = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def test_a_row_more_takes_less_than_three_hundred_bytes():
    few, many = 100_000, 300_000
    # A fixed threshold: else what is freed on the way is kept for what comes.
    peaks = [said(SCORED, n, MALLOC_MMAP_THRESHOLD_="100000") for n in (few, many)]
    assert (peaks[1] - peaks[0]) / (many - few) < 300
