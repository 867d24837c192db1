"""Lightning's Trainer, on one and on two processes."""

import itertools

import contract
import pytest
from processes import records

from torch_cgprune import PrunedSampler

pytestmark = pytest.mark.slow  # in processes of its own

SELECTED = PrunedSampler(
    contract.PAIR, keep=0.61, policy="low-first"
).selection.tolist()  # 61: two ranks pad it


def train(folder, processes, kind, workers=0, stop="-", resume="-"):
    ranks, said = records("run_lightning.py", processes, folder, kind, workers, stop, resume)
    return [{int(epoch): batches for epoch, batches in seen.items()} for seen in ranks], said


def examples(ranks, epoch):
    return sorted(i for seen in ranks for batch in seen[epoch] for i in batch)


@pytest.mark.parametrize("kind", ["agnostic", "distributed", "subset"])
@pytest.mark.parametrize("processes", [None, 2])
def test_every_selected_example_once_an_epoch(processes, kind, tmp_path):
    ranks, said = train(tmp_path, processes, kind)
    for epoch in range(3):
        seen = examples(ranks, epoch)
        assert sorted({*seen}) == SELECTED
        assert len(seen) == (61 if processes is None else 62)  # one more, to make ranks equal
    assert len({str(seen[epoch]) for seen in ranks for epoch in range(3)}) == 3 * (processes or 1)
    warned = "PrunedSampler knows nothing of ranks" in said
    assert warned == (kind == "agnostic" and processes == 2)


@pytest.mark.parametrize("processes", [None, 2])
def test_a_schedule_with_a_constant_number_of_samples(processes, tmp_path):
    """As README has it: Lightning fixes the length of all epochs by that of the first."""
    ranks, _ = train(tmp_path, processes, "scheduled")
    growing = PrunedSampler(contract.PAIR, keep=contract.GROWING, policy="low-first")
    for epoch, distinct in enumerate((30, 60, 60)):
        seen = examples(ranks, epoch)
        growing.set_epoch(epoch)
        assert (len(seen), len({*seen})) == (60, distinct)
        assert {*seen} <= {*growing.selection.tolist()}


def train_in_two_parts(folder, processes, stop, workers, kind="distributed"):
    """Return the batches of every rank in a whole run, and in one that was killed and resumed."""
    whole, _ = train(folder / "whole", processes, kind, workers)
    begun, _ = train(folder / "begun", processes, kind, workers, stop)
    checkpoint = folder / "begun" / "stopped.ckpt"
    ended, _ = train(folder / "ended", processes, kind, workers, resume=checkpoint)
    one = [[*itertools.chain(*seen.values())] for seen in whole]
    two = [
        [*itertools.chain(*first.values()), *itertools.chain(*second.values())]
        for first, second in zip(begun, ended, strict=True)
    ]
    return one, two


@pytest.mark.parametrize(
    ("processes", "stop", "workers"),
    [(None, 3, 0), (None, 8, 0), (None, "epoch", 0), (None, 11, 2), (2, 6, 0)],
)
def test_resumes_with_what_was_left(processes, stop, workers, tmp_path):
    whole, parts = train_in_two_parts(tmp_path, processes, stop, workers)
    assert parts == whole


@pytest.mark.parametrize("stop", [3, "epoch"])
def test_told_the_epoch_where_it_is_made_it_resumes_with_what_was_left(stop, tmp_path):
    whole, parts = train_in_two_parts(tmp_path, None, stop, 2, "told")
    assert parts == whole


def test_after_an_epoch_workers_start_before_lightning_says_which_is_next(tmp_path):
    """On resume Lightning calls set_epoch after the loader has begun to prefetch: the order of the
    next epoch is that of the first. Its examples are the right ones nonetheless."""
    whole, parts = train_in_two_parts(tmp_path, None, "epoch", 2)
    for run in (*whole, *parts):
        for epoch in range(3):
            seen = [i for batch in run[8 * epoch : 8 * epoch + 8] for i in batch]
            assert sorted(seen) == SELECTED
    assert [batches[:8] + batches[16:] for batches in parts] == [
        batches[:8] + batches[16:] for batches in whole
    ]
