"""One local run at the size of ImageNet: `python examples/benchmarks/imagenet_size.py [ROWS]`.

1,281,167 rows of 512 features in 1,000 clusters, float16 in a memory-mapped file (1.3 GB in the
temporary folder, deleted afterwards). Prints the time and the memory beyond the mapped file.
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from measuring import machine, memory

from torch_cgprune import cg_scores

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_281_167
FEATURES, CLASSES, CHUNK = 512, 1000, 65_536


def write(path: Path) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Write clustered features, a chunk at a time, and return their labels."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLASSES, FEATURES), dtype=np.float32)
    labels = rng.integers(CLASSES, size=ROWS)
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(ROWS, FEATURES))
    for start in range(0, ROWS, CHUNK):
        chosen = labels[start : start + CHUNK]
        noise = rng.standard_normal((len(chosen), FEATURES), dtype=np.float32)
        mapped[start : start + CHUNK] = centres[chosen] + 2 * noise
    mapped.flush()
    return labels


def anonymous_memory() -> int:
    """Return the process's memory in bytes without the pages of mapped files."""
    return memory("RssAnon") + memory("RssShmem")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.npy"
        labels = write(path)
        features = np.load(path, mmap_mode="r")
        before, peak, done = anonymous_memory(), 0, threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.05):
                peak = max(peak, anonymous_memory())

        watcher = threading.Thread(target=watch)
        watcher.start()
        start = time.perf_counter()
        scores = cg_scores(features, labels, method="local", runs=1, ridge=0)
        seconds = time.perf_counter() - start
        done.set()
        watcher.join()
        print(scores)
        print(
            f"{ROWS} x {FEATURES} float16, {CLASSES} classes: {seconds / 60:.1f} minutes, "
            f"{(peak - before) / 1e9:.2f} GB beyond the mapped file; {machine()}"
        )


if __name__ == "__main__":
    main()
