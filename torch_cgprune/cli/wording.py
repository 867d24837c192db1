"""The library's messages in the words of the shell: options for arguments, and its own cures."""

from __future__ import annotations

import re
from typing import Any

import torch

from torch_cgprune.cli.parser import options
from torch_cgprune.errors import Argument, Message, Parameter
from torch_cgprune.inputs import label_cures
from torch_cgprune.inputs.bad_rows import LEAVE_OUT
from torch_cgprune.inputs.fingerprints import RECOMPUTE
from torch_cgprune.inputs.rows import ENCODE_TEXTS, EQUALISE
from torch_cgprune.noise.guards import LOOK
from torch_cgprune.samplers.auto import ENCODE

# The shell's words for what to do about labels, which come from a file.
_WHOLE = "these are whole: save them as integers."
_LABELS = {
    label_cures.DECODE: "save them as texts, not as bytes.",
    label_cures.AS_TEXTS: "save them as texts.",
    label_cures.TOO_LONG: "these exceed 64 bits: save them as texts.",
    label_cures.WHOLE_TENSOR: _WHOLE,
    label_cures.WHOLE_ARRAY: _WHOLE,
    label_cures.WHOLE: _WHOLE,
    label_cures.REGRESSION: "real numbers are targets of a regression: save classes made of them.",
    label_cures.ONE_HOT: "save the number of the class of each, which is the place of the one.",
    label_cures.MULTI_HOT: "of several classes an example (multi-hot rows), save one at a time.",
    label_cures.LABEL: "Label them, or leave these examples out.",
}


def one_line(message: object, mismatch: str) -> str:
    """Return an error, a warning or another message in one line, in the words of the shell.

    Args:
        message: with its text as ``str``.
        mismatch: the cure where a file of scores is of other data or options.

    """
    text = _from_worker(str(_Shell(mismatch).word(message)))
    return " ".join(text.split()) or type(message).__name__


class _Shell:
    """What the shell writes for the values of a message.

    Attributes:
        own: its words where it does something else than Python, by the template of Python's.
        options: what arguments are called.

    """

    def __init__(self, mismatch: str) -> None:
        self.own = {
            RECOMPUTE.template: mismatch,
            EQUALISE.template: "Pass --resize N, as --resize 32, or an --encoder.",
            ENCODE_TEXTS.template: "Pass --encoder transformers:NAME, an encoder of texts.",
            LEAVE_OUT.template: "Repair or delete them, or pass --skip-unreadable.",
            LOOK.template: "--dry-run",
            ENCODE.template: "Score them with an --encoder.",
            **{cure.template: own for cure, own in _LABELS.items()},
        }
        self.options = options()
        self.options["width"] = self.options["keep"]  # of a window

    def word(self, value: Any) -> Any:
        """Return what the shell writes for a value: as Python does, where it has no other word."""
        match value:
            case Message():
                return self.own.get(value.template) or value.worded(self.word)
            case Argument(name, code) if name in self.options:
                option = self.options[name]
                return option if code in (None, "True") else f"{option} {_typed(code)}"
            case Parameter() if self.options.keys() >= {*value.names}:
                plural = "s" if value.names[1:] else ""
                return f"option{plural} {' and '.join(self.options[name] for name in value.names)}"
            case torch.dtype():
                return _typed(str(value))
        return value


def _typed(code: str) -> str:
    """Return a value, or several, as they are typed in the shell."""
    return code.replace("'", "").replace("torch.", "")


def _from_worker(text: str) -> str:
    """Return what was said in a worker process, without the traceback that torch puts before it."""
    if not text.startswith("Caught "):
        return text
    last = re.split(r"^(?:\w+\.)*\w+(?:Error|Exception|Interrupt): ", text, flags=re.MULTILINE)
    return last[-1]
