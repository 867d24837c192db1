"""What policies keep at many shares: what does not depend on the share is found once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from torch import Tensor

from torch_cgprune.policies.drawn import CUT, STRATA, from_strata, shuffled, waiting_times
from torch_cgprune.policies.quotas import downwards, taking, total_kept
from torch_cgprune.policies.ranked import windows

# From a share and how many examples it is to (n,) bool.
_Marks: TypeAlias = Callable[[float, int], Tensor]


def kept_at(
    policy: str, scores: Tensor, codes: Tensor, keeps: Iterable[float], *, balanced: bool
) -> Iterator[Tensor]:
    """Yield (n,) bool, what :func:`~torch_cgprune.policies.by_name.kept_by` keeps of each share.

    Args:
        policy: one of ``BY_VALUES``; its other options are the defaults.
        scores: (n,) finite scores.
        codes: (n,) int64 class codes, each of which there is.
        keeps: shares in (0, 1].
        balanced: inside every class, or over all examples.

    """
    marked = _PREPARED[policy](scores, codes, balanced=balanced)
    for keep in keeps:
        yield marked(keep, total_kept("kept_at", keep, codes))


def _ordered(order: Callable[..., Tensor]) -> Callable[..., _Marks]:
    def prepared(scores: Tensor, codes: Tensor, *, balanced: bool) -> _Marks:
        marked = taking(order(scores, codes, balanced=balanced), codes, balanced=balanced)
        return lambda _, total: marked(total)

    return prepared


def _windows(scores: Tensor, codes: Tensor, *, balanced: bool) -> _Marks:
    marked = windows(scores, codes, balanced=balanced)
    return lambda keep, total: marked((1 - keep) / 2, total)


def _stratified(scores: Tensor, codes: Tensor, *, balanced: bool) -> _Marks:
    marked = from_strata(scores, codes, CUT, STRATA, balanced=balanced, seed=0)
    return lambda _, total: marked(total)


def _soft(scores: Tensor, codes: Tensor, *, balanced: bool) -> Tensor:
    return waiting_times(scores, codes, balanced=balanced, seed=0).argsort(stable=True)


_PREPARED: dict[str, Callable[..., _Marks]] = {
    "low-first": _ordered(lambda scores, _, **__: downwards(scores).argsort(stable=True)),
    "high-first": _ordered(lambda scores, _, **__: scores.argsort(stable=True)),
    "window": _windows,
    "random": _ordered(lambda scores, _, **__: shuffled("random", len(scores), 0)),
    "stratified": _stratified,
    "soft": _ordered(_soft),
}
