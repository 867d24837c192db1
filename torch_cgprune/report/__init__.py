"""A page to look at, and its plots (extra ``report``)."""

from torch_cgprune.report.advised import advice_curves
from torch_cgprune.report.page import write_report
from torch_cgprune.report.plots import (
    class_means,
    confusion,
    mislabels_found,
    partial_scores,
    policy_shares,
    score_histogram,
)

__all__ = [
    "advice_curves",
    "class_means",
    "confusion",
    "mislabels_found",
    "partial_scores",
    "policy_shares",
    "score_histogram",
    "write_report",
]
