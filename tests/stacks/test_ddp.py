"""Plain DistributedDataParallel under torchrun, on 2 and 3 real processes."""

import contract
import pytest
from processes import records

from torch_cgprune import PrunedSampler, WindowSampler

pytestmark = pytest.mark.slow  # in processes of its own


@pytest.fixture(scope="module", params=[2, 3])
def run(request, tmp_path_factory):
    return records("run_ddp.py", request.param, tmp_path_factory.mktemp("ddp"))


def check(ranks, name, selected, *, drop_last=False):
    """Every epoch is the selection, shared out evenly; what is missing or twice is said."""
    size = len(ranks)
    for epoch in range(3):
        chosen = selected(epoch)
        share = len(chosen) // size if drop_last else -(-len(chosen) // size)
        seen = []
        for rank in ranks:
            samples, batches, found = rank[name][epoch]
            assert (samples, batches) == (share, -(-share // 4))
            assert [len(batch) for batch in found[:-1]] == [4] * (batches - 1)
            seen += [i for batch in found for i in batch]
        assert len(seen) == share * size
        if drop_last:
            assert len({*seen}) == len(seen)
            assert {*seen} <= {*chosen}
        else:
            assert {*seen} == {*chosen}
    orders = [str([rank[name][epoch] for rank in ranks]) for epoch in range(3)]
    assert len({*orders}) == 3


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("keep", [0.6, 0.61, 0.62, 0.01])
def test_ragged_selections_are_shared_out_evenly(run, keep, drop_last):
    ranks, _ = run
    selected = PrunedSampler(contract.PAIR, keep=keep, policy="low-first").selection.tolist()
    check(ranks, f"{keep} {drop_last}", lambda _: selected, drop_last=drop_last)


def test_windows_schedules_and_redrawn_selections_are_shared_out(run):
    ranks, _ = run
    window = WindowSampler(contract.PAIR, 0.2, 0.6).selection.tolist()
    check(ranks, "window", lambda _: window)
    for name, sampler in (
        ("scheduled", PrunedSampler(contract.PAIR, keep=contract.GROWING, policy="low-first")),
        ("soft", PrunedSampler(contract.PAIR, 0.6, "soft")),
    ):

        def selected(epoch, sampler=sampler):
            sampler.set_epoch(epoch)
            return sampler.selection.tolist()

        check(ranks, name, selected)


def test_the_state_of_rank_0_resumes_all(run):
    for rank in run[0]:
        assert rank["resumed"] == rank["0.61 False"][1][2]


def test_a_sampler_that_knows_no_ranks_warns(run):
    _, said = run
    assert "PrunedSampler knows nothing of ranks, and a process group of" in said
    assert "Use DistributedPrunedSampler instead" in said
