"""float32 against float64: `python examples/benchmarks/precision.py FOLDER [N]`.

Exact scores of the first N images (20,000) of FOLDER/train/<class>/*, an equal number a class.
"""

import sys
from pathlib import Path

import torch
from measuring import machine, measured, read_images
from scipy.stats import spearmanr
from torchvision.datasets import ImageFolder

from torch_cgprune import CGScores, cg_scores


def main() -> None:
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    images = ImageFolder(Path(sys.argv[1]) / "train")
    features, labels = read_images(images, n // len(images.classes))

    def score(dtype: torch.dtype) -> tuple[CGScores, float, int]:
        return measured(lambda: cg_scores(features, labels, method="exact", ridge=0, dtype=dtype))

    single, single_s, single_peak = score(torch.float32)
    double, double_s, double_peak = score(torch.float64)
    rho = spearmanr(single.values, double.values).statistic
    error = (single.values - double.values).abs()
    print(f"{len(single)} images; {machine()}")
    print(f"float32: {single_s:.1f} s, {single_peak / 1e9:.2f} GB at the peak")
    print(f"float64: {double_s:.1f} s, {double_peak / 1e9:.2f} GB at the peak")
    print(f"rank correlation {rho:.9f}")
    print(f"largest error of a score, relative to it: {(error / double.values).max():.1e}")
    print(f"largest error, relative to the largest score: {error.max() / double.values.max():.1e}")


if __name__ == "__main__":
    main()
