"""The GPU against the CPU of the same machine: `python examples/benchmarks/gpu.py [N ...]`.

Times are of whole calls, features handed over on the CPU, after one small call that wakes the GPU.
The last line of a size leaves the GPU a fifth of what the matrix needs, so that most of it waits in
host memory.
"""

import sys
import time

import torch
from measuring import clustered, machine
from scipy.stats import spearmanr
from torch import Tensor

from torch_cgprune import CGScores, cg_scores

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
    for method, ridge in (("exact", 0.0), ("exact", "auto"), ("local", "auto"), ("stochastic", 0)):
        cpu, slow, _ = timed(data, "cpu", method, ridge)
        line(n, f"{method}, ridge {ridge}", cpu, slow, timed(data, "cuda", method, ridge))
        if method == "exact" and not ridge:
            exact, seconds = cpu, slow
    taken = ballast(500_000_000 + int(0.2 * 4 * 0.5 * n**2))
    line(n, "exact, ridge 0.0, spilled", exact, seconds, timed(data, "cuda", "exact", 0))
    del taken
    torch.cuda.empty_cache()


def line(n: int, name: str, cpu: CGScores, slow: float, gpu: Measured) -> None:
    scores, seconds, peak = gpu
    rho = spearmanr(scores.values, cpu.values).statistic
    print(
        f"| {n:6} | {name:25} | {slow:6.2f} s | {seconds:6.2f} s | {slow / seconds:5.1f} "
        f"| {peak / 1e9:5.2f} GB | {rho:.6f} |",
        flush=True,
    )


def main() -> None:
    print(f"{torch.cuda.get_device_name()}; {machine()}")
    cg_scores(*clustered(1_000), device="cuda", progress=False)
    print(
        "|      n | method                    |      CPU |      GPU | ratio |   memory | Spearman |"
    )
    print(
        "|-------:|---------------------------|---------:|---------:|------:|---------:|---------:|"
    )
    for n in map(int, sys.argv[1:] or (10_000, 40_000)):
        compare(n)


if __name__ == "__main__":
    main()
