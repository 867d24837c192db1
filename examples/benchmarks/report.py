"""Time and memory of the page: `python examples/benchmarks/report.py` (all of Fashion-MNIST).

With --noise, a share of the labels is wrong, so that there are as many suspects as in noisy data.
Scores are local ones: what is measured is the page, beyond the scores and the images.
"""

import argparse
from pathlib import Path

import torch
from measuring import machine, measured
from torchvision.datasets import FashionMNIST

from torch_cgprune import CGScoredDataset
from torch_cgprune.report import write_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("data"),
        help="of Fashion-MNIST, as unpacked there by examples/quickstart.py",
    )
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.2])
    args = parser.parse_args()
    images = FashionMNIST(args.root)
    true, page = torch.as_tensor(images.targets), args.root / "report.html"
    rng = torch.Generator().manual_seed(0)
    others = (true + torch.randint(1, 10, true.shape, generator=rng)) % 10
    drawn = torch.rand(len(true), generator=rng)
    print(machine())
    print("| labels wrong | suspects |   time | peak memory |   page |")
    print("|-------------:|---------:|-------:|------------:|-------:|")
    for noise in args.noise:
        labels = others.where(drawn < noise, true)
        train = CGScoredDataset(images, labels=labels, method="local", ridge="auto", progress=False)
        _, seconds, peak = measured(lambda: write_report(train.scores, page, train))  # noqa: B023
        print(
            f"| {noise:12.0%} | {int(train.scores.suspects.sum()):8} | {seconds:4.1f} s | "
            f"{peak / 1e9:8.2f} GB | {page.stat().st_size / 1e6:3.1f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
