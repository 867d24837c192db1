"""Scores of features in shards, rows mapped: `python examples/benchmarks/shards.py [ROWS] [--all]`.

Clustered rows of 512 numbers (--features) in 1,000 classes, float16, in a file of features for each
20,000, as `torch-cgprune encode` writes them (1 GB a million, in the temporary folder, deleted).
One local run over the mapped files, and beside it, with --all, over the same rows in memory.
Prints the time and the peak memory without the pages of mapped files, which grows with the rows,
whatever they hold; --block-size 512 and --features 64 show it for many rows in little time.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from measuring import machine, memory

from torch_cgprune import cg_scores
from torch_cgprune.streams.features import FeatureFolder, ShardFeatures

CLASSES, SHARD = 1000, 20_000


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


def anonymous_memory() -> int:
    """Return the process's memory in bytes without the pages of mapped files."""
    return memory("RssAnon") + memory("RssShmem")


def scored(
    features: object, labels: "np.ndarray[tuple[int], np.dtype[np.int64]]", block_size: int
) -> None:
    """Score, and print what it took."""
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, anonymous_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    scores = cg_scores(
        features, labels, method="local", runs=1, block_size=block_size, ridge=0.1, progress=False
    )
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    n = len(scores)
    print(
        f"| {n:,} | {type(features).__name__} | {seconds / 60:.1f} min | {peak / 2**30:.2f} GiB | "
        f"{seconds / n * 1e6:.0f} µs | {scores.values.mean():.6f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--all", action="store_true", help="the same rows in memory, too")
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--block-size", type=int, default=2048)
    args = parser.parse_args()
    print(machine())
    print("| rows | read from | time | peak memory | a row | mean score |")
    print("|---:|---|---:|---:|---:|---:|", flush=True)
    for rows in args.rows:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), rows, args.features)
            found = FeatureFolder(folder)
            assert found.labels is not None
            labels = np.array(found.labels, dtype=np.int64)
            found.labels = None  # texts of many bytes
            scored(found.rows, labels, args.block_size)
            if args.all:
                scored(found.rows[: len(labels)], labels, args.block_size)


if __name__ == "__main__":
    main()
