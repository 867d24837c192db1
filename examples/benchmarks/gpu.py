"""The GPU against the CPU of the same machine: `python examples/benchmarks/gpu.py [N ...]`.

Times are of whole calls, features handed over on the CPU, after one small call that wakes the GPU.
The last line of a size leaves the GPU half of what the matrix needs: of that the tiles in work take
the most, so nearly all of it waits in host memory.
"""

import sys
import time

import torch
from measuring import clustered, machine
from scipy.stats import spearmanr
from torch import Tensor

from torch_cgprune import CGScores, cg_scores

CPU_UP_TO = 50_000  # beyond, the GPU is compared with itself
STOCHASTIC_UP_TO, SPILLED_FROM = 20_000, 20_000  # many minutes on a CPU; what a GPU notices
Measured = tuple[CGScores, float, int]


def timed(data: tuple[Tensor, Tensor], device: str, method: str, ridge: float | str) -> Measured:
    """Return the scores, seconds, and the peak of the GPU's memory in bytes."""
    torch.cuda.reset_peak_memory_stats()
    before, start = torch.cuda.memory_allocated(), time.perf_counter()
    scores = cg_scores(*data, method=method, ridge=ridge, device=device, progress=False)
    return scores, time.perf_counter() - start, torch.cuda.max_memory_allocated() - before


def ballast(left: int) -> Tensor:
    """Take all of the GPU's memory but ``left`` bytes."""
    torch.cuda.empty_cache()
    return torch.empty(torch.cuda.mem_get_info()[0] - left, dtype=torch.uint8, device="cuda")


def compare(n: int) -> None:
    data = clustered(n)
    jobs: list[tuple[str, float | str]] = [("exact", 0.0), ("exact", "auto"), ("local", "auto")]
    if n <= STOCHASTIC_UP_TO:
        jobs.append(("stochastic", 0.0))
    against = {}
    for method, ridge in jobs:
        gpu = timed(data, "cuda", method, ridge)
        against[method, ridge] = timed(data, "cpu", method, ridge) if n <= CPU_UP_TO else gpu
        line(n, f"{method}, ridge {ridge:.4}", against[method, ridge], gpu)
    if n >= SPILLED_FROM:
        taken = ballast(500_000_000 + n**2)
        line(n, "exact, spilled", against["exact", 0.0], timed(data, "cuda", "exact", 0))
        del taken
        torch.cuda.empty_cache()


def line(n: int, name: str, other: Measured, gpu: Measured) -> None:
    rho = spearmanr(gpu[0].values, other[0].values).statistic
    print(
        f"| {n:6} | {name:22} | {other[1]:6.2f} s | {gpu[1]:6.2f} s | {other[1] / gpu[1]:5.1f} "
        f"| {gpu[2] / 1e9:5.2f} GB | {rho:.6f} |",
        flush=True,
    )


def main() -> None:
    print(f"{torch.cuda.get_device_name()}; {machine()}")
    cg_scores(*clustered(1_000), device="cuda", progress=False)
    print("|      n | method                 |      CPU |      GPU | ratio |  memory | Spearman |")
    print("|-------:|------------------------|---------:|---------:|------:|--------:|---------:|")
    for n in map(int, sys.argv[1:] or (10_000, 40_000)):
        compare(n)


if __name__ == "__main__":
    main()
