"""What several commands take, and what the values of options are parsed to."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from torch_cgprune.utils.checks import check_integer, check_real


def add_scores(command: argparse.ArgumentParser) -> None:
    """Tell the parser of a command that it reads scores."""
    command.add_argument("scores", metavar="SCORES", help="a file that score has written")


def real(interval: str) -> Callable[[str], float]:
    """Return a parser of numbers in an interval."""

    def parse(text: str) -> float:
        try:
            return check_real("value", "the option", float(text), interval)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"must be in {interval}, got {text!r}") from error

    return parse


def integer(minimum: int) -> Callable[[str], int]:
    """Return a parser of integers from a minimum on."""

    def parse(text: str) -> int:
        try:
            return check_integer("value", "the option", int(text), minimum=minimum)
        except ValueError as error:
            raise argparse.ArgumentTypeError(
                f"must be an integer of at least {minimum}, got {text!r}"
            ) from error

    return parse


def ridge(text: str) -> float | str:
    """Parse a ridge: a number, or ``auto``."""
    return text if text == "auto" else real("[0, inf)")(text)
