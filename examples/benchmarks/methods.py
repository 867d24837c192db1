"""All methods on n examples: time, peak memory, and how near they come to the exact scores.

`python examples/benchmarks/methods.py fashion-mnist` (Debian's package dataset-fashion-mnist), or
FOLDER for images in FOLDER/train/<class>/*. Beyond as many images as there are, the same come again
mirrored, then shifted by two pixels. Every line is appended to a file (--results): called again,
the script goes on where it was; `--tables` prints what is there, `--plot FILE` draws that of these
data and this ridge.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from measuring import machine, measured, read_images
from scipy.stats import spearmanr
from torch import Tensor
from torchvision.datasets import FashionMNIST, ImageFolder

from torch_cgprune import CGScores, cg_scores
from torch_cgprune.errors import NotEnoughMemoryError

sys.path.insert(0, str(Path(__file__).parents[1]))
from json_lines import append_row, read_rows

METHODS = ("local", "iterative", "exact", "stochastic")
COMPARED = ("score", "d", "margin", "suspects")
DRAWN = {
    "seconds": ("seconds", 1),
    "peak": ("peak memory, GB", 1e9),
    "score": ("rank correlation with the exact scores", 1),
}
SHIFTS = ((2, 0), (-2, 0), (0, 2), (0, -2))


HEADER = """\
| n | method | of exact time | time | peak memory | score | d | margin | suspects equal |
| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


@dataclass(frozen=True)
class Case:
    """What is measured once."""

    data: str
    n: int
    method: str
    ridge: float | str


def main() -> None:
    args = parse()
    data = Path(args.data).name
    done = known(args.results)
    if not (args.tables or args.plot):
        images, labels = read(args.data, args.root)
        for case in cases(data, args.sizes or [len(labels)], args.methods, args.ridge):
            if case not in done:
                done[case] = measure(case, *several(images, labels, case.n), args)
                append_row(args.results, {**asdict(case), **done[case]})
                print(line(case, done), flush=True)
    if args.plot:
        drawn = {c: row for c, row in done.items() if (c.data, c.ridge) == (data, args.ridge)}
        draw(drawn, args.plot)
    print_tables(done)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data")
    parser.add_argument("--root", type=Path, default=Path("data"), help="of Fashion-MNIST")
    parser.add_argument("--sizes", type=int, nargs="+", help="examples (all there are)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--ridge", type=lambda t: t if t == "auto" else float(t), default="auto")
    parser.add_argument("--results", type=Path, default=Path("methods.jsonl"))
    parser.add_argument("--cache", type=Path, default=Path("methods_cache"), help="exact scores")
    parser.add_argument("--storage", type=Path, help="a folder for what memory does not hold")
    parser.add_argument("--tables", action="store_true", help="print what is there")
    parser.add_argument("--plot", type=Path, help="draw what is there")
    return parser.parse_args()


def cases(data: str, sizes: list[int], methods: list[str], ridge: float | str) -> Iterator[Case]:
    """Yield the cases of every size, the exact one first: others are compared with it."""
    for n in sizes:
        order = sorted(methods, key=lambda name: name != "exact")
        yield from (Case(data, n, method, ridge) for method in order)


def known(path: Path) -> dict[Case, dict[str, Any]]:
    """Return what a file of results holds."""
    found = {}
    for row in read_rows(path):
        found[Case(*(row.pop(name) for name in ("data", "n", "method", "ridge")))] = row
    return found


def read(data: str, root: Path) -> tuple[Tensor, Tensor]:
    """Return (m, h, w, channels) images in [0, 1] and their labels, in a random order."""
    images = FashionMNIST(root) if data == "fashion-mnist" else ImageFolder(Path(data) / "train")
    features, labels = read_images(images, per_class=10**9)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    channels = 1 if data == "fashion-mnist" else 3
    side = round((features[0].numel() / channels) ** 0.5)
    return features[order].view(-1, side, side, channels), labels[order]


