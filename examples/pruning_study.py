"""Which share to keep, and which: `python examples/pruning_study.py FOLDER` trains and compares.

FOLDER holds train/<class>/* and test/<class>/*, as CIFAR-10 or CIFAR-100 unpacked, or is the word
fashion-mnist. The same CNN is trained for the same number of steps on all the data, and on what
each policy keeps. Every result is appended to a file (--results); called again, the script goes on
where it was, --tables prints what is there. The trainings come in the order in which they tell
most. One of 800 steps takes some minutes on two cores, the whole study many hours.
"""

import argparse
import functools
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from example_data import in_memory, load, pretrained
from image_data import Images
from image_training import Recipe, Training
from json_lines import append_row, device_name
from pruning_cells import CUTS, SEEDS, Cell, cell_of, known, plan, print_tables
from scipy.stats import spearmanr
from torch import Tensor

from torch_cgprune import Advice, CGScoredDataset, SelectionSampler, advise, policies
from torch_cgprune.advice import Candidate
from torch_cgprune.advice.compare import saved_advice
from torch_cgprune.encoders import encode_dataset

# Of these the choice is the same in all epochs, and advice predicts what they lose.
CHOSEN = ("random", "low-first", "high-first", "stratified", "herding")


class Study:
    """The data of a folder, its scores and features, and the trainings.

    Args:
        folder: with ``train`` and ``test``.
        cache: a folder for images, features and scores that were computed.
        device: where to compute.
        examples: how many of the training images there are, drawn at random; 0 for all.

    """

    def __init__(self, folder: Path, cache: Path, device: torch.device, examples: int = 0) -> None:
        self.folder, self.cache, self.device = folder, cache, device
        cache.mkdir(parents=True, exist_ok=True)
        self.train, self.test = (self._images(part) for part in (0, 1))
        self.name = folder.name
        if examples:
            some = policies.random(self.train.labels, examples / len(self.train.labels))
            self.train = Images(self.train.pixels[some], self.train.labels[some])
            self.name += f"-{examples}"
        self.classes = int(self.train.labels.max()) + 1

    def _images(self, part: int) -> Images:
        name = ("train", "test")[part]
        path = self.cache / f"{self.folder.name}.{name}.pt"
        if not path.is_file():
            pixels, labels = in_memory(load(str(self.folder), self.cache)[part])
            torch.save(((pixels * 255).round().byte(), labels), path)
        return Images(*torch.load(path, weights_only=True))

    @functools.cached_property
    def features(self) -> Tensor:
        """(n, 1280) of the encoder."""
        pairs = [
            (image, int(c)) for image, c in zip(self.train.pixels, self.train.labels, strict=True)
        ]
        encoder = pretrained(self.cache, self.name, ".features")
        return encode_dataset(pairs, encoder)[0].features

    @functools.cache  # noqa: B019 (one study a process)
    def scored(self, space: str) -> CGScoredDataset:
        """Return the training images with their scores in a space."""
        rows = self.features if space == "encoder" else self.train.pixels
        pairs = [(row, int(c)) for row, c in zip(rows, self.train.labels, strict=True)]
        name = f"{self.name}.{space}.safetensors"
        return CGScoredDataset(
            pairs, features=rows, labels=self.train.labels, cache=self.cache / name
        )

    def advice(self, keep: float) -> Advice:
        """Return the advice on a share, in the encoder's space."""
        scored = self.scored("encoder")
        known = saved_advice(scored.scores, [keep])
        return advise(scored, keep) if known is None else known

    def advised(self, keep: float) -> Candidate:
        """Return what ``"auto"`` comes to."""
        return self.advice(keep).best(keep).candidate

    def predicted(self, keep: float) -> dict[str, float]:
        """Return the accuracies in percent that are predicted of the policies that are trained."""
        meant = {Candidate(name): name for name in ("random", "low-first", "high-first", "herding")}
        meant[Candidate("stratified", cut=CUTS[keep])] = "stratified"
        grades = self.advice(keep).at(keep)
        return {meant[g.candidate]: 100 * g.accuracy for g in grades if g.candidate in meant}

    def meant(self, cell: Cell) -> Cell:
        """Return the cell of the policy that ``"auto"`` comes to, if it has one."""
        if cell.policy != "auto":
            return cell
        found = self.advised(cell.keep)
        if found.start is not None or found.cut not in (None, CUTS[cell.keep]):
            return cell
        space = "" if found.policy == "random" else "encoder"
        return replace(cell, policy=found.policy, space=space)

    def selection(self, cell: Cell) -> Tensor | Callable[[int], Tensor]:
        """Return the indices that a policy keeps, or those of each epoch."""
        labels, keep, seed = self.train.labels, cell.keep, cell.seed
        match cell.policy:
            case "all":
                return torch.arange(len(labels))
            case "random":
                return policies.random(labels, keep, seed=seed)
            case "redrawn":
                return lambda epoch: policies.redrawn(labels, keep, seed=seed, epoch=epoch)
            case "herding":
                rows = self.features if cell.space == "encoder" else self.train.pixels
                return policies.herding(rows, labels, keep)
        return self._by_scores(cell)

    def _by_scores(self, cell: Cell) -> Tensor | Callable[[int], Tensor]:
        labels, keep, seed = self.train.labels, cell.keep, cell.seed
        values = self.scored(cell.space).scores.values
        match cell.policy:
            case "auto":
                return self.advised(keep).kept(values, labels, keep, balanced=True, seed=seed)
            case "soft":
                return lambda epoch: policies.soft(values, labels, keep, seed=seed, epoch=epoch)
            case "stratified":
                return policies.stratified(values, labels, keep, cut=CUTS[keep], seed=seed)
            case "low-first":
                return policies.low_first(values, labels, keep)
        return policies.high_first(values, labels, keep)

    def run(self, cell: Cell, recipe: Recipe, done: dict[Cell, float]) -> dict[str, Any]:
        """Train once, and return what came out; or what did, where "auto" took the same."""
        same = self.meant(cell)
        if same in done:
            return {"accuracy": done[same], "seconds": 0.0, "same_as": same.policy}
        sampler = SelectionSampler(self.selection(cell), seed=cell.seed)
        training = Training(self.train, self.classes, recipe, cell.seed, self.device)
        name = f"{self.name}-{cell.policy}-{cell.keep}-{cell.space}-{cell.steps}-{cell.seed}"
        start = time.perf_counter()
        training.run(sampler, self.cache / f"{name}.checkpoint")
        seconds = time.perf_counter() - start
        return {"accuracy": training.accuracy(self.test), "seconds": round(seconds, 1)}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=Path, default=Path("pruning.jsonl"))
    parser.add_argument("--cache", type=Path, default=Path("pruning_cache"))
    parser.add_argument("--steps", type=int, default=800, help="of a short training")
    parser.add_argument("--batch-size", type=int, default=500)
    parser.add_argument(
        "--examples", type=int, default=0, help="of the training set, drawn at random; 0 for all"
    )
    parser.add_argument("--architecture", choices=("small", "resnet18"), default="small")
    parser.add_argument("--most", type=int, help="trainings in this call")
    parser.add_argument("--tables", action="store_true", help="print what is there, train nothing")
    parser.add_argument(
        "--predict", action="store_true", help="print what advice predicts beside it, train nothing"
    )
    return parser.parse_args()


