"""What the paper claims, what is seen here, and whether it holds."""

from collections.abc import Callable
from typing import NamedTuple

from paper.data import Data
from paper.shown import NOT_RUN, no_figure, table
from paper.verdicts import (
    UNTESTED,
    WAITING,
    Rows,
    Seen,
    featured,
    grouped,
    high,
    low,
    noisy_windows,
    windows,
)
from paper.verdicts_of_scores import (
    approaches,
    beside,
    boundary,
    c_scores,
    flipped,
    noise_found,
    seconds,
    sign,
    with_training,
)


class Claim(NamedTuple):
    """One claim.

    Attributes:
        place: in the paper.
        said: the claim.
        seen: from all rows to what is seen and the verdict; None where there are none.
        needs: data sets, and files of published scores.

    """

    place: str
    said: str
    seen: Callable[[Rows], Seen]
    needs: tuple[str, ...] = ("cifar10",)


NOTE = (
    "A verdict compares what we see with a bound that stands in `verdicts.py` or "
    "`verdicts_of_scores.py`: a point of accuracy, or what seeds do, is no difference."
)


def render_claims(rows: Rows, data: Data) -> str:
    """Return the table of claims."""
    lines = []
    for claim in CLAIMS:
        absent = no_figure(data, *claim.needs)
        seen, verdict = claim.seen(rows) or (absent, UNTESTED if absent == NOT_RUN else WAITING)
        lines.append([claim.place, claim.said, seen, verdict])
    header = ["where", "the paper says", "we see", "verdict"]
    return f"## Claims\n\n{NOTE}\n\n{table(header, lines, numbers=False)}"


_FASHION, _HUNDRED = ("fashion-mnist",), ("cifar100",)
CLAIMS = (
    Claim(
        "Table 1",
        "correlates with C-scores of CIFAR-10: 0.557",
        c_scores,
        ("cifar10", "cifar10-c-scores"),
    ),
    Claim("Table 1", "correlates with forgetting and EL2N (CIFAR-10)", with_training("cifar10")),
    Claim(
        "Table 1",
        "correlates with forgetting and EL2N (CIFAR-100)",
        with_training("cifar100"),
        _HUNDRED,
    ),
    Claim(
        "Table 2",
        "Fashion-MNIST, 1:3: the sign calls 98 % of wrong and 7 % of right labels wrong",
        sign("fashion-mnist", "1:3", (0.98, 0.07)),
        _FASHION,
    ),
    Claim(
        "Table 2",
        "CIFAR-10, 1:4: the sign calls 71 % of wrong and 21 % of right labels wrong",
        sign("cifar10", "1:4", (0.71, 0.21)),
    ),
    Claim("Table 4", "takes less time than methods that train", seconds),
    Claim("Fig. 1", "samples near the boundary score high", boundary, ()),
    Claim("Fig. 1", "flipped labels score high", flipped, ()),
    Claim(
        "Figs. 2, 12",
        "low-scoring examples of CIFAR-10 can be pruned with little loss",
        low("cifar10"),
    ),
    Claim(
        "Figs. 2, 12",
        "low-scoring examples of Fashion-MNIST can be pruned with little loss",
        low("fashion-mnist"),
        _FASHION,
    ),
    Claim(
        "Figs. 2, 12",
        "low-scoring examples of CIFAR-100 can be pruned with little loss",
        low("cifar100"),
        _HUNDRED,
    ),
    Claim(
        "Figs. 2, 12",
        "high-scoring examples of CIFAR-10 matter more than random ones",
        high("cifar10"),
    ),
    Claim(
        "Figs. 2, 12",
        "high-scoring examples of Fashion-MNIST matter more than random ones",
        high("fashion-mnist"),
        _FASHION,
    ),
    Claim(
        "Figs. 2, 12",
        "high-scoring examples of CIFAR-100 matter more than random ones",
        high("cifar100"),
        _HUNDRED,
    ),
    Claim(
        "Fig. 3",
        "wrong labels of Fashion-MNIST score high",
        noise_found("fashion-mnist"),
        _FASHION,
    ),
    Claim("Fig. 3", "wrong labels of CIFAR-10 score high", noise_found("cifar10")),
    Claim("Fig. 3", "wrong labels of CIFAR-100 score high", noise_found("cifar100"), _HUNDRED),
    Claim("Fig. 4", "high-scoring examples are learned later", grouped("loss")),
    Claim("Fig. 4", "high-scoring examples have a larger kernel velocity", grouped("velocity")),
    Claim("Fig. 5", "the sampled score approaches the exact one: 0.829 to 0.973", approaches),
    Claim("Fig. 6", "the higher the window the better, where labels are right", windows),
    Claim("Fig. 6", "where 20 % are wrong the highest window is not the best", noisy_windows),
    Claim(
        "Figs. 15, 17",
        "finds wrong labels of Fashion-MNIST without a training",
        beside("fashion-mnist"),
        _FASHION,
    ),
    Claim(
        "Figs. 15, 17",
        "finds wrong labels of CIFAR-10 without a training",
        beside("cifar10"),
    ),
    Claim(
        "Figs. 15, 17",
        "finds wrong labels of CIFAR-100 without a training",
        beside("cifar100"),
        _HUNDRED,
    ),
    Claim("Figs. 16, 18", "scores in a feature space prune as those of pixels do", featured),
)
