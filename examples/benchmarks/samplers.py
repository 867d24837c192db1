"""What a sampler over ten million examples costs, beside those of torch, in one run.

``python examples/benchmarks/samplers.py [N]``

Every sampler hands out 60 % of N examples in random order. It is given what it wants (a tensor, a
list, weights), built, and iterated to its end; "of ours" is the time for both beside that of
SelectionSampler, memory the peak beyond what it was given. Then the private memory of a loader
worker, at the second and the last batch of an epoch.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from measuring import machine, measured
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, WeightedRandomSampler

from torch_cgprune import DistributedSelectionSampler, PrunedSampler, SelectionSampler


def exhaust(sampler: Iterable[int]) -> int:
    """Iterate to the end; return the number of indices."""
    count = 0
    for _ in sampler:
        count += 1
    return count


class PrivateMemory(Dataset[int]):
    """A dataset whose items say how much memory the process has for itself, in bytes (Linux)."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> int:
        return 0

    def __getitems__(self, indices: list[int]) -> list[int]:
        sizes = re.findall(
            r"^Private_\w+:\s+(\d+)", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE
        )
        return [1024 * sum(map(int, sizes))] * len(indices)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    kept = torch.arange(n) % 5 < 3
    selection = kept.nonzero().flatten()
    listed, weights = selection.tolist(), kept.double()
    scores = torch.rand(n, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(n) % 1000
    samplers = {
        "SelectionSampler": lambda: SelectionSampler(selection),
        "DistributedSelectionSampler, 1 of 1 ranks": lambda: DistributedSelectionSampler(
            selection, num_replicas=1, rank=0
        ),
        "SubsetRandomSampler, a list": lambda: SubsetRandomSampler(listed),
        "SubsetRandomSampler, a tensor": lambda: SubsetRandomSampler(selection),  # type: ignore[arg-type]
        "WeightedRandomSampler": lambda: WeightedRandomSampler(weights, len(selection)),  # type: ignore[arg-type]
        "PrunedSampler, soft, from scores": lambda: PrunedSampler((scores, labels), keep=0.6),
        "PrunedSampler, low-first, from scores": lambda: PrunedSampler(
            (scores, labels), keep=0.6, policy="low-first"
        ),
    }
    print(f"{n:,} examples, {machine()}")
    print(
        "| sampler                                   |  build | iterate | of ours | peak memory |"
    )
    print(
        "|-------------------------------------------|-------:|--------:|--------:|------------:|"
    )
    ours = None
    for name, make in samplers.items():
        sampler, build, built = measured(make)
        count, iterate, taken = measured(lambda: exhaust(sampler))  # noqa: B023
        assert count == len(selection)
        ours = ours or build + iterate
        print(
            f"| {name:41} | {build:4.1f} s | {iterate:5.1f} s | {(build + iterate) / ours:7.1f} "
            f"| {max(built, taken) / 1e9:8.2f} GB |"
        )

    million = SelectionSampler(torch.arange(1_000_000))
    loader = DataLoader(PrivateMemory(1_000_000), batch_size=256, sampler=million, num_workers=2)
    used = [int(batch[0]) for batch in loader]
    print(
        f"a worker over an epoch of 1,000,000 examples: {used[2] / 1e6:.1f} MB of its own at the "
        f"second batch, {used[-1] / 1e6:.1f} MB at the last"
    )


if __name__ == "__main__":
    main()
