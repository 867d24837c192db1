"""Scores and labels for property tests of policies: few values, so that many are equal."""

import torch
from hypothesis import strategies as st

PAIRS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0, 2.5, -3.0])),
    min_size=1,
    max_size=60,
)
KEEPS = st.floats(0.01, 1)


def split(pairs):
    """Return scores and labels of pairs (label, score)."""
    labels, values = zip(*pairs, strict=True)
    return torch.tensor(values), torch.tensor(labels)
