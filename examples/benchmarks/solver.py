"""The sweep against Cholesky and a dense triangular inverse, in one run.

`python examples/benchmarks/solver.py [N ...]`: the ratio of the two times is what to compare; the
median of several turns, taken alternately.
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from torch_cgprune.kernel import gram_tile, unit_rows
from torch_cgprune.solver import flops, sweep

TURNS, FEATURES, CLASSES = 5, 512, 10


def dense(h: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return H^-1 Y and the diagonal of H^-1 from the whole inverse factor."""
    factor = torch.linalg.cholesky(h)
    inverse = torch.linalg.solve_triangular(factor, torch.eye(len(h)), upper=False)
    return inverse.T @ (inverse @ targets), inverse.square().sum(0)


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(n: int) -> None:
    rng = torch.Generator().manual_seed(0)
    rows = unit_rows(torch.randn(n, FEATURES, generator=rng), dtype=torch.float32, device="cpu")
    targets = torch.randn(n, CLASSES, generator=rng)
    h = torch.empty(n, n)
    gram_tile(rows[None], 0, n, h[None])

    def fill(start: int, stop: int, out: Tensor) -> None:
        out.copy_(h[start:stop, :stop])

    ours, theirs, products = [], [], []
    for _ in range(TURNS):
        ours.append(seconds(lambda: sweep(fill, targets)))
        theirs.append(seconds(lambda: dense(h, targets)))
        products.append(seconds(lambda: h @ h))
    sweep_s, dense_s, product_s = (statistics.median(t) for t in (ours, theirs, products))
    share = flops(n) / sweep_s / (2 * n**3 / product_s)
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    alpha, diagonal = sweep(fill, targets)
    reference, expected = dense(h, targets)
    error = max(
        float((alpha - reference).abs().max() / reference.abs().max()),
        float((diagonal / expected - 1).abs().max()),
    )
    print(
        f"| {n:>6} | {sweep_s:7.2f} s | {dense_s:7.2f} s | {ratio:5.2f} | {share:8.0%} "
        f"| {error:.0e} |",
        flush=True,
    )


def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, float32, {TURNS} turns")
    print("|      n |     sweep |     dense | ratio | of matmul | differ |")
    print("|-------:|----------:|----------:|------:|----------:|-------:|")
    for n in [int(word) for word in sys.argv[1:]] or [2000, 4000, 8000]:
        compare(n)


if __name__ == "__main__":
    main()
