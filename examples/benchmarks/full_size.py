"""All methods on a whole dataset: time, peak memory, correlation with the exact scores.

`python examples/benchmarks/full_size.py fashion-mnist` (Debian's package dataset-fashion-mnist), or
FOLDER for images in FOLDER/train/<class>/*; `--per-class M` takes fewer.
"""

import argparse
from pathlib import Path
from typing import Any

from measuring import machine, measured, read_images
from scipy.stats import spearmanr
from torchvision.datasets import FashionMNIST, ImageFolder

from torch_cgprune import CGScores, cg_scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("data"),
        help="of Fashion-MNIST, as unpacked there by examples/quickstart.py",
    )
    parser.add_argument("--per-class", type=int, default=10**9)
    parser.add_argument("--block-sizes", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 3, 5])
    args = parser.parse_args()
    images = (
        FashionMNIST(args.root)
        if args.data == "fashion-mnist"
        else ImageFolder(Path(args.data) / "train")
    )
    features, labels = read_images(images, args.per_class)

    def score(**options: Any) -> tuple[CGScores, float, int]:
        return measured(lambda: cg_scores(features, labels, ridge=0, **options))

    exact, whole, memory = score(method="exact")
    n, numbers = len(exact), features.numel()
    spare = (memory / 4 - numbers) / n**2
    print(f"{n} images of {numbers // n} numbers; {machine()}")
    print(f"exact: peak beyond one copy of the features in float32 {spare:.3f} n^2 numbers")
    print("| method                | Spearman |    time | share of exact | peak memory |")
    print("|-----------------------|---------:|--------:|---------------:|------------:|")

    def line(name: str, scores: CGScores, seconds: float, peak: int) -> None:
        rho = spearmanr(scores.values, exact.values).statistic
        print(
            f"| {name:21} | {rho:8.3f} | {seconds:5.1f} s | {seconds / whole:14.1%} "
            f"| {peak / 1e9:8.2f} GB |",
            flush=True,
        )

    line("exact", exact, whole, memory)
    line("iterative", *score(method="iterative"))
    for block_size in args.block_sizes:
        for runs in args.runs:
            name = f"local, {block_size} x {runs} runs"
            line(name, *score(method="local", block_size=block_size, runs=runs))
    line("stochastic, 1:1", *score(method="stochastic", ratio=1))


if __name__ == "__main__":
    main()
