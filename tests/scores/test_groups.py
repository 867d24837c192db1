import torch
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune import cg_scores
from torch_cgprune.scores.groups import (
    copy_groups,
    first_alike,
    later_copies,
    of_several_labels,
)

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


@given(
    rows=st.lists(
        st.tuples(st.integers(-1, 3), st.integers(0, 2), st.booleans()), min_size=1, max_size=25
    )
)
def test_one_of_every_label_in_a_group_is_kept_rather_one_that_is_not_suspected(rows):
    groups, labels, suspects = (torch.tensor(column) for column in zip(*rows, strict=True))
    later = later_copies(groups, labels, suspects).tolist()
    for i, (group, label, suspected) in enumerate(rows):
        alike = [j for j, row in enumerate(rows) if row[:2] == (group, label)]
        kept = min(alike, key=lambda j: (rows[j][2], j))
        assert later[i] == (group >= 0 and i != kept), (i, suspected)
    found = of_several_labels(groups, labels).tolist()
    assert found == [
        len({label for g, label, _ in rows if g == group}) > 1
        for group in range(max(row[0] for row in rows) + 1)
    ]
