"""Lists of examples as results: where they go, and in which format."""

from __future__ import annotations

import argparse
from pathlib import Path

from torch_cgprune.cli.output import UsageError, is_stream
from torch_cgprune.lists import FORMATS


def add_listing(command: argparse.ArgumentParser, *, instead: str) -> None:
    """Tell the parser of a command that it writes a list; without a file there is ``instead``."""
    command.add_argument("-o", "--output", metavar="FILE", help=f"of the list ({instead})")
    command.add_argument("--format", choices=FORMATS, help="of the list (by FILE's ending, or txt)")


def form_of(args: argparse.Namespace) -> str:
    """Return the format that is asked for, by an option or by the file's ending.

    Raises:
        UsageError: a file whose ending says another.

    """
    if is_stream(args.output):
        by_default = "json" if args.json and args.output is None else "txt"
        return args.format or by_default
    ending = Path(args.output).suffix.lower().removeprefix(".") or "txt"
    if ending not in FORMATS or args.format not in (None, ending):
        raise UsageError(
            f"The file {args.output!r} must end as its format says, in "
            f"{', '.join(f'.{form}' for form in FORMATS)}: a list is read back by its ending."
        )
    return ending
