"""From sums over blocks to the scores of all examples."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from torch import Tensor

from torch_cgprune.errors import Argument, Message, NotPositiveDefiniteError
from torch_cgprune.inputs.labels import ClassName
from torch_cgprune.kernel.near import Closest, with_exact
from torch_cgprune.scores import CGScores
from torch_cgprune.scores.judging import Judgement, Verdicts, concluded
from torch_cgprune.scoring.copies import Copies
from torch_cgprune.scoring.sums import Sums, own_and_rival

_log = logging.getLogger(__name__)

_WIDER = Argument("dtype", "torch.float64")


class Examples(NamedTuple):
    """What is known of the n examples without solving anything.

    Attributes:
        copies: which m of them are kept.
        codes: (n,) int64 class codes.
        classes: k class names.
        digests: (n,) of the features.
        position: (n, 2) of a map.
        metadata: of the scores.

    """

    copies: Copies
    codes: Tensor
    classes: tuple[ClassName, ...]
    digests: Tensor
    position: Tensor
    metadata: dict[str, Any]


def finish(sums: Sums, examples: Examples) -> CGScores:
    """Divide, and give every later copy of an example its due.

    A later copy scores 0 in all terms, since removing it changes nothing; what is known of its
    label (the predictions of all classes, the suspicion) is that of the first copy, as is its CG'.

    Args:
        sums: of all runs, over the m kept examples; they are used up, since of many millions there
            is no room for a second set of them.
        examples: that are scored.

    Raises:
        NotPositiveDefiniteError: the sums are not finite.

    """
    t, copies = sums.tensors, examples.copies
    of = copies.stand_in
    values, terms, cg_prime = (_mean(t, name, of) for name in ("values", "terms", "cg_prime"))
    if not all(column.isfinite().all() for column in (values, terms, cg_prime)):
        raise NotPositiveDefiniteError(
            "The scores overflow: the Gram matrix is numerically singular.",
            parameter="ridge",
            cure=Message("Pass %s or more, or %s.", Argument("ridge", "1e-3"), _WIDER),
        )
    first_partial = terms[:, 1].clone()
    later = copies.later
    values[later], terms[later] = 0, 0
    twins = int(((t["twins"] > 0) & ~copies.conflicts[copies.kept]).sum())
    complexity, bound = (t["class_columns"] / t["class_times"][:, None]).unbind(1)
    return CGScores(
        values=values,
        terms=terms,
        cg_prime=cg_prime,
        labels=examples.codes,
        classes=examples.classes,
        complexity=complexity.clone(),
        bound=bound.clone(),
        digests=examples.digests,
        conflicts=copies.conflicts,
        metadata={**examples.metadata, **sums.notes, "twins": twins},
        first_partial=first_partial,
        judgement=_judgement(sums, of),
        position=examples.position,
        **_near_copies(sums.closest, copies),
        **_predictions(t, of, examples.codes),
    )


def _mean(t: dict[str, Tensor], name: str, of: Tensor) -> Tensor:
    """Take sums over the m kept examples out of ``t``; return the means of all n.

    Args:
        t: sums, by their names.
        name: of those that are taken.
        of: (n,) which kept example each is like.

    """
    sums = t.pop(name)
    times = t["times"] if sums.ndim == 1 else t["times"][:, None]
    return _of_all(sums.div_(times), of)


def _of_all(kept: Tensor, of: Tensor) -> Tensor:
    """Return for n examples what is known of the m kept ones: the same where these are all."""
    return kept if len(kept) == len(of) else kept[of]


def warn_of_twins(twins: int, *, of: int) -> None:
    """Say in the log how many rows were taken for copies, if any, of how many."""
    if twins:
        _log.warning(
            "%d of %d rows are copies of others but for rounding and were given a small ridge. If "
            "they should differ, centre the features or pass %s.",
            twins,
            of,
            _WIDER,
        )


def _near_copies(closest: Closest | None, copies: Copies) -> dict[str, Any]:
    """Return the near copies among all examples, where somebody asks for them."""
    if closest is None:
        return {}
    pairs, cosines = with_exact(copies.first, closest)
    return {"near_copies": pairs, "near_cosines": cosines}


def _judgement(sums: Sums, of: Tensor) -> Judgement | None:
    """Return what the runs have concluded of each label, where their predictions are not kept."""
    t = sums.tensors
    if "wrong" not in t or sums.posterior is None:
        return None
    suggested, doubted = t.pop("suggested").long(), 2 * t.pop("doubted") > t["times"]
    found = Verdicts(_mean(t, "wrong", of), _of_all(suggested, of), _of_all(doubted, of))
    return concluded(found, sums.posterior)


def _predictions(t: dict[str, Tensor], of: Tensor, codes: Tensor) -> dict[str, Any]:
    if "loo" in t:
        loo = _mean(t, "loo", of)
        own, best, rival = own_and_rival(loo, codes)
        return {"own": own, "rival": rival, "margin": own - best, "loo": loo}
    if "own" in t:
        own, margin = (_mean(t, name, of) for name in ("own", "margin"))
        return {"own": own, "rival": _of_all(t["rival"].long(), of), "margin": margin}
    return {}
