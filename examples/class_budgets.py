"""Whether harder classes should keep more: `python examples/class_budgets.py FOLDER`.

FOLDER as of pruning_study.py. Every class keeps its share of the budget, or more the higher its
complexity y^T H^-1 y an example or the error of its leave-one-out predictions is, or less; kernel
ridge regression on what is kept predicts what was held out, in an encoder's space. One to two
minutes for 10,000 examples, after their encoding.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from pruning_study import Study
from torch import Tensor

from torch_cgprune import cg_scores
from torch_cgprune.advice.rounds import Round, rounds_of
from torch_cgprune.policies.quotas import places

SHARES = (0.6, 0.3, 0.1)
RIDGE = 0.1


def budgets(counts: Tensor, weights: Tensor, total: int) -> Tensor:
    """Split ``total`` over classes in proportion to size and weight; none gets more than it has."""
    quotas = torch.zeros_like(weights)
    free = torch.ones_like(counts, dtype=torch.bool)
    while free.any() and total - quotas.sum() > 0.5:
        wanted = counts * weights * free
        quotas = (quotas + (total - quotas.sum()) * wanted / wanted.sum()).minimum(counts)
        free = quotas < counts
    return quotas.round().long().clamp(min=1)


def class_weights(one: Round, rows: Tensor) -> dict[str, Tensor]:
    """Return how much of the budget an example of each class stands for, by name."""
    codes = one.codes[one.rest]
    scores = cg_scores(rows[one.rest], codes, method="exact", ridge=RIDGE, progress=False)
    counts = codes.bincount()
    complexity = scores.complexity / counts
    error = codes.bincount((scores.needed("budgets", "margin") < 0).double()) / counts
    return {
        "the same": torch.ones_like(complexity),
        "complexity": complexity,
        "complexity, squared": complexity**2,
        "1 / complexity": 1 / complexity,
        "0.1 + error": error + 0.1,
    }


def choices(one: Round, rows: Tensor) -> Iterator[tuple[tuple[float, str, str], Tensor]]:
    """Yield what is compared: share, policy and budget, and the rows that are kept."""
    codes = one.codes[one.rest]
    by_chance = torch.randperm(len(codes), generator=torch.Generator().manual_seed(0))
    orders = {"random": by_chance, "herding": (-one.herded).argsort(stable=True)}
    for name, weights in class_weights(one, rows).items():
        for keep in SHARES:
            quotas = budgets(codes.bincount(), weights, round(keep * len(codes)))
            for policy, order in orders.items():
                yield (keep, policy, name), order[places(order, codes) < quotas[codes[order]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("pruning_cache"))
    parser.add_argument("--examples", type=int, default=10_000)
    args = parser.parse_args()
    device = torch.device("cpu")
    study = Study(args.folder, args.cache, device, args.examples)
    rows = study.features
    right: dict[tuple[float, str, str], list[Tensor]] = {}
    rounds = rounds_of(
        rows, study.train.labels, 3, ridge=RIDGE, device=device, balanced=True, seed=0
    )
    for one in rounds:
        names, kept = zip(*choices(one, rows), strict=True)
        for name, found in zip(names, one.right_by(kept), strict=True):
            right.setdefault(name, []).append(found.double())
    print("| kept | by | budget by | accuracy | against the same |")
    print("| ---: | --- | --- | ---: | ---: |")
    for (keep, policy, name), parts in sorted(right.items(), key=lambda item: item[0][:2]):
        gap = torch.cat(parts) - torch.cat(right[keep, policy, "the same"])
        error = float(gap.std() / len(gap) ** 0.5)
        print(
            f"| {keep:.0%} | {policy} | {name} | {torch.cat(parts).mean():.1%} | "
            f"{100 * gap.mean():+.1f} ± {100 * error:.1f} |"
        )


if __name__ == "__main__":
    main()
