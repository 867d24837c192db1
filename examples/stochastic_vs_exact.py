"""How close the paper's sampled score comes to the exact one (App. A.3).

`python examples/stochastic_vs_exact.py FOLDER` with FOLDER/train/<class>/* of CIFAR-10: Spearman
correlation with the exact scores of 10,000 images (1,000 a class) at ratio 1:1 to 1:4.
"""

import argparse
import time
from pathlib import Path

import torch
from scipy.stats import spearmanr
from torch.utils.data import Subset
from torchvision.datasets import ImageFolder

from torch_cgprune import cg_scores
from torch_cgprune.inputs.reading import read_dataset

PAPER = {1: 0.829, 2: 0.914, 3: 0.953, 4: 0.973}  # App. A.3, after 20 runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-class", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=20)
    args = parser.parse_args()

    images = ImageFolder(args.folder / "train")
    codes = torch.tensor(images.targets)
    first = [(codes == c).nonzero().flatten()[: args.per_class] for c in codes.unique()]
    features, labels = read_dataset(Subset(images, torch.cat(first).tolist()))
    assert labels is not None
    start = time.perf_counter()
    exact = cg_scores(features, labels, method="exact", ridge=0)
    print(
        f"exact: {len(exact)} images in {time.perf_counter() - start:.1f} s; "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads"
    )
    print("| ratio | Spearman with exact | paper | time    |")
    print("|-------|--------------------:|------:|--------:|")
    for ratio, paper in PAPER.items():
        start = time.perf_counter()
        sampled = cg_scores(features, labels, method="stochastic", ratio=ratio, runs=args.runs)
        seconds = time.perf_counter() - start
        rho = spearmanr(sampled.values, exact.values).statistic
        print(f"| 1:{ratio}   | {rho:19.3f} | {paper:.3f} | {seconds:5.1f} s |", flush=True)


if __name__ == "__main__":
    main()
