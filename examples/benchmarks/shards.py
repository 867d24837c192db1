"""Scores of features in shards: `python examples/benchmarks/shards.py [ROWS ...] [--in-memory N]`.

Clustered rows of 512 numbers (--features) in 1,000 classes, float16, in a file of features for
each 20,000, as `torch-cgprune encode` writes them (1 GB a million, in the temporary folder,
deleted). `torch-cgprune score` scores the folder, in one local run, in a process of its own: the
time from its start to its end, and its peak memory without the pages of mapped files. Up to N rows
(--in-memory), beside it `cg_scores` of the same rows in memory, likewise. By a line through the
fewer rows the most ones are predicted, and by one through all a hundred million: give 1,250,000
rows or more, since fewer are sketched with more numbers. --block-size 256 --features 8 shows the
memory, which grows with the rows, whatever they hold, in little time.
"""

import argparse
import multiprocessing
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from measuring import machine

from torch_cgprune import CGScores, cg_scores
from torch_cgprune.cli.entry import main as command
from torch_cgprune.streams.features import FeatureFolder, ShardFeatures

CLASSES, SHARD, MANY = 1000, 20_000, 100_000_000
HOW: dict[str, Any] = {"method": "local", "runs": 1, "ridge": 0.1}


class Measured(NamedTuple):
    """A scoring: of how many rows, its seconds, its peak memory in bytes."""

    rows: int
    seconds: float
    peak: float


def write(folder: Path, rows: int, width: int) -> None:
    """Write clustered features, a shard at a time."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLASSES, width), dtype=np.float32)
    for start in range(0, rows, SHARD):
        size = min(SHARD, rows - start)
        labels = rng.integers(CLASSES, size=size)
        noise = rng.standard_normal((size, width), dtype=np.float32)
        name = f"train-{start // SHARD:06d}.tar"
        features = ShardFeatures(
            name,
            torch.from_numpy(centres[labels] + 2 * noise),
            [f"{start + i:09d}" for i in range(size)],
            [*map(str, labels.tolist())],
            range(size),
            size,
        )
        features.write(folder / f"{name}.features", {"encoder": "none"})


def from_files(folder: str, output: str, block_size: int) -> None:
    """Score a folder of features by the command."""
    options = {**HOW, "block-size": block_size}
    told = [f"--{name}={value}" for name, value in options.items()]
    sys.exit(command(["score", folder, "-o", output, "--quiet", *told]))


def from_memory(folder: str, output: str, block_size: int) -> None:
    """Score the same rows, all in memory."""
    found = FeatureFolder(folder)
    assert found.labels is not None
    rows, labels = found.rows[: len(found.rows)], np.array(found.labels, dtype=np.int64)
    del found  # texts of many bytes
    cg_scores(rows, labels, block_size=block_size, progress=False, **HOW).save(output)


def anonymous_memory(pid: int) -> int:
    """Return a process's memory in bytes without the pages of mapped files (Linux)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has ended
        return 0
    return 1024 * sum(
        int(kilobytes) for kilobytes in re.findall(r"Rss(?:Anon|Shmem):\s+(\d+)", status)
    )


def measured(
    score: Callable[[str, str, int], None], folder: Path, rows: int, block_size: int
) -> Measured:
    """Score in a process of its own; print and return what it took."""
    output = folder.with_suffix(f".{score.__name__}.safetensors")
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=score, args=(str(folder), str(output), block_size))
    peak, start = 0, time.perf_counter()
    process.start()
    while process.is_alive():
        peak = max(peak, anonymous_memory(process.pid or 0))
        process.join(0.05)
    seconds = time.perf_counter() - start
    if process.exitcode != 0:
        raise SystemExit(f"the scoring of {rows:,} rows failed")
    mean = CGScores.load(output).values.mean()
    output.unlink()
    took = f"{seconds / 60:.1f} min | {peak / 2**30:.2f} GiB | {seconds / rows * 1e6:.0f} µs"
    print(f"| {rows:,} | {score.__name__.replace('_', ' ')} | {took} | {mean:.6f} |", flush=True)
    return Measured(rows, seconds, peak)


def predict(known: list[Measured], rows: int) -> None:
    """Print what more rows take, by a line through what some did."""
    x = [one.rows for one in known]
    found = [
        np.polyval(np.polyfit(x, y, 1), rows)
        for y in ([one.seconds for one in known], [one.peak for one in known])
    ]
    through = ", ".join(f"{n:,}" for n in x)
    print(
        f"by a line through {through} rows: {rows:,} rows in {found[0] / 60:.1f} min and "
        f"{found[1] / 2**30:.2f} GiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="*", default=[1_250_000, 2_500_000])
    parser.add_argument("--in-memory", type=int, default=0, metavar="N")
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--block-size", type=int, default=2048)
    args = parser.parse_args()
    print(f"{machine()}; rows of {args.features}, blocks of {args.block_size}\n")
    print("| rows | read from | time | peak memory | a row | mean score |")
    print("|---:|---|---:|---:|---:|---:|", flush=True)
    done = []
    for rows in sorted(args.rows):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "features"
            folder.mkdir()
            write(folder, rows, args.features)
            done.append(measured(from_files, folder, rows, args.block_size))
            if rows <= args.in_memory:
                measured(from_memory, folder, rows, args.block_size)
    print()
    if len(done) > 2:
        predict(done[:-1], done[-1].rows)
    if len(done) > 1:
        predict(done, MANY)


if __name__ == "__main__":
    main()
