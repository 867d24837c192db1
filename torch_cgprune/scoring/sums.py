"""From solved blocks to sums over them, and from these to the scores of all examples."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.errors import Argument, Message, NotPositiveDefiniteError
from torch_cgprune.inputs.labels import ClassName
from torch_cgprune.kernel.near import Closest, with_exact
from torch_cgprune.scores import CGScores
from torch_cgprune.scores.judging import Judgement, Verdicts, concluded, verdicts
from torch_cgprune.scores.posterior import Outputs, Posterior
from torch_cgprune.scoring.blocks import Solved
from torch_cgprune.scoring.copies import Copies
from torch_cgprune.scoring.plans import Block

_log = logging.getLogger(__name__)

_WIDER = Argument("dtype", "torch.float64")

# What is kept of each example where the predictions of all classes are too many: codes, taken from
# the run with the highest prediction, and what is averaged over runs.
_CODES, _JUDGED = ("rival", "suggested"), ("wrong", "doubted")
# Near copies and their cosines, in a file.
_PAIRS = ("pairs", "cosines")


class Sums:
    """What the blocks of one run, or of several, say of the m examples they score.

    Within a run an example scores once at most. What adds up is in ``tensors``, so that runs can be
    added up, kept in a file, and shared between processes.

    Args:
        m: examples.
        priors: (k,) class shares; their dtype is that of the predictions.
        predictions: whether the blocks predict all classes.
        posterior: of their predictions, where these are too many to keep; None keeps them.
        closest: takes near copies; None where nobody asks for them.

    """

    def __init__(
        self,
        m: int,
        priors: Tensor,
        *,
        predictions: bool,
        posterior: Posterior | None = None,
        closest: Closest | None = None,
    ) -> None:
        k = len(priors)
        self.closest = closest
        self.priors, self.predictions, self.posterior = priors, predictions, posterior
        self.notes: dict[str, Any] = {}
        self.tensors = {
            "columns": torch.zeros(m, 5, dtype=torch.float64),  # score, its three terms, CG'
            "times": torch.zeros(m, dtype=torch.int64),
            "class_columns": torch.zeros(k, 2, dtype=torch.float64),  # complexity, bound
            "class_times": torch.zeros(k, dtype=torch.int64),
            "twins": torch.zeros(m, dtype=torch.int64),
        }
        if predictions and posterior is None:
            self.tensors["loo"] = priors.new_zeros(m, k)
        elif predictions:
            self.tensors |= {name: priors.new_zeros(m) for name in ("own", "best", "margin")}
            self.tensors |= {name: torch.zeros(m, dtype=torch.int64) for name in _CODES}
            self.tensors |= {name: torch.zeros(m, dtype=torch.float64) for name in _JUDGED}

    @property
    def state(self) -> dict[str, Tensor]:
        """What :meth:`restore` takes."""
        if self.closest is None:
            return self.tensors
        return {**self.tensors, **dict(zip(_PAIRS, self.closest.found(), strict=True))}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from the state of such sums."""
        self.tensors = {name: state[name] for name in state.keys() - {*_PAIRS}}
        if self.closest is not None:
            self.closest.add(*(state[name] for name in _PAIRS))

    def add_block(self, block: Block, solved: Solved) -> None:
        """Take in a block of this run."""
        self.notes |= solved.notes
        t, rows = self.tensors, block.rows[block.scored]
        t["columns"][rows] = score_columns(block, solved)
        t["times"][rows] = 1
        t["twins"][block.rows] += solved.twins.cpu()
        real = block.classes >= 0
        complexity = complexities(block, solved)[real]
        bound = (2 * complexity.clamp(min=0) / len(block.rows)).sqrt()
        t["class_columns"].index_add_(0, block.classes[real], torch.stack([complexity, bound], 1))
        t["class_times"][block.classes[real]] += 1
        if self.predictions:
            loo = centred_loo(block, solved, self.priors)
            self._add_predictions(rows, loo, block.classes[block.codes[block.scored]])

    def _add_predictions(self, rows: Tensor, loo: Tensor, codes: Tensor) -> None:
        t = self.tensors
        if self.posterior is None:
            t["loo"][rows] = loo
            return
        own, best, rival = own_and_rival(loo, codes)
        t["own"][rows], t["best"][rows], t["rival"][rows] = own, best, rival
        t["margin"][rows] = own - best
        outputs = Outputs(loo, codes, self.priors, self.posterior.examples)
        found = verdicts(self.posterior, outputs)
        t["wrong"][rows], t["suggested"][rows] = found.wrong, found.suggested
        t["doubted"][rows] = found.doubted.double()

    def plus(self, run: Sums) -> Sums:
        """Add another run to this one, and return it."""
        self.notes |= run.notes
        t, new = self.tensors, run.tensors
        if "rival" in t:
            better = (new["times"] > 0) & ((new["best"] > t["best"]) | (t["times"] == 0))
            for name in ("best", *_CODES):
                t[name] = new[name].where(better, t[name])
        for name in t.keys() - {"best", *_CODES}:
            t[name] += new[name]
        if self.closest is not None and run.closest is not None:
            self.closest.add(*run.closest.found())
        return self


