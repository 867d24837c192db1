"""The methods that the study of wrong labels compares: this library's, cleanlab's, neighbours'."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from torch_cgprune import CGScores, cg_scores
from torch_cgprune.errors import NotPositiveDefiniteError
from torch_cgprune.noise import evidence

NEIGHBOURS = 10
FOLDS, ITERATIONS = 3, 50  # of the logistic regression


class Verdict(NamedTuple):
    """What a method says of n labels: evidence that each is wrong, and which it flags, if any."""

    method: str
    evidence: Tensor
    flagged: Tensor | None
    seconds: float


Result = TypeVar("Result")


def timed(function: Callable[..., Result], *args: Any, **options: Any) -> tuple[Result, float]:
    start = time.perf_counter()
    return function(*args, **options), time.perf_counter() - start


def paper(rows: Tensor, labels: Tensor, method: str) -> Iterator[Verdict]:
    """Score without a ridge, as the paper does."""
    options: dict[str, Any] = {"method": method, "ridge": 0, "progress": False}
    try:
        scores, seconds = timed(cg_scores, rows, labels, **options)
    except NotPositiveDefiniteError as error:
        print(f"no scores without a ridge: {error}\n")
        return
    yield Verdict("CG-score (paper)", scores.values, None, seconds)
    yield Verdict("CG', no inverse (paper)", -scores.cg_prime, None, seconds)
    yield Verdict("partial score (paper)", scores.partial, scores.partial > 0, seconds)
    against, extra = timed(evidence, scores, "posterior")
    yield Verdict("posterior, ridge 0", against, against > 0, seconds + extra)


def ours(scores: CGScores, seconds: float) -> Iterator[Verdict]:
    """Judge by scores with the ridge that the labels choose."""
    yield Verdict("leave-one-out residual", scores.residual, None, seconds)
    yield Verdict("partial-sign", scores.partial, scores.partial > 0, seconds)
    for rule in ("centred-sign", "margin"):
        against, extra = timed(evidence, scores, rule)
        yield Verdict(rule, against, against > 0, seconds + extra)
    probs, extra = timed(scores.pred_probs)  # fits the posterior, once for all that follow
    seconds += extra
    own = probs.gather(1, scores.labels[:, None]).squeeze(1)
    for rule in ("posterior", "adjusted", "confident"):
        against, extra = timed(evidence, scores, rule)
        ranking = 1 - own if rule == "confident" else against
        yield Verdict(rule, ranking, against > 0, seconds + extra)
    issues, extra = timed(evidence, scores, "cleanlab")
    yield Verdict("cleanlab on pred_probs", 1 - own, issues > 0, seconds + extra)


def nearest(rows: Tensor) -> Tensor:
    """Return (n, 10) the nearest other examples of each, by cosine."""
    unit = normalize(rows.float()).numpy()
    search = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute").fit(unit)
    found = torch.from_numpy(search.kneighbors(unit, return_distance=False))
    itself = found == torch.arange(len(found))[:, None]
    itself[~itself.any(1), -1] = True  # among eleven copies it may not be there
    return found[~itself].view(-1, NEIGHBOURS)


def neighbours(labels: Tensor, near: Tensor, seconds: float) -> Iterator[Verdict]:
    """Judge by the labels of the nearest examples."""
    votes = one_hot(labels[near], int(labels.max()) + 1).double().mean(1)
    against = 1 - votes.gather(1, labels[:, None]).squeeze(1)
    yield Verdict(f"vote of {NEIGHBOURS} neighbours", against, votes.argmax(1) != labels, seconds)
    yield by_cleanlab(f"cleanlab on {NEIGHBOURS} neighbours", votes.numpy(), labels, seconds)


def regression(rows: Tensor, labels: Tensor) -> Iterator[Verdict]:
    """Judge by the probabilities of a logistic regression, cross-validated.

    Its rows are not scaled: columns of tables are already, and pixels are told better as they are.
    """
    if int(labels.bincount().min()) < FOLDS:
        return
    model = LogisticRegression(max_iter=ITERATIONS)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    probs, seconds = timed(
        cross_val_predict, model, rows.numpy(), labels.numpy(), cv=folds, method="predict_proba"
    )
    yield by_cleanlab("cleanlab on log. regression", probs, labels, seconds)


def by_cleanlab(name: str, probs: np.ndarray[Any, Any], labels: Tensor, seconds: float) -> Verdict:
    start = time.perf_counter()
    issues = torch.from_numpy(find_label_issues(labels.numpy(), probs))
    quality = torch.from_numpy(get_label_quality_scores(labels.numpy(), probs))
    return Verdict(name, 1 - quality, issues, seconds + time.perf_counter() - start)
