"""From the arguments of a command line to an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        argv: the arguments, ``sys.argv[1:]`` if None.

    Returns:
        0 done, 1 failed, 2 bad usage (argparse exits with it by itself), 130 interrupted.

    """
    try:
        # Imported here, where an interruption is heard.
        from torch_cgprune.cli.parser import build_parser  # noqa: PLC0415

        args = build_parser().parse_args(argv)
        from torch_cgprune.cli.running import run  # noqa: PLC0415 (imports torch: not for a --help)

        return run(args)
    except KeyboardInterrupt:
        print("\ntorch-cgprune: interrupted; finished files are whole", file=sys.stderr)
        return INTERRUPTED
