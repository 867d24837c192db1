"""What many classes cost: `python examples/benchmarks/many_classes.py [N]`.

N rows of 128 numbers around centres, a tenth of the labels wrong: local scores, what is said of the
labels, the probabilities of all classes and the page, in seconds of the processor and peak memory.
"Of 10" is the time beside that of 10 classes.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measuring import clustered, machine, measured

from torch_cgprune import cg_scores, noise_report
from torch_cgprune.report import write_report


def costs(n: int, classes: int) -> dict[str, tuple[float, int]]:
    """Return seconds of the processor and peak memory in bytes of each step."""
    rows, labels = clustered(n, 128, classes)
    rng = torch.Generator().manual_seed(1)
    wrong = torch.rand(n, generator=rng) < 0.1
    labels = torch.randint(classes, (n,), generator=rng).where(wrong, labels)
    found: dict[str, tuple[float, int]] = {}

    def step(name: str, function: Callable[[], Any]) -> Any:
        start = time.process_time()
        result, _, peak = measured(function)
        found[name] = time.process_time() - start, peak
        return result

    scores = step(
        "local scores", lambda: cg_scores(rows, labels, method="local", runs=2, progress=False)
    )
    step("noise_report", lambda: noise_report(scores))
    step("pred_probs", scores.pred_probs)
    with tempfile.TemporaryDirectory() as folder:
        step("page", lambda: write_report(scores, Path(folder) / "page.html", progress=False))
    return found


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    few, many = costs(n, 10), costs(n, 1000)
    print(f"{n:,} examples of 1,000 classes; {machine()}")
    print("| step         |    time | of 10 | peak memory |")
    print("|--------------|--------:|------:|------------:|")
    for name, (seconds, peak) in many.items():
        ratio = seconds / few[name][0]
        print(f"| {name:12} | {seconds:5.2f} s | {ratio:5.1f} | {peak / 1e9:8.2f} GB |", flush=True)


if __name__ == "__main__":
    main()