def main() -> None:
    args = parse()
    data = args.folder.name
    done = known(args.results, data, args.architecture)
    if args.predict:
        study = Study(args.folder, args.cache, torch.device("cpu"), args.examples)
        print_predictions(study, done, args.steps, args.examples)
    elif not args.tables:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        study = Study(args.folder, args.cache, device, args.examples)
        cells = (replace(cell, examples=args.examples) for cell in plan(args.steps))
        left = [cell for cell in cells if cell not in done][: args.most]
        for cell in left:
            recipe = Recipe(cell.steps, args.batch_size, architecture=args.architecture)
            row = {
                "data": data,
                "architecture": args.architecture,
                "cell": asdict(cell),
                **study.run(cell, recipe, done),
                "torch": torch.__version__,
                "device": device_name(),
                "threads": torch.get_num_threads(),
            }
            append_row(args.results, row)
            done[cell] = row["accuracy"]
            print(json.dumps(row), flush=True)
    print_tables(data, done)


def print_predictions(study: Study, done: dict[Cell, float], steps: int, examples: int) -> None:
    """Print what is predicted of a policy beside what was trained, and what came of ``"auto"``."""
    print("| kept | by | predicted | trained |\n| --- | --- | ---: | ---: |")
    said = []
    for keep in CUTS:
        trained = {
            policy: accuracy
            for policy in (*CHOSEN, "auto")
            if (accuracy := over_seeds(done, policy, keep, steps, examples)) is not None
        }
        auto = trained.pop("auto", None)
        predicted = study.predicted(keep) if trained else {}
        for policy, accuracy in trained.items():
            print(f"| {keep:.0%} | {policy} | {predicted[policy]:.1f} | {accuracy:.2f} |")
        if len({*trained.values()}) > 2:
            rho = spearmanr([predicted[policy] for policy in trained], [*trained.values()])
            said.append(f"{keep:.0%}: rank correlation {rho.statistic:.2f}")
        if auto is not None and "random" in trained:
            best = max(trained, key=trained.__getitem__)
            said.append(
                f"{keep:.0%}: auto ({study.advised(keep)}) {auto - trained['random']:+.2f} points "
                f"from random, {auto - trained[best]:+.2f} from the best ({best})"
            )
    print("", *said, sep="\n")


def over_seeds(
    done: dict[Cell, float], policy: str, keep: float, steps: int, examples: int
) -> float | None:
    """Return the mean accuracy over the seeds that there are; None of none."""
    cells = (replace(cell_of(policy, keep, steps, seed), examples=examples) for seed in SEEDS)
    found = [done[cell] for cell in cells if cell in done]
    return sum(found) / len(found) if found else None


if __name__ == "__main__":
    main()
