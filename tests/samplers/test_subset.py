"""What is kept as a dataset of its own, and samplers in words."""

import pickle

import contract
import datasets
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset

from torch_cgprune import (
    CGScoredDataset,
    DistributedPrunedSampler,
    LinearSchedule,
    PrunedSampler,
    SelectionSampler,
    WindowSampler,
)

SCORES = torch.arange(10.0), [0] * 6 + [1] * 4


def images(n=40):
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 2
    return TensorDataset(torch.randn(n, 5, generator=rng) + 2 * labels[:, None], labels)


@pytest.mark.parametrize("name", contract.ALL)
def test_a_subset_is_the_selection_once_in_order(name):
    sampler = contract.ALL[name]()
    n = int(sampler.selection[-1]) + 1 if sampler._n is None else sampler._n
    assert list(sampler.subset(range(n))) == sampler.selection.tolist()


def test_a_subset_is_that_of_the_present_epoch():
    sampler = PrunedSampler(SCORES, keep=0.5, policy="soft")
    seen = set()
    for epoch in range(5):
        sampler.set_epoch(epoch)
        assert list(sampler.subset(range(10))) == sampler.selection.tolist()
        seen.add(tuple(sampler.subset(range(10))))
    assert len(seen) > 1
    subset = sampler.subset(range(10))
    before = list(subset)
    sampler.set_epoch(0)
    assert list(subset) == before != sampler.selection.tolist()


def test_a_subset_repeats_nothing():
    sampler = PrunedSampler(SCORES, keep=0.5, num_samples=100, policy="low-first")
    assert len(sampler.subset(range(10))) == 5


def test_a_subset_keeps_new_labels(tmp_path):
    (tmp_path / "new.csv").write_text("index,new_label\n3,0\n8,1\n9,0\n")
    train = CGScoredDataset(images(), relabel=tmp_path / "new.csv", progress=False)
    sampler = PrunedSampler(train, keep=0.9, policy="random")
    subset = sampler.subset(train)
    [(_, labels)] = DataLoader(subset, batch_size=len(subset))
    given = [0, 1] * 20
    new = [*given[:3], 0, *given[4:8], 1, 0, *given[10:]]
    assert labels.tolist() == [new[i] for i in sampler.selection.tolist()]
    assert {3, 8, 9} & {*sampler.selection.tolist()}


def test_a_table_is_selected_from_and_its_wrapper_is_not(tmp_path):
    x, y = images().tensors
    table = datasets.Dataset.from_dict({"x": x.tolist(), "y": y.tolist(), "i": [*range(40)]})
    (tmp_path / "new.csv").write_text("index,new_label\n" + "".join(f"{i},0\n" for i in range(40)))
    columns = {"features": "x", "labels": "y", "progress": False}
    train = CGScoredDataset(table, **columns, relabel=tmp_path / "new.csv")
    sampler = PrunedSampler(train, keep=0.5, policy="low-first")
    kept = sampler.subset(table)
    assert isinstance(kept, datasets.Dataset)
    assert kept["i"][:] == sampler.selection.tolist()
    assert 1 in kept["y"][:]
    kept = sampler.subset(train)
    assert isinstance(kept, Subset)
    assert [item["i"] for item in kept] == sampler.selection.tolist()
    assert [item["y"] for item in kept] == [0] * len(kept)


@pytest.mark.parametrize("n", [0, 9, 11])
def test_a_dataset_of_another_size(n):
    with pytest.raises(ValueError, match=f"must have the 10 examples .* Got {n}"):
        PrunedSampler(SCORES, keep=0.5, policy="low-first").subset(range(n))


def test_a_selection_of_its_own_needs_what_it_selects():
    sampler = SelectionSampler(torch.tensor([3, 1]))
    assert list(sampler.subset(range(100))) == [1, 3]
    with pytest.raises(ValueError, match=r"the 4 examples at least .* Got 3"):
        sampler.subset(range(3))


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(10))


@pytest.mark.parametrize("dataset", [Stream(), iter([1]), None])
def test_no_dataset_to_take_a_part_of(dataset):
    with pytest.raises(TypeError, match="must be map-style"):
        PrunedSampler(SCORES, keep=0.5, policy="low-first").subset(dataset)


@pytest.mark.filterwarnings("ignore:low-first")
def test_samplers_in_words(tmp_path):
    (tmp_path / "kept.txt").write_text("1\n2\n")
    schedule = LinearSchedule(0.3, 1.0, epochs=3)
    ranks = {"num_replicas": 4, "rank": 1}
    train = CGScoredDataset(images(), progress=False)
    said = {
        "PrunedSampler(low-first, keep=0.5, 5 of 10 examples, seed=0, epoch=0)": PrunedSampler(
            SCORES, keep=0.5, policy="low-first"
        ),
        "PrunedSampler(soft, keep=LinearSchedule(first=0.3, last=1.0, epochs=3), "
        "3 of 10 examples, num_samples=7, shuffle=False, seed=2, epoch=0)": PrunedSampler(
            SCORES, schedule, "soft", num_samples=7, shuffle=False, seed=2
        ),
        "PrunedSampler(random, keep=function, 5 of 10 examples, seed=0, epoch=0)": PrunedSampler(
            SCORES, lambda _: 0.5, "random"
        ),
        f"PrunedSampler(keep='{tmp_path}/kept.txt', 2 of 10 examples, seed=0, epoch=0)": (
            PrunedSampler(SCORES, tmp_path / "kept.txt")
        ),
        "PrunedSampler(noise-filter, rule='margin', fraction=0.1, 36 of 40 examples, seed=0, "
        "epoch=0)": PrunedSampler(train, policy="noise-filter", rule="margin", fraction=0.1),
        "WindowSampler(window, start=0.2, width=0.5, 5 of 10 examples, seed=0, epoch=0)": (
            WindowSampler(SCORES, 0.2, 0.5)
        ),
        "DistributedPrunedSampler(low-first, keep=0.5, 5 of 10 examples, seed=0, epoch=0, "
        "rank 1 of 4)": DistributedPrunedSampler(SCORES, 0.5, "low-first", **ranks),
        "SelectionSampler(2 examples, seed=0, epoch=0)": SelectionSampler(torch.tensor([3, 1])),
    }
    assert {repr(sampler): sampler for sampler in said.values()} == said
    sampler = PrunedSampler(SCORES, keep=schedule, policy="low-first")
    sampler.set_epoch(2)
    assert "10 of 10 examples, seed=0, epoch=2" in repr(sampler)
    assert repr(pickle.loads(pickle.dumps(sampler))) == repr(sampler)