def _own(columns: Tensor, block: Block) -> Tensor:
    """Pick each row's own class, of targets +-1: twice the one-hot column minus that of ones."""
    own = columns.gather(1, block.codes.to(columns.device)[:, None]).squeeze(1)
    return (2 * own.double() - columns.sum(1, dtype=torch.float64)).cpu()[block.scored]


def score_columns(block: Block, solved: Solved) -> Tensor:
    """Return (m, 5): the score, its three terms (paper eq. 6 with y_i = 1) and CG' (sec. 3.2)."""
    alpha = _own(solved.alpha, block)
    d = solved.diagonal.double().cpu()[block.scored]
    excess = alpha - d
    cg_prime = 2 * _own(solved.product, block) - 0.5
    return torch.stack([alpha**2 / d, excess**2 / d, 2 * excess, d, cg_prime], dim=1)


def complexities(block: Block, solved: Solved) -> Tensor:
    """Return (c,) y'H^-1 y of each class of the block against the rest."""
    alpha = solved.alpha.double().cpu()
    ones = alpha.sum(1)
    own = 2 * alpha.gather(1, block.codes[:, None]).squeeze(1) - ones
    of_classes = torch.zeros(len(block.classes), dtype=torch.float64)
    return 2 * of_classes.index_add_(0, block.codes, own) - 2 * alpha.sum(0) + ones.sum()


def centred_loo(block: Block, solved: Solved, priors: Tensor) -> Tensor:
    """Return (m, k) leave-one-out predictions of the one-hot targets minus the class shares."""
    alpha, d = solved.alpha.cpu()[block.scored], solved.diagonal.cpu()[block.scored, None]
    loo = (alpha.sum(1, keepdim=True) / d - 1) * priors
    codes, one = block.codes[block.scored, None], torch.ones_like(alpha[:, :1])
    return loo.index_add_(1, block.classes, (-alpha / d).scatter_add_(1, codes, one))


def own_and_rival(loo: Tensor, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return (m,) the own class's prediction, the best of the others, and which one that is.

    Args:
        loo: (m, k) predictions.
        codes: (m,) own classes.

    """
    own = loo.gather(1, codes[:, None])
    if loo.shape[1] == 1:
        return own[:, 0], own[:, 0], codes.clone()  # files hold no tensor twice
    best, rival = loo.scatter(1, codes[:, None], -torch.inf).max(1)
    return own[:, 0], best, rival


def finish(
    sums: Sums,
    copies: Copies,
    codes: Tensor,
    classes: tuple[ClassName, ...],
    digests: Tensor,
    metadata: dict[str, Any],
) -> CGScores:
    """Divide, and give every later copy of an example its due.

    A later copy scores 0 in all terms, since removing it changes nothing; what is known of its
    label (the predictions of all classes, the suspicion) is that of the first copy, as is its CG'.

    Args:
        sums: of all runs, over the m kept examples.
        copies: which m of the n examples are kept.
        codes: (n,) int64 class codes.
        classes: k class names.
        digests: (n,) of the features.
        metadata: of the scores.

    Raises:
        NotPositiveDefiniteError: the sums are not finite.

    """
    t, of = sums.tensors, copies.stand_in
    means = t["columns"] / t["times"][:, None]
    if not torch.isfinite(means).all():
        raise NotPositiveDefiniteError(
            "The scores overflow: the Gram matrix is numerically singular.",
            parameter="ridge",
            cure=Message("Pass %s or more, or %s.", Argument("ridge", "1e-3"), _WIDER),
        )
    first_partial = means[of, 2]
    columns = means if len(means) == len(of) else means[of]  # those of all: no second copy
    columns[copies.later, :4] = 0
    predictions = _predictions(t, of, codes)
    twins = int(((t["twins"] > 0) & ~copies.conflicts[copies.kept]).sum())
    complexity, bound = (t["class_columns"] / t["class_times"][:, None]).unbind(1)
    return CGScores(
        values=columns[:, 0].clone(),
        terms=columns[:, 1:4].clone(),
        cg_prime=columns[:, 4].clone(),
        labels=codes,
        classes=classes,
        complexity=complexity.clone(),
        bound=bound.clone(),
        digests=digests,
        conflicts=copies.conflicts,
        metadata={**metadata, **sums.notes, "twins": twins},
        first_partial=first_partial,
        judgement=_judgement(sums, of),
        **_near_copies(sums.closest, copies),
        **predictions,
    )


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
    wrong, doubted = (t[name] / t["times"] for name in _JUDGED)
    found = Verdicts(wrong[of], t["suggested"][of], (doubted > 0.5)[of])
    return concluded(found, sums.posterior)


def _predictions(t: dict[str, Tensor], of: Tensor, codes: Tensor) -> dict[str, Any]:
    if "loo" in t:
        loo = (t["loo"] / t["times"][:, None])[of]
        own, best, rival = own_and_rival(loo, codes)
        return {"own": own, "rival": rival, "margin": own - best, "loo": loo}
    if "own" in t:
        own, margin = (t[name] / t["times"] for name in ("own", "margin"))
        return {"own": own[of], "rival": t["rival"][of], "margin": margin[of]}
    return {}
