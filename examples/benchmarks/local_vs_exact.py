"""How close the local score comes to the exact one, and in what time, on a folder of images.

`python examples/benchmarks/local_vs_exact.py FOLDER [--per-class M]` with FOLDER/train/<class>/*:
Spearman correlation with the exact scores and the share of their time, by block size and runs.
"""

import argparse
import time
from pathlib import Path

import torch
from scipy.stats import spearmanr
from torch.utils.data import Subset
from torchvision.datasets import ImageFolder

from torch_cgprune import CGScores, cg_scores
from torch_cgprune.reading import read_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-class", type=int, default=10**9)
    parser.add_argument("--block-sizes", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 3, 5])
    args = parser.parse_args()
    images = ImageFolder(args.folder / "train")
    codes = torch.tensor(images.targets)
    chosen = [(codes == c).nonzero().flatten()[: args.per_class] for c in codes.unique()]
    features, labels = read_dataset(Subset(images, torch.cat(chosen).tolist()))

    def timed(**options: object) -> tuple[CGScores, float]:
        start = time.perf_counter()
        scores = cg_scores(features, labels, **options)  # type: ignore[arg-type]
        return scores, time.perf_counter() - start

    exact, whole = timed(method="exact")
    print(
        f"exact: {len(exact)} images in {whole:.0f} s; "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads"
    )
    print("| block size | runs | Spearman |    time | share of exact |")
    print("|-----------:|-----:|---------:|--------:|---------------:|")
    for block_size in args.block_sizes:
        for runs in args.runs:
            local, seconds = timed(method="local", block_size=block_size, runs=runs)
            rho = spearmanr(local.values, exact.values).statistic
            print(
                f"| {block_size:10} | {runs:4} | {rho:8.3f} | {seconds:5.1f} s "
                f"| {seconds / whole:14.1%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
