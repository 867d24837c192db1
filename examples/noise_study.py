"""Which method finds wrong labels: `python examples/noise_study.py` (digits, no download).

Corrupts labels, symmetrically and asymmetrically, and compares on the same examples: the scores and
noise rules of the library, cleanlab on cross-validated probabilities, a vote of neighbours. The
whole study: --data fashion-mnist FOLDER --features pixels encoder, with FOLDER/train/<class>.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import example_data
import numpy as np
import torch
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import NearestNeighbors
from torch import Tensor
from torch.nn.functional import normalize, one_hot
from torch.utils.data import TensorDataset

from torch_cgprune import CGScores, cg_scores, estimate_noise_rate
from torch_cgprune.encoders import encode_dataset
from torch_cgprune.noise import evidence

NEIGHBOURS = 10
FOLDS, ITERATIONS = 3, 50  # of the logistic regression


class Verdict(NamedTuple):
    """What a method says of n labels: evidence that each is wrong, and which it flags, if any."""

    method: str
    evidence: Tensor
    flagged: Tensor | None
    seconds: float


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", nargs="+", default=["digits"])
    parser.add_argument("--root", type=Path, default=Path("data"), help="where Fashion-MNIST lies")
    parser.add_argument("--features", nargs="+", default=["pixels"], help="pixels, encoder")
    parser.add_argument("--cache", type=Path, help="folder to keep the encoder's features in")
    parser.add_argument("--symmetric", type=float, nargs="*", default=[0.2, 0.5, 0.8])
    parser.add_argument("--asymmetric", type=float, nargs="*", default=[0.2])
    parser.add_argument("--method", default="auto", help="of cg_scores")
    parser.add_argument("--no-regression", action="store_true", help="leave out the slowest rival")
    return parser.parse_args()


Result = TypeVar("Result")


def timed(function: Callable[..., Result], *args: Any, **options: Any) -> tuple[Result, float]:
    start = time.perf_counter()
    return function(*args, **options), time.perf_counter() - start


def ours(rows: Tensor, labels: Tensor, method: str) -> tuple[list[Verdict], CGScores]:
    """Score without a ridge, as the paper does, and with the ridge that the labels choose."""
    options: dict[str, Any] = {"method": method, "progress": False}
    paper, seconds = timed(cg_scores, rows, labels, **options)
    scores, auto = timed(cg_scores, rows, labels, ridge="auto", **options)
    probs = scores.pred_probs()
    own = probs.gather(1, labels[:, None]).squeeze(1)
    found = [
        Verdict("CG-score (paper)", paper.values, None, seconds),
        Verdict("CG', no inverse (paper)", -paper.cg_prime, None, seconds),
        Verdict("partial score (paper)", paper.partial, paper.partial > 0, seconds),
        Verdict("leave-one-out residual", scores.residual, None, auto),
        Verdict("partial-sign", scores.partial, scores.partial > 0, auto),
    ]
    for rule in ("posterior", "centred-sign", "adjusted", "margin", "confident"):
        against, extra = timed(evidence, scores, rule)
        ranking = 1 - own if rule == "confident" else against
        found.append(Verdict(rule, ranking, against > 0, auto + extra))
    issues, extra = timed(evidence, scores, "cleanlab")
    found.append(Verdict("cleanlab on pred_probs", 1 - own, issues > 0, auto + extra))
    return found, scores


def neighbours(rows: Tensor) -> Tensor:
    """Return (n, 10) the nearest other examples of each, by cosine."""
    unit = normalize(rows.float()).numpy()
    search = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute").fit(unit)
    found = torch.from_numpy(search.kneighbors(unit, return_distance=False))
    itself = found == torch.arange(len(found))[:, None]
    itself[~itself.any(1), -1] = True  # among eleven copies it may not be there
    return found[~itself].view(-1, NEIGHBOURS)


def rivals(
    rows: Tensor, labels: Tensor, near: Tensor, seconds: float, *, regression: bool
) -> Iterator[Verdict]:
    k = int(labels.max()) + 1
    votes = one_hot(labels[near], k).double().mean(1)
    against = 1 - votes.gather(1, labels[:, None]).squeeze(1)
    yield Verdict(f"vote of {NEIGHBOURS} neighbours", against, votes.argmax(1) != labels, seconds)
    yield by_cleanlab(f"cleanlab on {NEIGHBOURS} neighbours", votes.numpy(), labels, seconds)
    if regression:
        model = LogisticRegression(max_iter=ITERATIONS)
        probs, extra = timed(
            cross_val_predict, model, rows.numpy(), labels, cv=FOLDS, method="predict_proba"
        )
        yield by_cleanlab("cleanlab on log. regression", probs, labels, extra)


def by_cleanlab(name: str, probs: np.ndarray[Any, Any], labels: Tensor, seconds: float) -> Verdict:
    start = time.perf_counter()
    issues = torch.from_numpy(find_label_issues(labels.numpy(), probs))
    quality = torch.from_numpy(get_label_quality_scores(labels.numpy(), probs))
    return Verdict(name, 1 - quality, issues, seconds + time.perf_counter() - start)


def show(verdicts: list[Verdict], wrong: Tensor) -> None:
    print(
        "| method                      | AUROC | av. prec. | precision | recall |    F1 |   time |"
    )
    print(
        "|-----------------------------|------:|----------:|----------:|-------:|------:|-------:|"
    )
    for name, against, flagged, seconds in verdicts:
        area, average = roc_auc_score(wrong, against), average_precision_score(wrong, against)
        rule = f"{'':>9} | {'':>6} | {'':>5}"
        if flagged is not None:
            p, r, f, _ = precision_recall_fscore_support(
                wrong, flagged, average="binary", zero_division=0
            )
            rule = f"{p:9.3f} | {r:6.3f} | {f:5.3f}"
        print(f"| {name:<27} | {area:.3f} | {average:9.3f} | {rule} | {seconds:4.0f} s |")
    print(flush=True)


def features_of(kind: str, images: Tensor, labels: Tensor, name: str, cache: Path | None) -> Tensor:
    """Return (n, d) rows: the pixels, or what the pretrained encoder makes of the images."""
    if kind == "pixels":
        return images.flatten(1)
    encoder = example_data.pretrained(cache, name)
    (read, _), seconds = timed(encode_dataset, TensorDataset(images, labels), encoder)
    print(f"encoded {len(images)} images in {seconds:.0f} s\n", flush=True)
    return read.features


def study(name: str, args: argparse.Namespace) -> None:
    images, labels = example_data.in_memory(example_data.load(name, args.root)[0])
    noises: list[tuple[str, float, dict[int, int] | None]]
    noises = [(f"{p:.0%} symmetric", p, None) for p in args.symmetric]
    noises += [(f"{p:.0%} asymmetric", p, example_data.swaps(name)) for p in args.asymmetric]
    for kind in args.features:
        rows = features_of(kind, images, labels, name, args.cache)
        near, seconds = timed(neighbours, rows)
        for noise, share, swaps in noises:
            given = example_data.corrupted(labels, share, swaps=swaps)
            verdicts, scores = ours(rows, given, args.method)
            verdicts += rivals(rows, given, near, seconds, regression=not args.no_regression)
            right = (scores.suggested_labels == labels).double().mean()
            calibration = scores.calibration
            print(
                f"{name}, {kind}, {len(rows)} examples, {noise} noise: ridge "
                f"{scores.metadata['ridge']['chosen']:g}, temperature "
                f"{calibration.temperature:.3f}, calibration error {calibration.error:.3f}, "
                f"suggested labels right {right:.3f}, estimated noise "
                f"{estimate_noise_rate(scores)} (true {(given != labels).double().mean():.1%})\n"
            )
            show(verdicts, given != labels)


def main() -> None:
    args = parse()
    warnings.filterwarnings("ignore", message="lbfgs failed to converge")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    for name in args.data:
        study(name, args)


if __name__ == "__main__":
    main()
