"""What to do about labels that are none: as Python has it, where the shell has words of its own."""

from __future__ import annotations

from torch_cgprune.errors import Message

DECODE = Message("pass labels=[label.decode() for label in labels].")
AS_TEXTS = Message("pass labels=[str(label) for label in labels].")
TOO_LONG = Message("these exceed 64 bits: pass labels=[str(label) for label in labels].")
WHOLE_TENSOR = Message("these are whole: pass labels.long().")
WHOLE_ARRAY = Message("these are whole: pass labels.astype(int).")
WHOLE = Message("these are whole: pass labels=[int(label) for label in labels].")
REGRESSION = Message(
    "real numbers are targets of a regression: pass classes, such as numpy.digitize(values, bins)."
)
ONE_HOT = Message("pass labels.argmax(1).")
MULTI_HOT = Message(
    "of several classes an example (multi-hot rows), score one at a time: labels[:, c]."
)
# The cure where some have no label.
LABEL = Message("Leave such examples out (of a dataset, by a Subset), or label them.")
