"""The library's errors in the words of the shell: its cures name arguments of functions."""

from __future__ import annotations

import re

_MISMATCH = "Name another file, delete this one, or pass on_mismatch='recompute'."
_SENTENCES = (
    (
        r"Pass a 'transform' that makes them equal, as \S+ 32\)\)\.",
        "Pass --resize N, as --resize 32.",
    ),
    (r"\bexclude= instead", "--exclude instead"),
    (r"The 'start' and 'width' parameters of \w+", "The options --start and --keep"),
    (r"\bnoise_report\(scores\)", "--dry-run"),
    (r"keys=\('x', 'y'\)", "--keys x y"),
    (r"\btorch\.(float\d+)", r"\1"),
)
_OPTIONS = (
    "balanced",
    "block_size",
    "download",
    "dtype",
    "exclude",
    "features",
    "format",
    "fraction",
    "keep",
    "keys",
    "labels",
    "method",
    "policy",
    "resize",
    "ridge",
    "rule",
    "runs",
    "seed",
    "skip_unreadable",
    "start",
    "storage",
    "true_labels",
)
_NAMES = "|".join(_OPTIONS)
_ARGUMENT = re.compile(rf"(?<!\S)({_NAMES})=('[^']*'|float\d+|True|[\d.e-]+)( or '\w+')?")
_PARAMETER = re.compile(rf"(?:[Tt]he )?'({_NAMES})' parameter(?: of \w+)?")
_MENTION = re.compile(r"'(fraction|rule|true_labels)'")


def one_line(message: object, mismatch: str) -> str:
    """Return an error's or a warning's message in one line, in the words of the shell.

    Args:
        message: with its text as ``str``.
        mismatch: the cure where a file of scores is of other data or options.

    """
    text = _from_worker(str(message)).replace(_MISMATCH, mismatch)
    for pattern, words in _SENTENCES:
        text = re.sub(pattern, words, text)
    text = _ARGUMENT.sub(_option_with_value, text)
    text = _PARAMETER.sub(lambda found: f"The option {_option(found[1])}", text)
    text = _MENTION.sub(lambda found: _option(found[1]), text)
    return " ".join(text.split()) or type(message).__name__


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _option_with_value(found: re.Match[str]) -> str:
    value = found[2].strip("'")
    other = (found[3] or "").replace("'", "")
    return _option(found[1]) if value == "True" else f"{_option(found[1])} {value}{other}"


def _from_worker(text: str) -> str:
    """Return what was said in a worker process, without its traceback."""
    if not text.startswith("Caught "):
        return text
    last = re.split(r"^(?:\w+\.)*\w+(?:Error|Exception|Interrupt): ", text, flags=re.MULTILINE)
    return last[-1]
