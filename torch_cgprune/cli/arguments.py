"""The options of each command, with an example in its help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from torch_cgprune.cli import info, report, score, select
from torch_cgprune.cli.source import KNOWN
from torch_cgprune.lists import FORMATS
from torch_cgprune.noise import RULES
from torch_cgprune.policies.by_name import WINDOW
from torch_cgprune.samplers.arguments import PRUNING
from torch_cgprune.scoring.options import METHODS
from torch_cgprune.utils.checks import check_integer, check_real

_SOURCE = (
    "a folder with one folder of images per class; a .csv file with the columns path and label; an "
    ".npz, .npy or .safetensors file of features and labels; or NAME:ROOT, the training part of a "
    f"torchvision dataset below a folder, NAME being {', '.join(KNOWN)}"
)


_SCORE_EXAMPLE = """examples:
  torch-cgprune score animals/train -o animals.safetensors
  torch-cgprune score fashion-mnist:data -o fmnist.safetensors --method local
  torch-cgprune score train.npz --keys x_train y_train -o train.safetensors"""
_SELECT_EXAMPLE = """policies:
  low-first     drops the most regular examples first; wrong labels stay
  high-first    drops the most irregular ones first
  window        keeps --keep of them above the --start that scores lower
  stratified    keeps some of every score but the highest, for small shares
  soft          draws, irregular ones more likely (the first epoch's draw)
  random        the control
  noise-filter  drops what looks wrong, by a rule:
    posterior     it is probably wrong, and another class likelier (the default)
    centred-sign  its class is less likely than on average
    adjusted      likewise, for much or one-sided noise
    margin        another class is likelier
    confident     another class passes its own examples' average probability
    cleanlab      cleanlab says so
    partial-sign  the paper's; all that stochastic scores have

examples:
  torch-cgprune select animals.safetensors --keep 0.6 -o kept.txt
  torch-cgprune select animals.safetensors --policy noise-filter --dry-run
  torch-cgprune select animals.safetensors --keep 0.6 --exclude suspects -o kept.txt
  torch-cgprune select animals.safetensors --keep 0.6 --exclude relabel.csv -o kept.txt
  torch-cgprune select animals.safetensors --keep 0.1 --policy stratified | head"""
_REPORT_EXAMPLE = """example:
  torch-cgprune report animals.safetensors animals/train -o animals.html"""
_INFO_EXAMPLE = """examples:
  torch-cgprune info animals.safetensors
  torch-cgprune info animals.safetensors --json | jq .suspects.count"""


def add_arguments(command: argparse.ArgumentParser, name: str) -> None:
    """Tell the parser of a command its options; ``args.run(args)`` runs it."""
    run, add, command.epilog = _COMMANDS[name]
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.set_defaults(run=run, mismatch="")
    said = command.add_argument_group("what is said")
    said.add_argument("--json", action="store_true", help="results as JSON")
    said.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")
    said.add_argument("--debug", action="store_true", help="errors with their traceback")
    add(command)


def _add_scores(command: argparse.ArgumentParser) -> None:
    command.add_argument("scores", metavar="SCORES", help="a file that score has written")


def _add_score(command: argparse.ArgumentParser) -> None:
    command.set_defaults(mismatch="Name another file, or pass --overwrite.")
    command.add_argument("source", metavar="SOURCE", help=_SOURCE)
    command.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="of the scores (.safetensors)"
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace scores of other data or options"
    )
    data = command.add_argument_group("the data")
    data.add_argument("--labels", metavar="FILE", help=".npy, or one a line: instead of its own")
    data.add_argument(
        "--keys",
        nargs=2,
        metavar=("FEATURES", "LABELS"),
        help="what they are called in the file (features labels)",
    )
    data.add_argument(
        "--features", metavar="FILE", help=".npy or .safetensors: scored instead of the images"
    )
    data.add_argument(
        "--resize", type=_integer(1), metavar="N", help="scale images to N x N pixels"
    )
    data.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out files that cannot be read, images and rows of zeros or with NaN",
    )
    data.add_argument("--download", action="store_true", help="let torchvision fetch its dataset")
    data.add_argument(
        "--num-workers",
        type=_integer(0),
        metavar="N",
        help="processes (image files: by size)",
    )
    _add_scoring(command.add_argument_group("the scoring"))


def _add_scoring(scoring: Any) -> None:
    scoring.add_argument(
        "--method", choices=METHODS, default="auto", help="(auto: exact up to 65,536 examples)"
    )
    scoring.add_argument(
        "--ridge",
        type=_ridge,
        metavar="X",
        help="or auto, the likeliest; 0 is the paper's (auto; stochastic: 0)",
    )
    scoring.add_argument(
        "--standardise",
        action="store_true",
        help="bring columns of different units to mean 0 and deviation 1",
    )
    scoring.add_argument(
        "--runs", type=_integer(1), metavar="N", help="local, stochastic: draws to average"
    )
    scoring.add_argument(
        "--block-size", type=_integer(2), metavar="N", help="local: rows per block (2048)"
    )
    scoring.add_argument(
        "--ratio",
        type=_real("(0, inf)"),
        default=4.0,
        metavar="X",
        help="stochastic: others per row of the class (4)",
    )
    scoring.add_argument(
        "--seed", type=_integer(0), default=0, metavar="N", help="of the draws (0)"
    )
    scoring.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    scoring.add_argument("--device", metavar="D", help="cpu, cuda, cuda:1 (CUDA if there is one)")
    scoring.add_argument(
        "--storage", metavar="FOLDER", help="for what of the matrix finds no room in memory"
    )


def _add_select(command: argparse.ArgumentParser) -> None:
    _add_scores(command)
    command.add_argument(
        "-o", "--output", metavar="FILE", help="of the list (standard output)", default=None
    )
    command.add_argument("--format", choices=FORMATS, help="of the list (by FILE's ending, or txt)")
    command.add_argument(
        "--dry-run", action="store_true", help="show what is kept of each class, and write nothing"
    )
    policy = command.add_argument_group("the policy")
    policy.add_argument(
        "--policy", choices=(*PRUNING, WINDOW), default="low-first", help="see below"
    )
    policy.add_argument("--keep", type=_real("(0, 1]"), metavar="X", help="share of the examples")
    policy.add_argument(
        "--start", type=_real("[0, 1)"), metavar="X", help="window: share that scores lower"
    )
    policy.add_argument("--rule", choices=RULES, help="noise-filter: see below")
    policy.add_argument(
        "--fraction", type=_real("(0, 1)"), metavar="X", help="noise-filter: share to drop"
    )
    policy.add_argument(
        "--exclude", metavar="FILE", help="a list of examples to leave out first, or: suspects"
    )
    policy.add_argument(
        "--balanced",
        action=argparse.BooleanOptionalAction,
        help="inside every class (yes, but for noise-filter)",
    )
    policy.add_argument("--seed", type=_integer(0), default=0, metavar="N", help="of a draw (0)")


def _add_report(command: argparse.ArgumentParser) -> None:
    command.set_defaults(mismatch="Score it again, or name what these scores are of.")
    _add_scores(command)
    command.add_argument(
        "source", metavar="SOURCE", nargs="?", help="what was scored, for pictures of its examples"
    )
    command.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="of the page (.html)"
    )
    command.add_argument(
        "--keep",
        type=_real("(0, 1]"),
        default=0.6,
        metavar="X",
        help="share that the policies' tables begin with (0.6)",
    )
    command.add_argument(
        "--rule", choices=RULES, help="which labels look wrong (posterior, or partial-sign)"
    )
    command.add_argument(
        "--true-labels",
        metavar="FILE",
        help=".npy, or one a line: shows how many of the wrong labels are found",
    )


def _real(interval: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            return check_real("value", "the option", float(text), interval)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"must be in {interval}, got {text!r}") from error

    return parse


def _integer(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            return check_integer("value", "the option", int(text), minimum=minimum)
        except ValueError as error:
            raise argparse.ArgumentTypeError(
                f"must be an integer of at least {minimum}, got {text!r}"
            ) from error

    return parse


def _ridge(text: str) -> float | str:
    return text if text == "auto" else _real("[0, inf)")(text)


_COMMANDS = {
    "score": (score.run, _add_score, _SCORE_EXAMPLE),
    "select": (select.run, _add_select, _SELECT_EXAMPLE),
    "report": (report.run, _add_report, _REPORT_EXAMPLE),
    "info": (info.run, _add_scores, _INFO_EXAMPLE),
}
