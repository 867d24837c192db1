"""Rules that call a label wrong: from scores to the evidence against each label."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.noise.rate import rates
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.checks import check_choice


def evidence(scores: CGScores, rule: str | None = None) -> Tensor:
    r"""Return the evidence that each label is wrong by a rule: it says so where this is positive.

    With :math:`\mu_{ic}` the prior-centred leave-one-out prediction of class c for example i, which
    does not know the label :math:`y_i`:

    ================  ====================================================================
    ``posterior``     ``scores.suspicion``: the label is probably wrong, and another class likelier;
                      the threshold follows from how well wrong labels can be told
    ``partial-sign``  the paper's partial CG-score (App. B, Table 2); for every method
    ``centred-sign``  :math:`-\mu_{i y_i}`: the own class is less likely than on average
    ``margin``        :math:`\max_{c \neq y_i} \mu_{ic} - \mu_{i y_i}`: another class wins
    ``adjusted``      :math:`\epsilon \max_{c \neq y_i} \mu_{ic} - \mu_{i y_i}`, with the estimated
                      noise rate :math:`\epsilon` of class :math:`y_i`: from the second, where
                      there is no noise, to the third, where there is nothing else
    ``confident``     confident learning on ``pred_probs``: the likeliest of the classes that are at
                      least as likely as they are on average for their own examples is another one
    ``cleanlab``      the same by cleanlab (extra ``noise``), with its default filter
    ================  ====================================================================

    Args:
        scores: of a method that predicts all classes (exact, local), but for ``partial-sign``.
        rule: None is ``scores.suspicion``: ``posterior``, or ``partial-sign`` for stochastic.

    Returns:
        (n,) float64, larger for more evidence; lowest where ``scores.cleared``.

    Raises:
        ValueError: an unknown rule, one class alone, or a method without what the rule needs.
        ImportError: ``cleanlab`` is not installed.

    References:
        Northcutt, Jiang, Chuang (JAIR 2021), "Confident learning", eq. 1 and 2, for ``confident``.

    """
    if len(scores.classes) == 1:
        raise ValueError(
            f"A noise rule compares classes, and all labels are {scores.classes[0]!r}. Score "
            "examples of two classes at least."
        )
    if rule is None:
        return scores.suspicion
    found = _RULES[check_choice("rule", "evidence", rule, RULES)](scores)
    return scores.without_cleared(found)


def _margin(scores: CGScores) -> Tensor:
    return -scores.needed("margin", "margin").double()


def _adjusted(scores: CGScores) -> Tensor:
    own, margin = scores.needed("adjusted", "own"), scores.needed("adjusted", "margin")
    wrong = rates(scores).per_class[scores.labels]
    return wrong * (own - margin) - own.double()


def confident_labels(pred_probs: Tensor, codes: Tensor) -> Tensor:
    """Return (n,) int64 the class that confident learning counts each example for, -1 for none.

    Args:
        pred_probs: (n, k) out-of-sample probabilities.
        codes: (n,) int64 given classes; each has examples.

    """
    k = pred_probs.shape[1]
    own = pred_probs.gather(1, codes[:, None]).squeeze(1)
    thresholds = own.new_zeros(k).index_add_(0, codes, own) / codes.bincount(minlength=k)
    likely = pred_probs.where(pred_probs >= thresholds, -1.0)
    best, found = likely.max(1)
    return found.where(best >= 0, -1)


def _confident(scores: CGScores) -> Tensor:
    probs, codes = scores.pred_probs(), scores.labels
    found = confident_labels(probs, codes)
    return _signed(probs, codes, (found >= 0) & (found != codes))


def _cleanlab(scores: CGScores) -> Tensor:
    try:
        from cleanlab.filter import find_label_issues  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ImportError(
            "The rule 'cleanlab' needs cleanlab: pip install 'torch-cgprune[noise]'. The rule "
            "'confident' needs nothing."
        ) from error
    probs, codes = scores.pred_probs(), scores.labels
    issues = find_label_issues(codes.numpy(), probs.numpy())
    return _signed(probs, codes, torch.from_numpy(np.asarray(issues)))


def _signed(probs: Tensor, codes: Tensor, wrong: Tensor) -> Tensor:
    """Rank by the probability of the given label, all that are called wrong above the others."""
    own = probs.gather(1, codes[:, None]).squeeze(1)
    return (1 - own).where(wrong, -own)


def _posterior(scores: CGScores) -> Tensor:
    scores.alternatives("posterior")  # refuses scores without predictions
    return scores.suspicion


_RULES: dict[str, Callable[[CGScores], Tensor]] = {
    "posterior": _posterior,
    "partial-sign": lambda scores: scores.partial,
    "centred-sign": lambda scores: -scores.needed("centred-sign", "own").double(),
    "margin": _margin,
    "adjusted": _adjusted,
    "confident": _confident,
    "cleanlab": _cleanlab,
}
RULES = (*_RULES,)
