"""What commands print: text for people, JSON for programs, or nothing."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from torch_cgprune.files import replacing


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


def write(content: bytes, path: str | None) -> None:
    """Write a file, whole or not at all, or to standard output where there is none."""
    if path is not None:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
        return
    sys.stdout.buffer.write(content)
