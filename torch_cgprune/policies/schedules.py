"""Shares that change with the epoch: a curriculum."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

from torch_cgprune.utils.checks import check_integer, check_real

# A share in [0, 1], or a function from the epoch (0, 1, ..) to one. Processes that are to get it
# need one that pickles: a function of a module or LinearSchedule, not a lambda.
Share: TypeAlias = float | Callable[[int], float]


def share_at(share: object, epoch: int) -> object:
    """Return the share of an epoch, unchecked: a function may return anything."""
    return share(epoch) if callable(share) else share


def turning_points(*shares: object) -> list[int]:
    """Return the epochs to look at before training: linear shares go straight between them."""
    return sorted({0} | {s.epochs - 1 for s in shares if isinstance(s, LinearSchedule)})


@dataclasses.dataclass(frozen=True)
class LinearSchedule:
    """A share that goes in equal steps from ``first``, in epoch 0, to ``last``, and stays there.

    Trainers that fix the length of all epochs by the first one (Lightning, the Trainer of
    transformers) cut the later ones short: give the sampler a constant ``num_samples`` there.

    Args:
        first: share of epoch 0, in [0, 1].
        last: share from epoch ``epochs - 1`` on, in [0, 1].
        epochs: number of epochs from the one to the other, both included, at least 2.

    Raises:
        TypeError, ValueError: a share outside [0, 1], or fewer than two epochs.

    References:
        Bengio, Louradour, Collobert, Weston (ICML 2009), "Curriculum learning"; Hacohen, Weinshall
        (ICML 2019), "On the power of curriculum learning in training deep networks", for such
        pacing functions.

    Example:
        >>> keep = LinearSchedule(0.5, 1.0, epochs=3)
        >>> [keep(epoch) for epoch in range(4)]
        [0.5, 0.75, 1.0, 1.0]

    """

    first: float
    last: float
    epochs: int

    def __post_init__(self) -> None:
        check_real("first", "LinearSchedule", self.first, "[0, 1]")
        check_real("last", "LinearSchedule", self.last, "[0, 1]")
        check_integer("epochs", "LinearSchedule", self.epochs, minimum=2)

    def __call__(self, epoch: int) -> float:
        """Return the share of an epoch."""
        done = min(epoch / (self.epochs - 1), 1.0)
        return (1 - done) * self.first + done * self.last
