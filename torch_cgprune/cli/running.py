"""Run a command: errors in one line, interruptions and closed pipes in peace."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

from torch_cgprune.cli.output import UsageError
from torch_cgprune.cli.wording import one_line
from torch_cgprune.errors import Message

DONE, FAILED, USAGE = 0, 1, 2

_log = logging.getLogger("torch_cgprune")


def run(args: argparse.Namespace) -> int:
    """Run the command of the arguments, and return its exit code."""
    _take_any_text(sys.stdout)
    with _messages_on_stderr(args.mismatch, quiet=args.quiet):
        try:
            args.run(args)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has seen enough, as head does. Python would fail again at its own flush.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE
        except UsageError as error:
            print(f"torch-cgprune: error: {error}", file=sys.stderr)
            return USAGE
        except Exception as error:  # noqa: BLE001 (whatever it is, the user gets one line)
            if args.debug:
                traceback.print_exc()
            print(f"torch-cgprune: error: {one_line(error, args.mismatch)}", file=sys.stderr)
            return FAILED
    return DONE


@contextlib.contextmanager
def _messages_on_stderr(mismatch: str, *, quiet: bool) -> Iterator[None]:
    """Show warnings of the library, a line each, and each of them once."""
    handler = logging.StreamHandler(sys.stderr)
    handler.format = lambda record: (  # type: ignore[method-assign]
        f"torch-cgprune: warning: {one_line(_message(record), mismatch)}"
    )
    handler.setLevel(logging.CRITICAL if quiet else logging.WARNING)
    handler.addFilter(_Once())
    _log.addHandler(handler)
    propagate, _log.propagate = _log.propagate, False
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("default", category=UserWarning)
            warnings.showwarning = _log_warning
            yield
    finally:
        _log.removeHandler(handler)
        _log.propagate = propagate


class _Once(logging.Filter):
    """Lets a message pass the first time: every image may give cause for the same."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the message is new."""
        text = record.getMessage()
        new = text not in self.said
        self.said.add(text)
        return new


def _message(record: logging.LogRecord) -> Message:
    values = record.args if isinstance(record.args, tuple) else ()
    return Message(record.msg, *values)


def _log_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _log.warning("%s", message)


def _take_any_text(stream: Any) -> None:
    """Print names that the terminal has no letters for with escapes, not with an error."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
