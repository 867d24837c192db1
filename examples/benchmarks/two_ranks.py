"""The speed-up of two one-thread ranks over one one-thread process, gloo on one machine.

`python examples/benchmarks/two_ranks.py` starts both by torchrun, one after the other.
"""

import os
import subprocess
import sys
import time

import torch
import torch.distributed as dist
from measuring import clustered

from torch_cgprune import cg_scores

JOBS = {"exact": 20_000, "local": 40_000, "stochastic": 12_000}


def score() -> None:
    """Print the seconds of every method, on rank 0."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    cg_scores(*clustered(1000), ridge=0, progress=False)
    for method, n in JOBS.items():
        x, y = clustered(n)
        dist.barrier()
        start = time.perf_counter()
        cg_scores(x, y, method=method, ratio=1, ridge=0, progress=False)
        if dist.get_rank() == 0:
            print(method, time.perf_counter() - start, flush=True)
    dist.destroy_process_group()


def torchrun(processes: int) -> dict[str, float]:
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *(f"--nproc-per-node={processes}", __file__),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)  # noqa: S603
    return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}


def main() -> None:
    one, two = torchrun(1), torchrun(2)
    print(f"torch {torch.__version__}, one thread a rank")
    print("| method     |      n | one rank | two ranks | speed-up |")
    print("|------------|-------:|---------:|----------:|---------:|")
    for method, n in JOBS.items():
        ratio = one[method] / two[method]
        print(
            f"| {method:10} | {n:6} | {one[method]:6.1f} s | {two[method]:7.1f} s | {ratio:8.2f} |"
        )


if __name__ == "__main__":
    score() if "RANK" in os.environ else main()
