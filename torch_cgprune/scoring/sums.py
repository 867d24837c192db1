"""From solved blocks to sums over them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from torch_cgprune.kernel.near import Closest
from torch_cgprune.scores.judging import verdicts
from torch_cgprune.scores.posterior import Outputs, Posterior
from torch_cgprune.scoring.blocks import Solved
from torch_cgprune.scoring.plans import Block

# What is kept of each example where the predictions of all classes are too many: codes, taken from
# the run with the highest prediction, and what is averaged over runs. Of many millions of examples
# a number more is some ten megabytes a million: counts and codes are int32.
_CODES, _PREDICTED = ("rival", "suggested"), ("own", "best", "margin")
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
            "values": torch.zeros(m, dtype=torch.float64),
            "terms": torch.zeros(m, 3, dtype=torch.float64),
            "cg_prime": torch.zeros(m, dtype=torch.float64),
            "times": torch.zeros(m, dtype=torch.int32),
            "class_columns": torch.zeros(k, 2, dtype=torch.float64),  # complexity, bound
            "class_times": torch.zeros(k, dtype=torch.int64),
            "twins": torch.zeros(m, dtype=torch.int32),
        }
        if predictions and posterior is None:
            self.tensors["loo"] = priors.new_zeros(m, k)
        elif predictions:
            self.tensors |= {name: priors.new_zeros(m) for name in _PREDICTED}
            self.tensors |= {name: torch.zeros(m, dtype=torch.int32) for name in _CODES}
            self.tensors["wrong"] = torch.zeros(m, dtype=torch.float64)
            self.tensors["doubted"] = torch.zeros(m, dtype=torch.int32)

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
        columns = score_columns(block, solved)
        t["values"][rows], t["terms"][rows] = columns[:, 0], columns[:, 1:4]
        t["cg_prime"][rows] = columns[:, 4]
        t["times"][rows] = 1
        t["twins"][block.rows] += solved.twins.cpu().int()
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
        t["own"][rows], t["best"][rows], t["rival"][rows] = own, best, rival.int()
        t["margin"][rows] = own - best
        outputs = Outputs(loo, codes, self.priors, self.posterior.examples)
        found = verdicts(self.posterior, outputs)
        t["wrong"][rows], t["suggested"][rows] = found.wrong, found.suggested.int()
        t["doubted"][rows] = found.doubted.int()

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
