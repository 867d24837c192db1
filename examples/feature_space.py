"""Does a feature space help: `python examples/feature_space.py` (digits, no download).

Scores the same images by their pixels, by the features of a network pretrained on ImageNet, and by
those of a CNN trained for a few epochs on the data themselves (paper, App. H). Compares how well
each tells wrong labels, and how well a linear probe does that is trained on what each policy keeps.
More: --data FOLDER --method local, with FOLDER/train/<class> and FOLDER/test/<class>.
"""

import argparse
import itertools
import time
import warnings
from pathlib import Path
from typing import Any

import example_data
import torch
from example_training import fit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.utils.data import TensorDataset

from torch_cgprune import CGScoredDataset, CGScores, Encoder, PrunedSampler, SelectionSampler
from torch_cgprune.encoders import encode_dataset

POLICIES = ("low-first", "high-first", "stratified", "soft", "random")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default="digits", help="digits, fashion-mnist or a folder")
    parser.add_argument("--root", type=Path, default=Path("data"), help="where Fashion-MNIST lies")
    parser.add_argument("--cache", type=Path, help="folder to keep features in")
    parser.add_argument("--noise", type=float, default=0.2, help="share of corrupted labels")
    parser.add_argument("--method", default="auto", help="of cg_scores")
    parser.add_argument("--keep", type=float, nargs="+", default=[0.1, 0.3, 0.6])
    parser.add_argument("--epochs", type=int, default=3, help="of the CNN trained on the data")
    parser.add_argument("--batch-size", type=int, default=64)
    return parser.parse_args()


def wrong_labels(name: str, data: TensorDataset, true: Tensor, features: Any, method: str) -> None:
    """Score with corrupted labels and print how well they are told."""
    start = time.perf_counter()
    options: dict[str, Any] = {"method": method, "ridge": "auto", "progress": False}
    scores = CGScoredDataset(data, features=features, **options).scores
    wrong, seconds = data.tensors[1] != true, time.perf_counter() - start
    assert scores.margin is not None
    area, average = (f(wrong, -scores.margin) for f in (roc_auc_score, average_precision_score))
    right = (scores.suggested_labels == true).double().mean()
    print(
        f"| {name:<29} | {area:.3f} | {average:9.3f} | {f1_score(wrong, scores.suspects):.3f} | "
        f"{right:15.3f} | {seconds:4.0f} s |",
        flush=True,
    )


def probe(
    scores: CGScores, policy: str, keep: float, train: tuple[Any, Any], test: tuple[Any, Any]
) -> float:
    """Return the test accuracy in percent of a linear probe trained on what a policy keeps."""
    kept = PrunedSampler(scores, keep=keep, policy=policy).selection
    model = LogisticRegression(max_iter=50).fit(train[0][kept], train[1][kept])
    return 100 * float(model.score(*test))


def compare_noise(clean: TensorDataset, encoder: Encoder, args: Any) -> None:
    """Tell wrong labels in three feature spaces."""
    images, labels = clean.tensors
    noisy = TensorDataset(images, example_data.corrupted(labels, args.noise))
    sampler = SelectionSampler(torch.arange(len(labels)))
    learned = fit(noisy, sampler, args, seed=0)[:-1]  # without its last layer
    print(
        "| features                      | AUROC | av. prec. |    F1 | suggestion right |   time |"
    )
    print(
        "|-------------------------------|------:|----------:|------:|-----------------:|-------:|"
    )
    wrong_labels("pixels", noisy, labels, None, args.method)
    wrong_labels("pretrained on ImageNet", noisy, labels, encoder, args.method)
    wrong_labels(f"{args.epochs} epochs on the noisy labels", noisy, labels, learned, args.method)


def compare_probes(parts: list[TensorDataset], encoders: list[Encoder], args: Any) -> None:
    """Train linear probes on what each policy keeps, by the scores of two feature spaces."""
    pairs = zip(parts, encoders, strict=True)
    rows = [encode_dataset(part, encoder)[0].features for part, encoder in pairs]
    scale = StandardScaler().fit(rows[0])
    train, test = (
        (scale.transform(x), part.tensors[1].numpy()) for x, part in zip(rows, parts, strict=True)
    )
    options: dict[str, Any] = {"method": args.method, "progress": False}
    scored = {
        kind: CGScoredDataset(parts[0], features=features, **options).scores
        for kind, features in (("pixels", None), ("encoder", rows[0]))
    }
    whole = LogisticRegression(max_iter=50).fit(*train).score(*test)
    print(f"\nlinear probe on the encoder's features, all data: {100 * whole:.2f} %\n")
    print(f"| scored by | policy     | {' | '.join(f'{keep:5.0%}' for keep in args.keep)} |")
    print(f"|-----------|------------|{'|'.join('------:' for _ in args.keep)}|")
    for (kind, scores), policy in itertools.product(scored.items(), POLICIES):
        found = [f"{probe(scores, policy, keep, train, test):5.2f}" for keep in args.keep]
        print(f"| {kind:<9} | {policy:<10} | {' | '.join(found)} |", flush=True)


def main() -> None:
    args = parse()
    warnings.filterwarnings("ignore", message="lbfgs failed to converge")
    parts = [
        TensorDataset(*example_data.in_memory(part))
        for part in example_data.load(args.data, args.root)
    ]
    labels = parts[0].tensors[1]
    print(f"{args.data}: {len(labels)} images; torch {torch.__version__}\n")
    args.classes = int(labels.max()) + 1
    args.steps = args.epochs * len(labels) // args.batch_size
    encoders = [example_data.pretrained(args.cache, args.data, part) for part in ("", "-test")]
    compare_noise(parts[0], encoders[0], args)
    compare_probes(parts, encoders, args)


if __name__ == "__main__":
    main()
