"""The options of each command, with an example in its help."""

from __future__ import annotations

import argparse

from torch_cgprune.cli import (
    advise,
    apply,
    encode,
    export,
    info,
    near,
    report,
    review,
    score,
    select,
    suspects,
)

# Each module has ``add_options``, ``run`` and ``EXAMPLES``.
_COMMANDS = {
    "score": score,
    "encode": encode,
    "advise": advise,
    "select": select,
    "suspects": suspects,
    "apply": apply,
    "export": export,
    "report": report,
    "review": review,
    "info": info,
    "near": near,
}


def add_arguments(command: argparse.ArgumentParser, name: str) -> None:
    """Tell the parser of a command its options; ``args.run(args)`` runs it."""
    module = _COMMANDS[name]
    command.epilog = module.EXAMPLES
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.set_defaults(run=module.run, mismatch="")
    said = command.add_argument_group("what is said")
    said.add_argument("--json", action="store_true", help="results as JSON")
    said.add_argument("-q", "--quiet", action="store_true", help="nothing but errors")
    said.add_argument("--debug", action="store_true", help="errors with their traceback")
    module.add_options(command)
