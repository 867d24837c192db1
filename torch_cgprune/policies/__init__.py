"""Which examples to keep: pure functions from scores and labels to sorted indices.

Every policy keeps an exact number of examples, breaks ties by the lower index, and keeps at least
one example of every class. ``balanced=True`` applies the rule inside every class, so that class
proportions stay; numbers per class are rounded by largest remainder.
"""

from torch_cgprune.policies.drawn import random, redrawn, soft, stratified
from torch_cgprune.policies.herding import herding
from torch_cgprune.policies.ranked import high_first, low_first, noise_filter, window
from torch_cgprune.policies.schedules import LinearSchedule

__all__ = [
    "LinearSchedule",
    "herding",
    "high_first",
    "low_first",
    "noise_filter",
    "random",
    "redrawn",
    "soft",
    "stratified",
    "window",
]
