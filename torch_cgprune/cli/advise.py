"""``torch-cgprune advise``: how much of the data can be dropped, and by which policy."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import time
from pathlib import Path
from typing import Any

from torch_cgprune.advice import Advice, advise
from torch_cgprune.advice.compare import SHARES, by_pixels, saved_advice
from torch_cgprune.cli.encoding import check_encoder
from torch_cgprune.cli.option_types import add_scores, real
from torch_cgprune.cli.output import UsageError, check_output, say, shows_progress, write
from torch_cgprune.cli.reading import SOURCE, add_reading
from torch_cgprune.cli.scored import ScoredSource
from torch_cgprune.report.advised import drawn
from torch_cgprune.report.extras import matplotlib
from torch_cgprune.report.summary import many

EXAMPLES = """The advice is kept with the scores: the page shows it, select --policy auto
takes it, and it is there at once when it is asked for again without SOURCE.

examples:
  torch-cgprune advise animals.safetensors
  torch-cgprune advise animals.safetensors --keep 0.1 0.3 0.5 -o advice.svg
  torch-cgprune advise animals.safetensors moved/animals/train
  torch-cgprune select animals.safetensors --policy auto --keep 0.3 -o kept.txt"""

_FORMS = (".svg", ".png", ".pdf")

_log = logging.getLogger(__name__)


def add_options(command: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    command.set_defaults(mismatch="Score it again, or name what these scores are of.")
    add_scores(command)
    command.add_argument(
        "source",
        metavar="SOURCE",
        nargs="?",
        help=f"what was scored, if that is not where it was: {SOURCE}",
    )
    command.add_argument(
        "--keep",
        type=real("(0, 1)"),
        nargs="+",
        default=[*SHARES],
        metavar="X",
        help="shares to try (0.1 0.2 .. 0.9)",
    )
    command.add_argument("-o", "--output", metavar="FILE", help=f"of a plot ({', '.join(_FORMS)})")
    command.add_argument("--device", metavar="D", help="cpu, cuda, cuda:1 (CUDA if there is one)")
    add_reading(command)


def run(args: argparse.Namespace) -> None:
    """Grade selections, keep the grades with the scores, and show what is best."""
    check_encoder(args)
    _check(args)
    start = time.perf_counter()
    source = ScoredSource(args)
    known = saved_advice(source.scores, args.keep) if args.source is None else None
    advice = _asked(source, args) if known is None else known
    seconds = time.perf_counter() - start
    if args.output is not None:
        write(drawn(advice, Path(args.output).suffix[1:].lower()), args.output)
    how = "was there" if known is not None else f"written in {seconds:.1f} s"
    said = [_head(advice), "", str(advice), "", f"{args.scores}: advice {how}"]
    plot = [] if args.output is None else [f"{args.output}: the plot"]
    say(args, "\n".join([*said, *plot]), {**_facts(advice), "output": args.output})


def _check(args: argparse.Namespace) -> None:
    """Fail before anything is read where a file could not be written."""
    if Path(args.scores).is_dir():
        raise UsageError(
            f"{args.scores!r} is a folder, not a file of scores. Score it first: torch-cgprune "
            f"score {args.scores} -o NAME.safetensors; then: torch-cgprune advise NAME.safetensors"
        )
    check_output(args.scores, args.source, args.labels, args.features, args.weights)
    if args.output is None:
        return
    if Path(args.output).suffix.lower() not in _FORMS:
        raise UsageError(
            f"The plot {args.output!r} must end in {', '.join(_FORMS[:-1])} or {_FORMS[-1]}: name "
            "it so."
        )
    check_output(args.output, args.scores, args.source, args.labels, args.features, args.weights)
    matplotlib()


def _asked(source: ScoredSource, args: argparse.Namespace) -> Advice:
    if by_pixels(source.scores):
        _log.warning(
            "These photographs were scored by their pixels, by which nobody can tell which of them "
            "a network needs: the advice will be a random choice. Score them with an --encoder, "
            "and ask again."
        )
    return advise(source, args.keep, device=args.device, progress=shows_progress(args))


def _head(advice: Advice) -> str:
    part = "all" if advice.graded == advice.examples else f"{advice.graded:,}"
    return (
        f"{many(advice.examples, 'example')}, {part} of them graded: how many labels held out what "
        "is kept predicts, untrained"
    )


def _facts(advice: Advice) -> dict[str, Any]:
    best = [dataclasses.asdict(advice.best(keep)) for keep in advice.shares]
    found = {"verdict": advice.verdict, "lossless": advice.lossless, "best": best}
    return {**found, **advice.as_json()}
