"""Does cleaning pay off in training: `python examples/noise_training.py` (digits, no download).

Corrupts labels and trains the same CNN for the same number of steps on everything, on what each
noise rule leaves, with suggested labels in place of flagged ones, and on the truly clean examples.
More: --data fashion-mnist --noise 0.2 0.4 --method local --steps 3000 --batch-size 128.
"""

import argparse
import functools
import platform
from pathlib import Path
from typing import Any

import example_data
import torch
from example_training import print_head, trials
from torch.utils.data import TensorDataset

from torch_cgprune import CGScoredDataset, PrunedSampler, SelectionSampler, noise_report
from torch_cgprune.noise import RULES


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default="digits", help="digits, fashion-mnist or a folder")
    parser.add_argument("--root", type=Path, default=Path("data"), help="where Fashion-MNIST lies")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.2, 0.4])
    parser.add_argument("--method", default="auto", help="of cg_scores")
    parser.add_argument("--rules", nargs="+", default=[*RULES])
    parser.add_argument("--steps", type=int, default=3000, help="training steps, the same for all")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


def study(share: float, clean: TensorDataset, test: TensorDataset, args: Any) -> None:
    images, labels = clean.tensors
    noisy = TensorDataset(images, example_data.corrupted(labels, share))
    options: dict[str, Any] = {"method": args.method, "ridge": "auto", "progress": False}
    scored = CGScoredDataset(noisy, relabel=True, **options)
    wrong = noisy.tensors[1] != labels
    print(f"{share:.0%} of the labels wrong\n{scored.scores}\n{noise_report(scored.scores)}\n")

    def select(kept: torch.Tensor, seed: int) -> SelectionSampler:
        return SelectionSampler(kept, num_samples=len(labels), seed=seed)

    def pruned(seed: int, **policy: Any) -> PrunedSampler:
        return PrunedSampler(
            scored, policy="noise-filter", **policy, num_samples=len(labels), seed=seed
        )

    everyone = torch.arange(len(labels))
    print_head()
    trials("everything", noisy, lambda seed: select(everyone, seed), test, args)
    for rule in args.rules:
        trials(rule, noisy, functools.partial(pruned, rule=rule), test, args)
    worst = functools.partial(pruned, rule="margin", fraction=share)
    trials(f"the worst {share:.0%} dropped", noisy, worst, test, args)
    right = (~wrong).nonzero().flatten()
    trials("the clean ones (oracle)", noisy, lambda seed: select(right, seed), test, args)
    trials("relabelled", scored, lambda seed: select(everyone, seed), test, args)
    given = torch.tensor([int(scored[i][1]) for i in range(len(scored))])
    print(f"\nwrong labels: {int(wrong.sum())}; after relabelling {int((given != labels).sum())}\n")


def main() -> None:
    args = parse()
    clean, test = (
        TensorDataset(*example_data.in_memory(part))
        for part in example_data.load(args.data, args.root)
    )
    args.classes = int(clean.tensors[1].max()) + 1
    print(
        f"{args.data}: {len(clean)} training, {len(test)} test images; torch {torch.__version__}\n"
        f"{platform.machine()}, {torch.get_num_threads()} threads; {args.steps} steps of "
        f"{args.batch_size}, {args.seeds} seeds\n"
    )
    for share in args.noise:
        study(share, clean, test, args)


if __name__ == "__main__":
    main()
