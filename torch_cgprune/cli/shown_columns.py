"""Columns of a table that a person is to see of each example, in place of what was scored."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from torch_cgprune.cli.columns import Columns
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.output import UsageError
from torch_cgprune.cli.table_sources import is_table, open_table


def add_shown(command: argparse.ArgumentParser) -> None:
    """Tell the parser of a command which columns it shows."""
    command.add_argument(
        "--show-columns",
        nargs="+",
        metavar="NAME",
        help="of a table: what is shown of an example, in place of what was scored",
    )


def to_see(args: argparse.Namespace, opened: Opened | None) -> Any:
    """Return what has the examples that a person is to see; None for nothing.

    Raises:
        UsageError: columns of something that is no table.
        ValueError: no such columns.

    """
    if args.show_columns is None:
        return None if opened is None else opened.dataset
    if opened is None or opened.rows is None or not is_table(Path(args.source)):
        raise UsageError("The option --show-columns is for a table: name one as SOURCE.")
    table = open_table(Path(args.source), Columns(features=args.show_columns))
    missing = [name for name in args.show_columns if name not in table.names]
    if missing:
        raise ValueError(
            f"The table {table.path!r} has no column {missing[0]!r}, but "
            f"{', '.join(map(repr, table.names))}. Name others with --show-columns."
        )
    cells = {name: table.labels(name) for name in args.show_columns}
    return [
        ("; ".join(f"{name}: {_shown(values[row])}" for name, values in cells.items()),)
        for row in opened.rows
    ]


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
