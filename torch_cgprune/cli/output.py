"""What commands print: text for people, JSON for programs, or nothing."""

from __future__ import annotations

import argparse
import json
import stat
import sys
from pathlib import Path
from typing import Any

from torch_cgprune.utils.files import check_writable, replacing


class UsageError(Exception):
    """Options that do not go together: exit code 2, as where argparse finds them bad."""


def say(args: argparse.Namespace, text: str, found: dict[str, Any]) -> None:
    """Print a result on standard output, in the way that was asked for."""
    if args.json:
        print(json.dumps(found, indent=2))
    elif not args.quiet:
        print(text)


def shows_progress(args: argparse.Namespace) -> bool:
    """Return whether somebody is there to see a progress bar."""
    return not args.quiet and sys.stderr.isatty()


def check_output(path: str, *inputs: str | None) -> None:
    """Fail before the work is done, if the result could not be written, or would destroy an input.

    Raises:
        UsageError: the output is an input.
        OSError: it cannot be written.

    """
    check_writable(path)
    target = Path(path)
    for given in inputs:
        both = given is not None and target.exists() and Path(given).exists()
        if both and target.samefile(str(given)):
            raise UsageError(f"The output {path!r} is an input too. Name another file with -o.")


def is_stream(path: str | None) -> bool:
    """Return whether an output is standard output, a pipe or a device: nothing to replace."""
    if path is None:
        return True
    try:
        mode = Path(path).stat().st_mode
    except OSError:  # there is none, or it must not be looked at: writing tells
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def write(content: bytes, path: str | None) -> None:
    """Write a file, whole or not at all, or to a stream."""
    if path is None:
        sys.stdout.buffer.write(content)
    elif is_stream(path):
        Path(path).write_bytes(content)
    else:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
