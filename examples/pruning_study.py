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
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from example_data import in_memory, load, pretrained
from image_network import Images, Recipe, Training
from torch import Tensor

from torch_cgprune import Advice, CGScoredDataset, SelectionSampler, advise, policies
from torch_cgprune.advice import Candidate
from torch_cgprune.encoders import encode_dataset

# What coverage-centric selection leaves out for being hardest (Zheng et al. 2023), by share kept.
CUTS = {0.6: 0.0, 0.3: 0.1, 0.1: 0.3}
TRAINED = ("random", "redrawn", "low-first", "soft", "herding", "auto")


@dataclass(frozen=True)
class Cell:
    """One training.

    Attributes:
        policy: which examples; "all" for all of them.
        keep: share of the examples.
        space: "encoder" or "pixels", what scores or herding were computed on; "" for neither.
        steps: of the optimiser.
        seed: of the training and of draws.
        examples: how many there are to choose from, drawn at random; 0 for the whole data set.

    """

    policy: str
    keep: float = 1.0
    space: str = ""
    steps: int = 800
    seed: int = 0
    examples: int = 0


def plan(steps: int) -> Iterator[Cell]:
    """Yield what is trained, most telling first.

    Args:
        steps: of a short training; long ones have three times as many.

    """
    yield Cell("all", steps=steps)
    for keep in CUTS:
        yield from (_cell(policy, keep, steps) for policy in TRAINED)
    for keep in CUTS:
        yield from (_cell(policy, keep, steps) for policy in ("stratified", "high-first"))
    for keep in CUTS:
        yield from (Cell(policy, keep, "pixels", steps) for policy in ("low-first", "soft"))
    for keep in (0.6, 0.3):  # the time saved: as many passes, of fewer examples
        if keep == 0.6:
            yield Cell("all", steps=round(keep * steps))
        yield from (_cell(policy, keep, round(keep * steps)) for policy in TRAINED)
    for keep in (0.6, 0.3):
        if keep == 0.6:
            yield Cell("all", steps=3 * steps)
        yield from (_cell(policy, keep, 3 * steps) for policy in TRAINED)
    for seed in (1, 2):
        yield Cell("all", steps=steps, seed=seed)
        for keep in (0.6, 0.3):
            yield from (_cell(policy, keep, steps, seed) for policy in TRAINED)


def _cell(policy: str, keep: float, steps: int, seed: int = 0) -> Cell:
    by_chance = policy in ("random", "redrawn")
    return Cell(policy, keep, "" if by_chance else "encoder", steps, seed)


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

    def advised(self, keep: float) -> Candidate:
        """Return what ``"auto"`` comes to, in the encoder's space."""
        scored = self.scored("encoder")
        known = scored.scores.metadata.get("advice")
        advice = None if known is None else Advice.from_json(known)
        if advice is None or keep not in advice.shares:
            advice = advise(scored, keep)
        return advice.best(keep).candidate

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
                return lambda epoch: policies.random(labels, keep, seed=1000 * (seed + 1) + epoch)
            case "herding":
                return policies.herding(self.features, labels, keep)
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
    return parser.parse_args()


def known(path: Path, data: str, architecture: str) -> dict[Cell, float]:
    """Return the accuracies in a file of results."""
    found = {}
    for line in path.read_text().splitlines() if path.is_file() else ():
        row = json.loads(line)
        if (row["data"], row["architecture"]) == (data, architecture):
            found[Cell(**row["cell"])] = row["accuracy"]
    return found


def main() -> None:
    args = parse()
    data = args.folder.name
    done = known(args.results, data, args.architecture)
    if not args.tables:
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
                "device": str(device) if device.type == "cuda" else platform.machine(),
                "threads": torch.get_num_threads(),
            }
            with args.results.open("a") as file:
                file.write(json.dumps(row) + "\n")
            done[cell] = row["accuracy"]
            print(json.dumps(row), flush=True)
    print_tables(data, done)


def print_tables(data: str, done: dict[Cell, float]) -> None:
    """Print test accuracies: a row a policy and space, a column a share, a table a length."""
    for examples, steps in sorted({(cell.examples, cell.steps) for cell in done}):
        here = {c: done[c] for c in done if (c.examples, c.steps) == (examples, steps)}
        shares = sorted({cell.keep for cell in here}, reverse=True)
        rows = dict.fromkeys((cell.policy, cell.space) for cell in here)
        of = f" ({examples:,} examples)" if examples else ""
        print(f"\n{data}{of}, {steps} steps; test accuracy in percent\n")
        print("| kept by | " + " | ".join(f"{share:.0%}" for share in shares) + " |")
        print("| --- |" + " ---: |" * len(shares))
        for policy, space in rows:
            cells = [_shown(here, policy, share, space) for share in shares]
            print(f"| {policy}{f', {space}' if space else ''} | {' | '.join(cells)} |")


def _shown(done: dict[Cell, float], policy: str, share: float, space: str) -> str:
    found = [done[c] for c in done if (c.policy, c.keep, c.space) == (policy, share, space)]
    if not found:
        return ""
    mean = sum(found) / len(found)
    spread = f" ± {(max(found) - min(found)) / 2:.2f}" if found[1:] else ""
    return f"{mean:.2f}{spread}"


if __name__ == "__main__":
    main()
