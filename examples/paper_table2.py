"""The paper's Table 2 beside other rules: `python examples/paper_table2.py` (digits, no download).

With 20 % of the labels corrupted: which share of the wrong labels, and of the right ones, has a
positive partial CG-score when each class is scored against RATIO times as many others. The paper:
98 % and 7 % for Fashion-MNIST (--data fashion-mnist --ratio 3), 71 % and 21 % for CIFAR-10 (--data
FOLDER --ratio 4).
"""

import argparse
from pathlib import Path
from typing import Any

import example_data
import torch
from torch import Tensor

from torch_cgprune import cg_scores
from torch_cgprune.noise import evidence


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default="digits", help="digits, fashion-mnist or a folder")
    parser.add_argument("--root", type=Path, default=Path("data"), help="where Fashion-MNIST lies")
    parser.add_argument("--every", type=int, default=1, help="take every n-th image only")
    parser.add_argument("--standardise", action="store_true", help="every channel to mean 0, std 1")
    parser.add_argument("--ratio", type=float, default=3)
    parser.add_argument("--runs", type=int, help="draws per class; the paper's number by default")
    parser.add_argument("--noise", type=float, default=0.2, help="share of corrupted labels")
    parser.add_argument("--method", default="auto", help="of the other rules' scores")
    return parser.parse_args()


def show(name: str, flagged: Tensor, wrong: Tensor) -> None:
    shares = (float(flagged[part].double().mean()) for part in (wrong, ~wrong))
    print(f"| {name:<39} | {' | '.join(f'{share:6.1%}' for share in shares)} |", flush=True)


def main() -> None:
    args = parse()
    images, labels = example_data.in_memory(example_data.load(args.data, args.root)[0])
    images, labels = images[:: args.every], labels[:: args.every]
    if args.standardise:
        std, mean = torch.std_mean(images, dim=(0, 2, 3), keepdim=True)
        images = (images - mean) / std
    given = example_data.corrupted(labels, args.noise)
    wrong = given != labels
    options: dict[str, Any] = {"progress": False}
    print("| flagged                                 | of wrong | of right |")
    print("|-----------------------------------------|-------:|-------:|")
    paper: dict[str, Any] = {"method": "stochastic", "ratio": args.ratio, "runs": args.runs}
    scores = cg_scores(images, given, **paper, **options)
    show(f"partial score > 0, 1:{args.ratio:g}", scores.partial > 0, wrong)
    scores = cg_scores(images, given, method=args.method, ridge=0, **options)
    show("partial score > 0, one against all others", scores.partial > 0, wrong)
    scores = cg_scores(images, given, method=args.method, ridge="auto", **options)
    for rule in ("centred-sign", "adjusted", "margin"):
        show(f"{rule}, ridge='auto'", evidence(scores, rule) > 0, wrong)


if __name__ == "__main__":
    main()
