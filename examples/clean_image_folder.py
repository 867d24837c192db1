"""Clean a folder of images, the whole walk: `python examples/clean_image_folder.py FOLDER`.

FOLDER holds train/<class>/* and test/<class>/*, such as CIFAR-10 as JPEG files. The walk takes
some images of every class, puts a share of them into the wrong class folders, scores that folder
and writes the page of suspects from the shell, and ticks on it what a person would tick: among the
first suspects those that are wrong. Then a small CNN is trained on everything, without the ticked
images, with their suggested labels, without all suspects, and on the truly clean ones. The page
stays in --work, to be looked at.
"""

import argparse
import csv
import functools
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import example_data
import torch
from example_training import print_head, trials
from torch import Tensor
from torch.utils.data import TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import ToTensor

from torch_cgprune import CGScoredDataset, CGScores, PrunedSampler, SelectionSampler
from torch_cgprune.encoders import encode_dataset


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, default=Path("data/cleaning"), help="made anew")
    parser.add_argument("--per-class", type=int, default=2000, help="images of each class")
    parser.add_argument("--noise", type=float, default=0.2, help="share of corrupted labels")
    parser.add_argument("--reviewed", type=int, default=2000, help="suspects a person looks at")
    parser.add_argument("--encoder", action="store_true", help="score pretrained features")
    parser.add_argument("--steps", type=int, default=2000, help="training steps, the same for all")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


def corrupt(args: argparse.Namespace) -> Path:
    """Link images into class folders, some into wrong ones; a file's name says where it was."""
    images = ImageFolder(args.folder / "train")
    labels = torch.tensor(images.targets)
    chosen = torch.cat(
        [(labels == c).nonzero().flatten()[: args.per_class] for c in range(len(images.classes))]
    )
    noisy = example_data.corrupted(labels[chosen], args.noise)
    folder: Path = args.work / "train"
    for name in images.classes:
        (folder / name).mkdir(parents=True)
    for index, label in zip(chosen.tolist(), noisy.tolist(), strict=True):
        path = Path(images.samples[index][0]).absolute()
        link = folder / images.classes[label] / f"{path.parent.name}-{path.name}"
        link.symlink_to(path)
    return folder


def shell(*arguments: object) -> None:
    """Run ``torch-cgprune`` as a person would, and show the command."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ torch-cgprune {shlex.join(words)}", flush=True)
    subprocess.run([sys.executable, "-m", "torch_cgprune", *words], check=True)  # noqa: S603


def true_codes(images: ImageFolder) -> Tensor:
    """Return the classes that the files' names tell."""
    return torch.tensor(
        [images.class_to_idx[Path(path).name.partition("-")[0]] for path, _ in images.samples]
    )


def tick(scores: CGScores, true: Tensor, reviewed: int, path: Path) -> None:
    """Do as a person on the page: look at the first suspects, tick the wrong ones, download."""
    assert scores.names is not None
    assert scores.rival is not None
    suspects = scores.suspicion.argsort(descending=True)[: int(scores.suspects.sum())]
    seen = suspects[:reviewed]
    hits = int((scores.labels[suspects] != true[suspects]).sum())
    wrong = seen[scores.labels[seen] != true[seen]].tolist()
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["index", "path", "label", "new_label"])
        for i in wrong:
            given, rival = (scores.class_names[int(c[i])] for c in (scores.labels, scores.rival))
            rows.writerow([i, scores.names[i], given, rival])
    right = int((scores.rival[wrong] == true[wrong]).sum())
    print(
        f"\n{hits} of {len(suspects)} suspects are wrong; of the first {len(seen)}, all looked at, "
        f"{len(wrong)} are, and are ticked; for {right} of them the suggestion is right\n"
    )


def main() -> None:
    args = parse()
    if args.work.exists():
        raise SystemExit(f"{args.work} is there already: delete it, or name another with --work.")
    folder = corrupt(args)
    images = ImageFolder(folder, transform=ToTensor())
    true = true_codes(images)
    print(
        f"{len(images)} images, {int((torch.tensor(images.targets) != true).sum())} of them in a "
        f"wrong folder; torch {torch.__version__}, {torch.get_num_threads()} threads"
    )
    scores_file, page, ticked = (
        args.work / name for name in ("scores.safetensors", "report.html", "relabel.csv")
    )
    options: dict[str, Any] = {"cache": scores_file, "ridge": "auto", "progress": False}
    words = ["--ridge", "auto"]
    if args.encoder:
        encoder = example_data.pretrained(args.work, "features")
        encode_dataset(images, encoder)
        options["features"] = os.fspath(args.work / "features.safetensors")
        words += ["--features", options["features"]]
    shell("score", folder, "-o", scores_file, *words)
    true_file = args.work / "true.txt"
    true_file.write_text("\n".join(images.classes[c] for c in true.tolist()))
    shell("report", scores_file, folder, "-o", page, "--true-labels", true_file)
    tick(CGScores.load(scores_file), true, args.reviewed, ticked)

    scored = CGScoredDataset(images, **options)
    corrected = CGScoredDataset(images, relabel=ticked, **options)
    given, relabelled = (
        TensorDataset(*example_data.in_memory(part)) for part in (scored, corrected)
    )
    test = TensorDataset(
        *example_data.in_memory(ImageFolder(args.folder / "test", transform=ToTensor()))
    )
    args.classes = len(images.classes)
    pruned = functools.partial(PrunedSampler, scored, num_samples=len(images))
    everything = functools.partial(pruned, keep=1.0)
    print_head()
    trials("everything", given, lambda seed: everything(seed=seed), test, args)
    left = functools.partial(everything, exclude=ticked)
    trials("ticked ones left out", given, lambda seed: left(seed=seed), test, args)
    trials("ticked ones relabelled", relabelled, lambda seed: everything(seed=seed), test, args)
    filtered = functools.partial(pruned, policy="noise-filter")
    trials("all suspects left out", given, lambda seed: filtered(seed=seed), test, args)
    clean = (given.tensors[1] == true).nonzero().flatten()
    oracle = functools.partial(SelectionSampler, clean, num_samples=len(images))
    trials("the clean ones (oracle)", given, lambda seed: oracle(seed=seed), test, args)
    print(f"\nlook at {page}")


if __name__ == "__main__":
    main()
