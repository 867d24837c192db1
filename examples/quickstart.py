"""Score, prune, train: `python examples/quickstart.py` (digits, no download, under a minute).

Trains the same small CNN for the same number of steps on all data, on the share with the highest
CG-scores, on a random share of the same size; then, with corrupted labels, on everything and on
what the noise filter leaves. More: --data fashion-mnist, or --data FOLDER with FOLDER/train/<class>
and FOLDER/test/<class>; --policies for others; --noise 0 for the first part alone.
"""

import argparse
import functools
import itertools
import platform
import time
from pathlib import Path
from typing import Any

import example_data
import torch
from example_training import print_head, trials
from torch import Tensor
from torch.utils.data import TensorDataset

from torch_cgprune import CGScoredDataset, PrunedSampler


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default="digits", help="digits, fashion-mnist or a folder")
    parser.add_argument("--root", type=Path, default=Path("data"), help="where Fashion-MNIST lies")
    parser.add_argument("--keep", type=float, nargs="+", default=[0.6, 0.3])
    parser.add_argument("--policies", nargs="+", default=["redrawn", "random"])
    parser.add_argument("--noise", type=float, default=0.2, help="share of corrupted labels")
    parser.add_argument("--method", default="auto", help="of cg_scores")
    parser.add_argument("--ridge", type=float, default=0.1, help="of the noise filter's scores")
    parser.add_argument("--steps", type=int, default=600, help="training steps, the same for all")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scores", type=Path, help="folder to keep the scores in")
    return parser.parse_args()


def trial(
    name: str, scored: CGScoredDataset, policy: dict[str, Any], test: TensorDataset, args: Any
) -> None:
    """Train on what a policy keeps, once per seed."""
    # num_samples: as many steps per epoch as with all data, the paper's protocol
    options = {**policy, "num_samples": len(scored)}
    sampler = functools.partial(PrunedSampler, scored, **options)
    trials(name, scored.dataset, lambda seed: sampler(seed=seed), test, args)


def score(dataset: TensorDataset, name: str, ridge: float, args: Any) -> CGScoredDataset:
    """Score, or load the scores that an earlier run left, and say how long it took."""
    cache = args.scores and args.scores / f"{name}.safetensors"
    start = time.perf_counter()
    scored = CGScoredDataset(dataset, cache=cache, method=args.method, ridge=ridge)
    print(f"{name}: scored in {time.perf_counter() - start:.1f} s\n{scored.scores}\n", flush=True)
    return scored


def score_noisy(images: Tensor, labels: Tensor, args: Any) -> CGScoredDataset:
    """Corrupt labels, score again, and say how many of them are suspected."""
    wrong = example_data.corrupted(labels, args.noise)
    noisy = score(TensorDataset(images, wrong), "noisy-labels", args.ridge, args)
    flagged, flipped = noisy.scores.suspects, wrong != labels
    caught = int((flagged & flipped).sum())
    print(
        f"{int(flipped.sum())} labels corrupted; {int(flagged.sum())} suspected, {caught} of them "
        f"rightly: precision {caught / flagged.sum():.3f}, recall {caught / flipped.sum():.3f}\n"
    )
    return noisy


def main() -> None:
    args = parse()
    if args.scores:
        args.scores.mkdir(parents=True, exist_ok=True)
    clean, test = (
        TensorDataset(*example_data.in_memory(part))
        for part in example_data.load(args.data, args.root)
    )
    images, labels = clean.tensors
    args.classes = int(labels.max()) + 1
    print(f"{args.data}: {len(clean)} training, {len(test)} test images; torch {torch.__version__}")
    print(
        f"{platform.machine()}, {torch.get_num_threads()} threads; {args.steps} steps of "
        f"{args.batch_size}, {args.seeds} seeds\n"
    )

    scored = score(clean, "clean-labels", 0.0, args)
    noisy = score_noisy(images, labels, args) if args.noise else None

    print_head()
    trial("all", scored, {"keep": 1.0}, test, args)
    for keep, policy in itertools.product(args.keep, args.policies):
        trial(f"{keep:.0%} by {policy}", scored, {"keep": keep, "policy": policy}, test, args)
    if noisy:
        trial(f"all, {args.noise:.0%} labels wrong", noisy, {"keep": 1.0}, test, args)
        trial("the same, noise-filtered", noisy, {"policy": "noise-filter"}, test, args)


if __name__ == "__main__":
    main()
