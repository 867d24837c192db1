import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune.scoring import plans

counts_lists = st.lists(st.integers(1, 30), min_size=1, max_size=6)


def codes_of(counts):
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))


def test_exact_is_one_block_of_everyone():
    codes = codes_of([3, 2])
    ((block,),) = plans.exact(codes, 2).runs
    assert block.rows.tolist() == block.scored.tolist() == [0, 1, 2, 3, 4]
    assert block.codes.tolist() == codes.tolist()
    assert block.classes.tolist() == [0, 1]


@given(counts=counts_lists, ratio=st.floats(0.1, 5), seed=st.integers(0, 9))
def test_stochastic_scores_each_class_against_a_draw_of_the_others(counts, ratio, seed):
    codes, k = codes_of(counts), len(counts)
    plan = plans.stochastic(codes, k, ratio=ratio, runs=[2] * k, seed=seed)
    runs = [[*blocks] for blocks in plan.runs]
    assert [sorted(sizes) for sizes in plan.sizes] == [
        sorted(len(block.rows) for block in blocks) for blocks in runs
    ]
    assert [len(blocks) for blocks in runs] == [k, k]
    for c, block in [*enumerate(runs[0]), *enumerate(runs[1])]:
        own = (codes == c).nonzero().squeeze(1)
        others = len(block.rows) - len(own)
        assert block.rows.unique().tolist() == block.rows.tolist()
        assert block.rows[block.scored].tolist() == own.tolist()
        assert (block.codes[block.scored] == 0).all()
        assert (
            block.codes.sum()
            == others
            == min(max(round(ratio * len(own)), 1), len(codes) - len(own))
        )
        assert block.classes.tolist() == ([c, -1] if others else [c])


def test_a_draw_depends_on_seed_class_and_run_alone():
    codes = codes_of([20, 20, 20])

    def draw(runs, seed):
        plan = plans.stochastic(codes, 3, ratio=1, runs=runs, seed=seed)
        return [[*blocks] for blocks in plan.runs]

    few, many, other = draw([1, 1, 1], 0), draw([1, 2, 5], 0), draw([1, 1, 1], 1)
    assert [len(blocks) for blocks in many] == [3, 2, 1, 1, 1]
    assert few[0][2].rows.tolist() == many[0][2].rows.tolist()
    assert many[0][1].rows.tolist() != many[1][0].rows.tolist()
    drawn = [
        block.rows[block.codes == 1].tolist() for block in (few[0][2], *other[0][1:], many[1][1])
    ]
    assert len({tuple(rows) for rows in drawn}) == 4  # (seed, class, run) is no sum
    assert few[0][0].rows.tolist() != other[0][0].rows.tolist()


@given(counts=counts_lists, ratio=st.floats(0.1, 5))
def test_recommended_runs_are_the_fewest_that_cover_half(counts, ratio):
    n = sum(counts)
    for m, runs in zip(counts, plans.recommended_runs(counts, ratio), strict=True):
        share = min(ratio * m / (n - m), 1.0) if n > m else 1.0
        assert runs >= 1
        assert (1 - share) ** runs <= 0.5 + 1e-12
        assert runs == 1 or (1 - share) ** (runs - 1) > 0.5 - 1e-12


@pytest.mark.parametrize(("ratio", "expected"), [(1, 6), (2, 3), (3, 2), (4, 2)])
def test_recommended_runs_of_ten_equal_classes(ratio, expected):
    assert plans.recommended_runs([5000] * 10, ratio) == [expected] * 10
    assert expected == math.ceil(math.log(0.5) / math.log(1 - ratio / 9))


@given(n=st.integers(2, 200), block_size=st.integers(2, 60), seed=st.integers(0, 9))
def test_local_runs_are_balanced_partitions(n, block_size, seed):
    rng = torch.Generator().manual_seed(seed)
    points, codes = torch.randn(n, 4, generator=rng), torch.arange(n) % 7
    plan = plans.local(points, codes, block_size=block_size, runs=2, seed=seed)
    runs = [[*blocks] for blocks in plan.runs]
    assert [sorted(sizes) for sizes in plan.sizes] == [
        sorted(len(block.rows) for block in blocks) for blocks in runs
    ]
    for blocks in runs:
        sizes = [len(block.rows) for block in blocks]
        assert torch.cat([block.rows for block in blocks]).sort().values.tolist() == [*range(n)]
        assert max(sizes) <= block_size
        assert len(sizes) == -(-n // block_size)
        assert max(sizes) - min(sizes) <= 1
        for block in blocks:
            assert block.rows.tolist() == block.rows.sort().values.tolist()
            assert torch.equal(block.classes[block.codes], codes[block.rows])
            assert len(block.scored) == len(block.rows)


def test_local_blocks_hold_neighbours():
    rng = torch.Generator().manual_seed(0)
    centres = torch.randn(8, 16, generator=rng) * 10
    points = centres.repeat(50, 1) + torch.randn(400, 16, generator=rng)
    plan = plans.local(points, torch.zeros(400, dtype=torch.int64), block_size=50, runs=1, seed=0)
    blocks = [*next(plan.runs)]
    spread = sum(float(points[block.rows].var(0).sum()) for block in blocks) / len(blocks)
    assert spread < 0.5 * float(points.var(0).sum())


def test_local_depends_on_seed_and_run_alone():
    points, codes = torch.randn(100, 4), torch.zeros(100, dtype=torch.int64)
    one, two = (
        [[*run] for run in plans.local(points, codes, block_size=20, runs=r, seed=3).runs]
        for r in (1, 2)
    )
    assert one[0][0].rows.tolist() == two[0][0].rows.tolist()
    assert two[0][0].rows.tolist() != two[1][0].rows.tolist()