def several(images: Tensor, labels: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return n images and their labels, those that are missing made of the others."""
    made, count = [images[:n]], len(images)
    for number in range(1, -(-n // count)):
        left = images[: n - number * count]
        made.append(left.flip(2) if number == 1 else left.roll(SHIFTS[number - 2], (1, 2)))
    return torch.cat(made), labels.repeat(len(made))[:n]


def measure(case: Case, rows: Tensor, labels: Tensor, args: argparse.Namespace) -> dict[str, Any]:
    """Score once; compare with the exact scores where there are any."""
    args.cache.mkdir(parents=True, exist_ok=True)
    kept = args.cache / f"{case.data}-{case.n}-{case.ridge}.safetensors"
    options: dict[str, Any] = {
        "method": case.method,
        "ridge": case.ridge,
        "storage": args.storage,
        "progress": False,
    }
    if case.method == "stochastic":
        options["ratio"] = 1
    try:
        scores, seconds, peak = measured(lambda: cg_scores(rows, labels, **options))
    except NotEnoughMemoryError as error:
        return {"error": str(error)}
    if case.method == "exact":
        scores.save(kept)
    found: dict[str, Any] = {"seconds": round(seconds, 1), "peak": peak, "machine": machine()}
    found["chosen"] = scores.metadata.get("ridge", {}).get("chosen", case.ridge)
    found["iterations"] = scores.metadata.get("iterative", {}).get("iterations")
    return found | (compared(scores, CGScores.load(kept)) if kept.is_file() else {})


def compared(scores: CGScores, exact: CGScores) -> dict[str, float]:
    """Return rank correlations with the exact scores, and the share of equal verdicts."""
    found = {"score": correlation(scores.values, exact.values)}
    found["d"] = correlation(scores.terms[:, 2], exact.terms[:, 2])
    if scores.margin is not None and exact.margin is not None:
        found["margin"] = correlation(scores.margin, exact.margin)
        found["suspects"] = float((scores.suspects == exact.suspects).double().mean())
    return found


def correlation(a: Tensor, b: Tensor) -> float:
    return float(spearmanr(a, b).statistic)


def print_tables(done: dict[Case, dict[str, Any]]) -> None:
    """Print a table for each data set and ridge."""
    for data, ridge in dict.fromkeys((case.data, case.ridge) for case in done):
        print(f"\n{data}, ridge {ridge}\n")
        print(HEADER)
        here = [case for case in done if (case.data, case.ridge) == (data, ridge)]
        for case in sorted(here, key=lambda case: (case.n, METHODS.index(case.method))):
            print(line(case, done))


def line(case: Case, done: dict[Case, dict[str, Any]]) -> str:
    """Return a line of a table."""
    row = done[case]
    start = f"| {case.n:,} | {case.method} |"
    if "error" in row:
        return f"{start} does not fit |"
    exact = done.get(Case(case.data, case.n, "exact", case.ridge), {}).get("seconds")
    share = f"{row['seconds'] / exact:.1%}" if exact else ""
    near = " | ".join(f"{row[name]:.4f}" if name in row else "" for name in COMPARED)
    return f"{start} {share} | {row['seconds']:.1f} s | {row['peak'] / 1e9:.2f} GB | {near} |"


def draw(done: dict[Case, dict[str, Any]], path: Path) -> None:
    """Draw time, memory and correlation against n."""
    from matplotlib import pyplot as plt  # noqa: PLC0415
    from matplotlib.ticker import LogLocator  # noqa: PLC0415

    figure, axes = plt.subplots(1, 3, figsize=(13, 4), constrained_layout=True)
    sizes = sorted({case.n for case in done})
    for plot, (value, (label, unit)) in zip(axes, DRAWN.items(), strict=True):
        for method in METHODS:
            points = sorted(
                (case.n, row[value] / unit)
                for case, row in done.items()
                if case.method == method and row.get(value) is not None
            )
            if points:
                style = "o--" if method == "exact" else "o-"  # it lies on that of iterative
                plot.plot(*zip(*points, strict=True), style, label=method)
        plot.set(xscale="log", xlabel="examples", title=label)
        plot.set_xticks(sizes, [f"{n / 1000:g}k" for n in sizes], minor=False)
        plot.minorticks_off()
        plot.spines[["top", "right"]].set_visible(False)
        plot.grid(alpha=0.3)
        if value != "score":
            plot.set_yscale("log")
            plot.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            plot.yaxis.set_major_formatter("{x:g}")
            plot.yaxis.set_minor_formatter("")
    axes[0].legend(frameon=False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
