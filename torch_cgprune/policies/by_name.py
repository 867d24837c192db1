"""The table of policies, by the names that samplers, the command line and the page know them by."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from torch import Tensor

from torch_cgprune.inputs.labels import Labels
from torch_cgprune.policies import chances, drawn, ranked
from torch_cgprune.policies.herding import herding_places

WINDOW, REDRAWN = "window", "redrawn"


@dataclasses.dataclass(frozen=True)
class Policy:
    """What has to be known of a policy to call it by its name.

    Attributes:
        keeps: from (n,) scores, n labels, a share and ``balanced`` to (m,) sorted indices.
        takes: what else it wants of "start", where the window begins, in the middle if nobody says;
            the "seed" of a draw; the "cut" of strata; the "epoch", if it keeps others in every one.
        by_scores: whether it looks at the scores, and so may gather what looks wrong.
        of_rows: for a policy that looks at the rows instead: from (n, ...) rows, (n,) class codes,
            ``balanced`` and a seed to what ``keeps`` then takes as scores.
        chances: for a policy that draws: from the scores, labels, share and ``balanced`` that
            ``keeps`` takes to the (n,) chances that it keeps each example, in [0, 1].

    """

    keeps: Callable[..., Tensor]
    takes: tuple[str, ...] = ()
    by_scores: bool = True
    of_rows: Callable[..., Tensor] | None = None
    chances: Callable[..., Tensor] | None = None


def _window(
    values: Any, labels: Labels, keep: float, *, balanced: bool, start: float | None = None
) -> Tensor:
    start = (1 - keep) / 2 if start is None else start
    return ranked.window(values, labels, start, keep, balanced=balanced)


def _herded(rows: Any, codes: Tensor, *, balanced: bool, seed: int) -> Tensor:
    return -herding_places(rows, codes, balanced=balanced, seed=seed)


def _random(_values: Any, labels: Labels, keep: float, *, balanced: bool, seed: int) -> Tensor:
    return drawn.random(labels, keep, balanced=balanced, seed=seed)


def _redrawn(
    _values: Any, labels: Labels, keep: float, *, balanced: bool, seed: int, epoch: int
) -> Tensor:
    return drawn.redrawn(labels, keep, balanced=balanced, seed=seed, epoch=epoch)


def _random_chances(_values: Any, labels: Labels, keep: float, *, balanced: bool) -> Tensor:
    return chances.random_chances(labels, keep, balanced=balanced)


# Those that keep a given share. The noise filter finds its own.
POLICIES = {
    "low-first": Policy(ranked.low_first),
    "high-first": Policy(ranked.high_first),
    WINDOW: Policy(_window, takes=("start",)),
    "random": Policy(_random, takes=("seed",), by_scores=False, chances=_random_chances),
    REDRAWN: Policy(_redrawn, takes=("seed", "epoch"), by_scores=False, chances=_random_chances),
    "stratified": Policy(
        drawn.stratified, takes=("seed", "cut"), chances=chances.stratified_chances
    ),
    "soft": Policy(drawn.soft, takes=("seed", "epoch"), chances=chances.soft_chances),
    "herding": Policy(ranked.low_first, by_scores=False, of_rows=_herded),
}
# Those that a list is made by: of one epoch, what is redrawn is a random choice.
LISTED = tuple(name for name in POLICIES if name != REDRAWN)
# Of these, those that need scores and labels alone.
BY_VALUES = tuple(name for name in LISTED if POLICIES[name].of_rows is None)
# Those that draw: an example that they leave out had its chance.
DRAWN = tuple(name for name, policy in POLICIES.items() if policy.chances is not None)


def kept_by(
    policy: str,
    values: Any,
    labels: Labels,
    keep: float,
    *,
    start: float | None = None,
    cut: float | None = None,
    balanced: bool = True,
    seed: int = 0,
    epoch: int = 0,
) -> Tensor:
    """Return the (m,) sorted indices that a policy keeps, told those of the options that it takes.

    Args:
        policy: one of ``POLICIES``.
        values: (n,) finite scores, higher for harder; or what its ``of_rows`` returns.
        labels: n integers or strings.
        keep: share of the examples to keep, in (0, 1].
        start: share of the examples below the window; None for the one in the middle.
        cut: share of the hardest that ``stratified`` drops; None for its default.
        balanced: inside every class, or over all examples.
        seed: of the draws.
        epoch: which draw.

    Raises:
        TypeError, ValueError: as the policy.

    """
    options = {"start": start, "cut": cut, "seed": seed, "epoch": epoch}
    found = POLICIES[policy]
    taken = {name: options[name] for name in found.takes if options[name] is not None}
    return found.keeps(values, labels, keep, balanced=balanced, **taken)


def chances_by(
    policy: str,
    values: Any,
    labels: Labels,
    keep: float,
    *,
    cut: float | None = None,
    balanced: bool = True,
) -> Tensor:
    """Return the (n,) chances that a policy of ``DRAWN`` keeps each example.

    Arguments and errors are those of :func:`kept_by`: no chance depends on its other options.
    """
    found = POLICIES[policy]
    if found.chances is None:
        raise ValueError(f"The policy {policy!r} does not draw.")
    taken = {"cut": cut} if cut is not None and "cut" in found.takes else {}
    return found.chances(values, labels, keep, balanced=balanced, **taken)
