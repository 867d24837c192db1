"""The commands. What a command takes is told when it is called: its options know torch."""

from __future__ import annotations

import argparse
from importlib.metadata import version
from typing import Any

from torch_cgprune.cli.completion import SHELLS, PrintCompletion

_DOES = {
    "score": "score a dataset",
    "encode": "make features of images or texts",
    "advise": "say how much can be dropped, and how",
    "select": "list what to keep",
    "suspects": "list the labels that look wrong",
    "apply": "write a dataset of what a list keeps",
    "export": "write the table of all examples",
    "report": "write an HTML page",
    "review": "show the page, and write decisions to a file as they are made",
    "info": "show what is in scores",
    "near": "find near copies between a training and a test set",
}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; ``args.run(args)`` runs what was asked for."""
    parser = argparse.ArgumentParser(
        prog="torch-cgprune",
        description="Value, prune and clean a labelled dataset before training on it.",
        epilog="Exit codes: 0 done, 1 failed, 2 bad usage, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=version("torch-cgprune"))
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        metavar="SHELL",
        help=f"print a script for tab completion ({', '.join(SHELLS)}), and end",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Command)
    for name, does in _DOES.items():
        commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
    return parser


def options() -> dict[str, str]:
    """Return the options of all commands, by the names of the arguments that they are."""
    found: dict[str, str] = {}
    for name in _DOES:
        found |= _Command(prog=name).options()
    return found


class _Command(argparse.ArgumentParser):
    """A command that learns its options when it has something to parse."""

    _told = False

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        self._learn()
        return super().parse_known_args(*args, **kwargs)

    def options(self) -> dict[str, str]:
        """Return its options in their long form, by the names of the arguments that they are."""
        self._learn()
        return {
            action.dest: next(said for said in action.option_strings if said.startswith("--"))
            for action in self._actions
            if action.option_strings
        }

    def _learn(self) -> None:
        if not self._told:
            from torch_cgprune.cli.arguments import add_arguments  # noqa: PLC0415 (imports torch)

            self._told = True
            add_arguments(self, self.prog.rpartition(" ")[2])
