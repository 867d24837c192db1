"""Tab completion: a script for the user's shell, made by shtab from the parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from torch_cgprune.utils.extras import needed

SHELLS = ("bash", "zsh", "tcsh")
# What arguments that are files or folders are called in the help.
_FILES = {"FILE", "SOURCE", "SCORES", "KEPT", "TRAIN", "TEST", "OUT"}


class PrintCompletion(argparse.Action):
    """Prints the script for a shell, and ends."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002 (as argparse calls it)
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        """Print it on standard output."""
        try:
            print(script(parser, str(values)))
        except ImportError as error:
            parser.exit(1, f"{parser.prog}: error: {error}\n")
        parser.exit()


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script that completes a parser's commands, options and files.

    Args:
        parser: of ``build_parser``.
        shell: one of ``SHELLS``.

    Raises:
        ImportError: shtab is not installed.

    """
    shtab: Any = needed("shtab", "Completions", "completion")
    for command in _commands(parser):
        command.options()  # which it learns when it is asked
        for action in command._actions:  # noqa: SLF001 (argparse has no other way to them)
            if action.metavar in _FILES:
                action.complete = shtab.FILE
    found: str = shtab.complete(parser, shell=shell)
    return found


def _commands(parser: argparse.ArgumentParser) -> Iterable[Any]:
    """Return the parsers of the commands."""
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))  # noqa: SLF001
    return commands.choices.values()
