"""The paper, regenerated: `python examples/paper --all --scale small --data cifar10=FOLDER ...`.

Tables and figures of Ki, Choi, Chung: Data valuation without training of a model (ICLR 2023), each
by a module beside this one. What is measured goes, a JSON line each, to results/ in the folder of
results, and is not measured again; RESULTS.md there is written from these lines.
"""

import argparse
import importlib
from pathlib import Path
from typing import Any

import torch

from paper.data import Data, folders_of
from paper.page import MODULES, write_page
from paper.results import complete
from paper.scale import SCALES

HERE = Path(__file__).parent


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("paper", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(MODULES))
    parser.add_argument("--all", action="store_true", help="every module")
    parser.add_argument("--scale", choices=SCALES, default="small")
    parser.add_argument(
        "--data",
        nargs="+",
        default=[],
        metavar="NAME=FOLDER",
        help="mnist, fashion-mnist (roots of torchvision), cifar10, cifar100, imagenet (folders "
        "with train/CLASS/*), cifar10-c-scores and cifar100-c-scores (npz files)",
    )
    parser.add_argument("--cache", type=Path, default=Path("data"), help="for images once read")
    parser.add_argument(
        "--results",
        type=Path,
        help="folder of what comes out (at scale small, this one; else data/paper-SCALE)",
    )
    parser.add_argument("--tables", action="store_true", help="only write RESULTS.md again")
    args = parser.parse_args(arguments)
    if unknown := [name for name in args.modules if name not in MODULES]:
        parser.error(f"there is no module {unknown[0]!r}, but {', '.join(MODULES)}")
    if not (args.modules or args.all or args.tables):
        parser.error("name modules, or --all")
    if args.results is None:
        args.results = HERE if args.scale == "small" else Path("data") / f"paper-{args.scale}"
    return args


def main(arguments: list[str] | None = None) -> None:
    args = parse(arguments)
    data = Data(SCALES[args.scale], folders_of(args.data), args.cache)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    for name in () if args.tables else MODULES if args.all else args.modules:
        module: Any = importlib.import_module(f"paper.{name}")
        cells = module.cells(data, args.results)
        complete(cells, args.results / "results" / f"{name}.jsonl", args.scale)
    write_page(args.results, data)
