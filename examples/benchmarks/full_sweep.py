"""The rate of the exact sweep beside that of a square matrix product, Gram time apart.

`python examples/benchmarks/full_sweep.py [N]`, 20,000 without N: 2/3 N^3 operations against those
of an (N, N) product in the same run, and the peak memory over the sweep, Gram tiles included.
"""

import sys
import time

import torch
from measuring import clustered, machine, measured
from torch import Tensor

from torch_cgprune.kernel import gram_tile, unit_rows
from torch_cgprune.solver import flops, sweep


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    features, labels = clustered(n)
    rows = unit_rows(features, dtype=torch.float32, device="cpu")[None]
    targets = torch.nn.functional.one_hot(labels).float()
    gram = 0.0

    def fill(start: int, stop: int, out: Tensor) -> None:
        nonlocal gram
        begun = time.perf_counter()
        gram_tile(rows, start, stop, out)
        gram += time.perf_counter() - begun

    _, seconds, peak = measured(lambda: sweep(fill, targets))
    square = torch.randn(n, n)
    _, product, _ = measured(lambda: square @ square)
    swept, multiplied = flops(n) / (seconds - gram), 2 * n**3 / product
    print(f"n = {n}, float32; {machine()}")
    print(f"matmul:  {product:6.1f} s, {multiplied / 1e9:4.0f} Gflop/s")
    print(f"sweep:   {seconds - gram:6.1f} s, {swept / 1e9:4.0f} Gflop/s, {swept / multiplied:.0%}")
    print(f"Gram:    {gram:6.1f} s")
    print(f"memory:  {peak / 1e9:6.2f} GB at the peak, {peak / 4 / n**2:.3f} n^2 numbers")


if __name__ == "__main__":
    main()
