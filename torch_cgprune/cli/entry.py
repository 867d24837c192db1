"""From the arguments of a command line to an exit code."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        argv: the arguments, ``sys.argv[1:]`` if None.

    Returns:
        0 done, 1 failed, 2 bad usage (argparse exits with it by itself), 130 interrupted.

    """
    try:
        with _ended_by_an_interruption():
            from torch_cgprune.cli.parser import build_parser  # noqa: PLC0415

            args = build_parser().parse_args(argv)  # imports torch
            from torch_cgprune.cli.running import run  # noqa: PLC0415 (not for a --help)
        return run(args)
    except KeyboardInterrupt:
        print("\ntorch-cgprune: interrupted; finished files are whole", file=sys.stderr)
        return INTERRUPTED


@contextmanager
def _ended_by_an_interruption() -> Iterator[None]:
    """Let an interruption end the process without a word, while nothing has begun.

    Raised in the midst of an import it may come out as any error, or abort what is written in C++.
    """
    before = signal.getsignal(signal.SIGINT)
    listening = before is signal.default_int_handler
    # Who has a handler, or ignores the signal, has a reason; threads may not change it.
    if not listening or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
