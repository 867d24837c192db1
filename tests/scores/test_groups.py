import torch
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune import cg_scores
from torch_cgprune.scores.groups import copy_groups, first_alike

DIGESTS = st.lists(st.integers(0, 8), min_size=1, max_size=20)


def connected(digests, pairs):
    """Groups by the definition: what can be reached, one step after the other."""
    n = len(digests)
    linked = {frozenset(pair) for pair in pairs}
    linked |= {frozenset((i, j)) for i in range(n) for j in range(n) if digests[i] == digests[j]}
    groups = [-1] * n
    number = 0
    for i in range(n):
        reached, new = {i}, [i]
        while new:
            at = new.pop()
            found = {j for j in range(n) if frozenset((at, j)) in linked} - reached
            reached |= found
            new += found
        if len(reached) > 1 and groups[i] == -1:
            for j in reached:
                groups[j] = number
            number += 1
    return groups


@given(digests=DIGESTS, data=st.data())
def test_a_group_is_what_copies_lead_to(digests, data):
    index = st.integers(0, len(digests) - 1)
    pairs = data.draw(st.lists(st.tuples(index, index), max_size=12))
    found = copy_groups(torch.tensor(digests), torch.tensor(pairs, dtype=torch.int64).view(-1, 2))
    assert found.tolist() == connected(digests, pairs)
    assert copy_groups(torch.tensor(digests), None).tolist() == connected(digests, [])
    assert first_alike(torch.tensor(digests)).tolist() == [digests.index(d) for d in digests]


def test_a_long_chain_is_one_group():
    n = 5000
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    chain = torch.stack([order[:-1], order[1:]], dim=1)
    assert copy_groups(torch.arange(n), chain).tolist() == [0] * n


def test_copies_among_the_examples_are_grouped_whatever_their_labels(rng):
    x = torch.randn(12, 4, generator=rng)
    x[7], x[9], x[11] = x[2], x[2], x[1]
    scores = cg_scores(x, [0, 1] * 6, progress=False)
    groups = {1: 0, 11: 0, 2: 1, 7: 1, 9: 1}
    assert scores.copy_groups.tolist() == [groups.get(i, -1) for i in range(12)]
