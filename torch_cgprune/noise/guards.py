"""When too many labels are taken for wrong, and when a selection gathers those that are suspected.

Each says in words what is the matter, or None: who asks knows what caused it, and the cure.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from torch_cgprune.errors import Message
from torch_cgprune.noise.rate import NoiseRate

# How many there are of each class.
LOOK = Message("noise_report(scores)")

# What is lost of all and of a class without a word: no great loss, however little of it is wrong.
_OF_ALL, _OF_CLASS = 0.05, 0.2
# How often what is lost may be the estimate, and what is kept the share of the suspects among all.
_LOST, _KEPT = 2.0, 1.1
# Suspects of this share of all say nothing: no noise rate is surer than that (NoiseRate.error), and
# clean data have some too, which low-first keeps all.
_FEW = 0.01
# Deviations that are chance: of an estimate, and of a count.
_CHANCE = 2.0
_CLASSES_NAMED = 3


def too_much(
    classes: Sequence[str], counts: Tensor, lost: Tensor, rate: NoiseRate | None
) -> str | None:
    """Say what is lost beyond what is estimated to be wrong, or None where it is no more than that.

    That is: more than twice the estimate, and 5 % of all examples or 20 % of a class; and more than
    half of a class in any case.

    Args:
        classes: k names.
        counts: (k,) int64 examples of each class, by their given labels.
        lost: (k,) int64 how many of them are called wrong.
        rate: the estimate; None where there is none, or another number was asked for.

    Example:
        >>> too_much(["ant", "bee"], torch.tensor([50, 40]), torch.tensor([5, 30]), None)
        "more than half of 'bee'"

    """
    most, shares = 2 * lost > counts, lost.double() / counts
    if rate is None:
        worst = _worst(most, shares)
        return f"more than half of {_listed([repr(classes[c]) for c in worst])}" if worst else None
    parts, own = [], rate.per_class
    n, all_lost = counts.sum(), lost.sum().double()
    whole = torch.tensor(rate.rate, dtype=torch.float64, device="cpu")
    if _beyond(all_lost, n, whole, rate.error, _OF_ALL):
        parts.append((float(all_lost / n), "all examples", str(rate)))
    # Of a class the error is not known: that of all labels, and the chance of so few draws.
    error = (rate.error**2 + own * (1 - own) / counts).sqrt()
    worst = _worst(most | _beyond(lost, counts, own, error, _OF_CLASS), shares)
    parts += [(float(shares[c]), repr(classes[c]), f"{own[c]:.1%}") for c in worst]
    said = [f"{share:.1%} of {what} (estimated wrong: {e})" for share, what, e in parts]
    return _listed(said) if said else None


def gathered(suspects: Tensor, kept: Tensor) -> str | None:
    """Say how many suspects a selection keeps where these are more than their share, or None.

    That is: more by a tenth, where 1 % of all examples are suspects at least.

    Args:
        suspects: (n,) bool, of all that could be kept.
        kept: (m,) bool, of those that are.

    Example:
        >>> suspects = torch.arange(200) < 20
        >>> gathered(suspects, suspects[:100])
        '20.0% suspects, of all examples 10.0% are'

    """
    n, m = len(suspects), len(kept)
    of_all, of_kept = float(suspects.double().mean()), float(kept.double().mean())
    # Whoever draws m of n without looking gets a hypergeometric number of suspects.
    drawn = m * of_all * (1 - of_all) * (n - m) / max(n - 1, 1)
    chance = m * of_all + _CHANCE * drawn**0.5
    if of_all < _FEW or of_kept <= _KEPT * of_all or int(kept.sum()) <= chance:
        return None
    return f"{of_kept:.1%} suspects, of all examples {of_all:.1%} are"


def _beyond(
    lost: Tensor, counts: Tensor, estimate: Tensor, error: Tensor | float, least: float
) -> Tensor:
    """Return where more is lost than twice the estimate, and than chance makes of it.

    Of a small estimate two errors are more than the double: 1.5 of 100 may be 4 as well. And how
    many of so many examples are wrong is a binomial number: of 5, 2 may be by chance where one
    fifth is allowed.
    """
    allowed = torch.maximum(_LOST * estimate, estimate + _CHANCE * error).clamp(least, 1)
    return lost > counts * allowed + _CHANCE * (counts * allowed * (1 - allowed)).sqrt()


def _worst(which: Tensor, shares: Tensor) -> list[int]:
    """Return the classes in question, that of the largest share first."""
    order: list[int] = shares.argsort(descending=True, stable=True).tolist()
    return [c for c in order if which[c]]


def _listed(items: list[str]) -> str:
    rest = len(items) - _CLASSES_NAMED
    shown = items[:_CLASSES_NAMED]
    if rest > 0:
        shown.append(f"{rest} more {'class' if rest == 1 else 'classes'}")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
