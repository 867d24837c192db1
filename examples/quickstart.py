"""Score, prune, train: `python examples/quickstart.py` (digits, no download, under a minute).

Trains the same small CNN for the same number of steps on all data, on the share with the highest
CG-scores, on a random share of the same size; then, with corrupted labels, on everything and on
what the noise filter leaves. More: --data fashion-mnist, or --data FOLDER with FOLDER/train/<class>
and FOLDER/test/<class>; --policies for others; --noise 0 for the first part alone.
"""

import argparse
import itertools
import platform
import time
from pathlib import Path
from typing import Any

import example_data
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from torch_cgprune import CGScoredDataset, PrunedSampler


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default="digits", help="digits, fashion-mnist or a folder")
    parser.add_argument("--root", type=Path, default=Path("data"), help="where Fashion-MNIST lies")
    parser.add_argument("--keep", type=float, nargs="+", default=[0.6, 0.3])
    parser.add_argument("--policies", nargs="+", default=["low-first", "random"])
    parser.add_argument("--noise", type=float, default=0.2, help="share of corrupted labels")
    parser.add_argument("--method", default="auto", help="of cg_scores")
    parser.add_argument("--ridge", type=float, default=0.1, help="of the noise filter's scores")
    parser.add_argument("--steps", type=int, default=600, help="training steps, the same for all")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scores", type=Path, help="folder to keep the scores in")
    return parser.parse_args()


def network(image: Tensor, classes: int) -> nn.Module:
    """Two convolutions and two linear layers: small enough for two CPU cores."""
    channels, height, width = image.shape
    return nn.Sequential(
        *(nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(32 * (height // 4) * (width // 4), 128), nn.ReLU(), nn.Linear(128, classes)),
    )


def train(dataset: Any, sampler: Sampler[int], test: TensorDataset, args: Any, seed: int) -> float:
    """Train for ``args.steps`` steps and return the test accuracy in percent."""
    torch.manual_seed(seed)
    images, labels = test.tensors
    model = network(images[0], args.classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=args.steps)
    loader = DataLoader(
        dataset, batch_size=min(args.batch_size, len(dataset)), sampler=sampler, drop_last=True
    )
    epochs = itertools.chain.from_iterable(itertools.repeat(loader))
    for x, y in itertools.islice(epochs, args.steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        right = [
            (model(x).argmax(1) == y).sum()
            for x, y in zip(images.split(1000), labels.split(1000), strict=True)
        ]
    return 100 * int(sum(right)) / len(labels)


def trial(
    name: str, scored: CGScoredDataset, policy: dict[str, Any], test: TensorDataset, args: Any
) -> None:
    """Train once per seed and print a row of the table."""
    n, accuracies, start = len(scored), [], time.perf_counter()
    for seed in range(args.seeds):
        # num_samples: as many steps per epoch as with all data, the paper's protocol
        sampler = PrunedSampler(scored, **policy, num_samples=n, seed=seed)
        accuracies.append(train(scored.dataset, sampler, test, args, seed))
    seconds = (time.perf_counter() - start) / args.seeds
    std, mean = torch.std_mean(torch.tensor(accuracies), correction=min(1, args.seeds - 1))
    kept = len(sampler.selection)
    print(f"| {name:<32} | {kept:>6} | {mean:5.2f} ± {std:4.2f} | {seconds:5.1f} s |", flush=True)


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

    print("| trained on                       |   kept | test acc. (%) | a run   |")
    print("|----------------------------------|-------:|--------------:|--------:|")
    trial("all", scored, {"keep": 1.0}, test, args)
    for keep, policy in itertools.product(args.keep, args.policies):
        trial(f"{keep:.0%} by {policy}", scored, {"keep": keep, "policy": policy}, test, args)
    if noisy:
        trial(f"all, {args.noise:.0%} labels wrong", noisy, {"keep": 1.0}, test, args)
        trial("the same, noise-filtered", noisy, {"policy": "noise-filter"}, test, args)


if __name__ == "__main__":
    main()
