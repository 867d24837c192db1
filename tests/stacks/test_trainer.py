"""The Trainer of transformers, by the recipe of README: ``_get_train_sampler`` overridden."""

import pytest
from processes import records, warned

pytestmark = pytest.mark.slow  # in processes of its own


def train(folder, processes, steps=-1, resume="-", kind="constant"):
    ranks, said = records("run_trainer.py", processes, folder, steps, resume, kind)
    assert not warned(said)
    return ranks


@pytest.mark.parametrize("kind", ["constant", "subset"])
@pytest.mark.parametrize("processes", [None, 2])
def test_every_epoch_is_the_selection(processes, kind, tmp_path):
    ranks = train(tmp_path, processes, kind=kind)
    steps = 16 // (processes or 1)  # of 61 examples, by fours
    for rank in ranks:
        assert len(rank["seen"]) == 2 * steps
        assert len(rank["selected"]) == 61
    for epoch in range(2):
        batches = [b for rank in ranks for b in rank["seen"][epoch * steps : (epoch + 1) * steps]]
        assert sorted({i for batch in batches for i in batch}) == ranks[0]["selected"]
    assert ranks[0]["seen"][:steps] != ranks[0]["seen"][steps:]


@pytest.mark.parametrize("processes", [None, 2])
def test_a_schedule_with_a_constant_number_of_samples(processes, tmp_path):
    """As README has it: the Trainer counts its steps from the length of the first epoch."""
    ranks = train(tmp_path, processes, kind="scheduled")
    steps = -(-15 // (processes or 1))  # of 60 examples, by fours
    for epoch, distinct in enumerate((30, 60)):
        batches = [b for rank in ranks for b in rank["seen"][epoch * steps : (epoch + 1) * steps]]
        seen = [i for batch in batches for i in batch]
        assert len({*seen}) == distinct


@pytest.mark.parametrize("stop", [10, 20])
def test_resumes_in_mid_epoch(stop, tmp_path):
    [whole] = train(tmp_path / "whole", None)
    [begun] = train(tmp_path / "run", None, steps=stop)
    [ended] = train(tmp_path / "run", None, resume=tmp_path / "run" / f"checkpoint-{stop}")
    assert begun["seen"] + ended["seen"] == whole["seen"]
