import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from labelled_scores import PAIRS, split

from torch_cgprune.policies.at_shares import kept_at
from torch_cgprune.policies.by_name import BY_VALUES, kept_by

SHARES = (0.01, 0.1, 0.3, 0.5, 0.77, 1.0)


@pytest.mark.parametrize("policy", BY_VALUES)
@given(pairs=PAIRS, balanced=st.booleans())
def test_at_every_share_a_policy_keeps_what_it_does_alone(policy, pairs, balanced):
    values, labels = split(pairs)
    codes = labels.unique(return_inverse=True)[1]
    kept = [*kept_at(policy, values, codes, SHARES, balanced=balanced)]
    assert len(kept) == len(SHARES)
    for share, mask in zip(SHARES, kept, strict=True):
        alone = kept_by(policy, values, codes, share, balanced=balanced)
        assert torch.equal(mask.nonzero().flatten(), alone)
