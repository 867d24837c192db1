"""accelerate's ``prepare``, on one and on two processes: it shares out the batches itself."""

import math

import contract
import pytest
from processes import records, warned

from torch_cgprune import PrunedSampler

pytestmark = pytest.mark.slow  # in processes of its own

SELECTED = PrunedSampler(contract.PAIR, keep=0.61, policy="low-first").selection.tolist()


def examples(ranks):
    return [i for batches in ranks for batch in batches for i in batch]


@pytest.mark.parametrize("kind", ["shard", "dispatch"])
@pytest.mark.parametrize("processes", [None, 2])
def test_the_ranks_together_see_the_selection(processes, kind, tmp_path):
    ranks, said = records("run_accelerate.py", processes, tmp_path, kind)
    assert not warned(said)
    for epoch in range(3):
        seen = examples(rank["epochs"][epoch] for rank in ranks)
        assert sorted({*seen}) == SELECTED
        filled = {"shard": 64, "dispatch": 62}[kind]  # the last batches, from the first ones
        assert len(seen) == (61 if processes is None else filled)
        assert seen[:61] != examples(rank["epochs"][epoch - 1] for rank in ranks)[:61]
    for rank in ranks:
        assert rank["length"] == len(rank["epochs"][0]) == 16 // (processes or 1)
        assert rank["epoch"] == 1
        assert rank["again"] == rank["epochs"][1]
        if kind == "shard":  # dispatching, accelerate skips batches of single ranks
            assert rank["rest"] == rank["epochs"][2][3:]


@pytest.mark.parametrize("processes", [None, 2])
def test_scheduled_lengths_are_those_of_the_epoch(processes, tmp_path):
    ranks, _ = records("run_accelerate.py", processes, tmp_path, "shard")
    for epoch, kept in enumerate((30, 60, 90)):
        assert len({*examples(rank["scheduled"][epoch][1] for rank in ranks)}) == kept
        for rank in ranks:
            length, batches = rank["scheduled"][epoch]
            assert length == len(batches) == math.ceil(math.ceil(kept / 4) / (processes or 1))


def test_sharding_twice_is_warned_of(tmp_path):
    ranks, said = records("run_accelerate.py", 2, tmp_path, "distributed")
    assert warned(said)
    assert "DistributedPrunedSampler gives each rank its share" in said
    assert "use PrunedSampler there" in said
    assert len({*examples(rank["epochs"][0] for rank in ranks)}) < 61  # what it warns of
