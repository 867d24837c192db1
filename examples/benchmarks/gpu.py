"""What a GPU gives: `python examples/benchmarks/gpu.py`, in nine minutes at most.

Rates of the sweep beside `torch.matmul`, in full precision and with TF32; whole calls on the GPU
and on the CPU of the same machine; the matrix where it does not fit; a million examples; NCCL; and
the tests that take a device. Features are handed over on the CPU. What no time is left for is
named. `--device cpu` with small `--sizes` runs the same on a machine without one.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
import torch.distributed as dist
from measuring import clustered, machine
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn.functional import one_hot

from torch_cgprune import CGScores, cg_scores
from torch_cgprune.kernel import gram_tile, unit_rows
from torch_cgprune.solver import flops, sweep

# Seconds that a job of so many rows and of features may take on a GPU, by what it took there or
# what it has to compute: no job is begun that has not so many left.
EXPECTED = {"rates": 30, "compared": 90, "spilled": 40, "iterative": 60, "tests": 120}
MILLION = 1_000_000

Result = TypeVar("Result")


class Job(NamedTuple):
    """A part of the benchmark: what it is called, the seconds it may take, and what it does."""

    name: str
    seconds: float
    run: Callable[[], object]


def main() -> None:
    args = parse()
    start = time.monotonic()
    name = torch.cuda.get_device_name() if args.device == "cuda" else "the CPU, as a trial"
    print(f"{name}; {machine()}")
    cg_scores(*clustered(500), device=args.device, progress=False)
    for job in jobs(args):
        left = 60 * args.minutes - (time.monotonic() - start)
        if left < job.seconds:
            print(f"\n{job.name}: not run, {left:.0f} s are left")
            continue
        print(f"\n{job.name}\n", flush=True)
        job.run()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--sizes", type=int, nargs=3, default=(10_000, 50_000, 200_000))
    parser.add_argument("--most", type=int, default=MILLION, help="examples of the largest job")
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--no-tests", action="store_true")
    return parser.parse_args()


def jobs(args: argparse.Namespace) -> Iterator[Job]:
    """Yield the jobs, most telling first."""
    small, middle, large = args.sizes
    calls = partial(whole_calls, args.device, args.features)
    yield Job("Rates of the sweep", EXPECTED["rates"], partial(rates, args.device, middle))
    yield Job(
        "Whole calls, GPU against CPU",
        EXPECTED["compared"],
        partial(calls, small, ("exact", "local", "stochastic"), against_cpu=True),
    )
    yield Job(
        "Whole calls on the GPU",
        EXPECTED["compared"],
        partial(calls, middle, ("exact", "iterative", "local")),
    )
    yield Job("NCCL", 10, partial(exchanges, args.device))
    if args.device == "cuda":
        yield Job(
            "The exact matrix in page-locked memory",
            EXPECTED["spilled"],
            partial(spilled, args.features, middle),
        )
    if not args.no_tests:
        yield Job("Tests that take a device", EXPECTED["tests"], partial(tests, args.device))
    for n in (large, args.most):
        yield Job(
            f"Iterative, {n:,} examples",
            EXPECTED["iterative"] * (n / 200_000) ** 2 / 5,
            partial(calls, n, ("iterative",)),
        )


def rates(device: str, n: int) -> None:
    """Print the rates of the sweep and of a product of matrices, and what TF32 costs."""
    rows, labels = clustered(n, 64)
    unit = unit_rows(rows, dtype=torch.float32, device=torch.device(device))[None]
    targets = one_hot(labels).float().to(device)
    full = None
    print("| precision | matmul | sweep | share | Spearman with full precision |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for precision in ("highest", "high"):
        torch.set_float32_matmul_precision(precision)

        def fill(start: int, stop: int, out: Tensor) -> None:
            gram_tile(unit, start, stop, out)
            out[..., start:].diagonal(dim1=1, dim2=2).add_(0.1)

        seconds, (alpha, diagonal) = timed(lambda: sweep(fill, targets), device)
        values = (alpha.gather(1, labels[:, None].to(device))[:, 0] ** 2 / diagonal).cpu()
        full = values if full is None else full
        matrix = torch.randn(min(n, 8192), min(n, 8192), device=device)
        multiply = partial(torch.mm, matrix, matrix)
        one = min(timed(multiply, device)[0] for _ in range(3))  # the first wakes the library
        product, swept = 2 * len(matrix) ** 3 / one / 1e12, flops(n) / seconds / 1e12
        rho = spearmanr(values, full).statistic
        print(
            f"| {precision} | {product:.2f} Tflop/s | {swept:.2f} Tflop/s | {swept / product:.0%} "
            f"| {rho:.5f} |",
            flush=True,
        )
    torch.set_float32_matmul_precision("highest")


def timed(function: Callable[[], Result], device: str) -> tuple[float, Result]:
    """Return the seconds that a function took, the device's work included, and its result."""
    start = time.perf_counter()
    result = function()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def whole_calls(
    device: str, features: int, n: int, methods: tuple[str, ...], *, against_cpu: bool = False
) -> None:
    """Print seconds, memory, and what of the scores the methods and the devices agree on."""
    data = clustered(n, features)
    exact: CGScores | None = None
    print("| n | method | seconds | on the CPU | ratio | GPU memory | Spearman |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for method in methods:
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        score = partial(cg_scores, *data, method=method, progress=False)
        seconds, scores = timed(partial(score, device=device), device)
        peak = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else 0
        exact = scores if method == "exact" else exact
        other, slower = exact, None
        if against_cpu:
            slower, other = timed(partial(score, device="cpu"), "cpu")
        compared = (
            f"{spearmanr(scores.values, other.values).statistic:.5f}" if other is not None else ""
        )
        cpu = f"{slower:.2f} s | {slower / seconds:.1f}" if slower else " | "
        iterations = scores.metadata.get("iterative", {}).get("iterations")
        named = f"{method}, {iterations} iterations" if iterations else method
        print(
            f"| {n:,} | {named} | {seconds:.2f} s | {cpu} | {peak:.2f} GB | {compared} |",
            flush=True,
        )


def spilled(features: int, n: int) -> None:
    """Score exactly with half of the GPU's memory that the matrix needs."""
    torch.cuda.empty_cache()
    left = 500_000_000 + n**2
    ballast = torch.empty(torch.cuda.mem_get_info()[0] - left, dtype=torch.uint8, device="cuda")
    whole_calls("cuda", features, n, ("exact",))
    del ballast
    torch.cuda.empty_cache()


def exchanges(device: str) -> None:
    """Carry a tensor of either device by the backend that GPUs have."""
    backend = "nccl" if device == "cuda" else "gloo"
    with tempfile.TemporaryDirectory() as folder:
        dist.init_process_group(backend, f"file://{folder}/group", rank=0, world_size=1)
        for where in dict.fromkeys(("cpu", device)):
            tensor = torch.arange(10.0, device=where)
            wire = tensor.to(device)
            dist.all_reduce(wire)
            dist.broadcast(wire, 0)
            assert torch.equal(wire.to(where), tensor)
            print(f"{backend} carries a tensor of {where}")
        scores = cg_scores(*clustered(500), device=device, progress=False)
        print(f"{backend}: {len(scores)} examples scored in a group of one")
        dist.destroy_process_group()


def tests(device: str) -> None:
    """Run the tests that are parametrised over devices, and print their last line."""
    folder = Path(__file__).parents[2] / "tests"
    command = [sys.executable, "-m", "pytest", "-q", "-k", device, "solver", "kernel", "scoring"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    print(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-500:])


if __name__ == "__main__":
    main()
