from typing import NamedTuple

import numpy as np
import pytest
import torch
from datasets import Dataset as Table
from noisy_data import blobs
from torch.utils.data import DataLoader, TensorDataset

from torch_cgprune import CGScoredDataset, PrunedSampler


class Pair(NamedTuple):
    image: object
    label: int


@pytest.fixture
def noisy():
    x, names, true = blobs(noise=0.2)
    codes = torch.tensor([("ant", "bee", "cat").index(name) for name in names])
    return x, codes, true


def wrap(dataset, **options):
    return CGScoredDataset(dataset, ridge=0.1, relabel=True, progress=False, **options)


def test_flagged_items_come_with_the_suggested_label_and_no_other(noisy):
    x, codes, true = noisy
    data = TensorDataset(x, codes.clone())
    train = wrap(data)
    scores = train.scores
    expected = torch.where(scores.suspects, scores.suggested_labels, codes)
    assert (expected != codes).sum() > 10
    got = torch.stack([train[i][1] for i in range(len(train))])
    assert torch.equal(got, expected)
    assert all(torch.equal(train[i][0], x[i]) for i in range(5))
    assert (got == true).sum() > (codes == true).sum()
    assert torch.equal(data.tensors[1], codes)  # the wrapped dataset keeps its own
    assert torch.equal(data[:][1], codes)


def test_off_by_default(noisy):
    x, codes, _ = noisy
    train = CGScoredDataset(TensorDataset(x, codes), ridge=0.1, progress=False)
    assert torch.equal(torch.stack([train[i][1] for i in range(len(train))]), codes)


@pytest.mark.parametrize("workers", [0, 2])
def test_through_a_loader_with_a_sampler(noisy, workers):
    x, codes, _ = noisy
    train = wrap(TensorDataset(x, codes))
    expected = torch.where(train.scores.suspects, train.scores.suggested_labels, codes)
    sampler = PrunedSampler(train, keep=0.5, shuffle=False)
    loader = DataLoader(train, batch_size=16, sampler=sampler, num_workers=workers)
    assert torch.equal(torch.cat([y for _, y in loader]), expected[sampler.selection])


@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: (x, int(y)),
        lambda x, y: [x, int(y)],
        lambda x, y: (x, ("ant", "bee", "cat")[y]),
        lambda x, y: (x, np.int32(y)),
        lambda x, y: (x, np.array([y], dtype=np.int16)),
        lambda x, y: (x, torch.tensor([y], dtype=torch.int32)),
        lambda x, y: (x, torch.tensor(y), "extra"),
        lambda x, y: Pair(x, int(y)),
    ],
    ids=["tuple", "list", "str", "int32", "array", "tensor", "three", "named"],
)
def test_a_label_keeps_its_type_and_an_item_its_form(noisy, make):
    x, codes, _ = noisy
    data = [make(image, int(code)) for image, code in zip(x, codes, strict=True)]
    train = wrap(data)
    changed = (train.scores.suspects & (train.scores.suggested_labels != codes)).nonzero()
    i = int(changed[0])
    old, new = data[i], train[i]
    assert type(new) is type(old)
    assert len(new) == len(old)
    assert type(new[1]) is type(old[1])
    assert getattr(new[1], "dtype", None) == getattr(old[1], "dtype", None)
    assert np.shape(new[1]) == np.shape(old[1])
    suggested = train.scores.classes[int(train.scores.suggested_labels[i])]
    assert (new[1].item() if hasattr(new[1], "item") else new[1]) == suggested
    assert new[2:] == old[2:]
    assert train[-len(data) + i][1] == new[1]


def test_a_table_changes_its_column(noisy):
    x, codes, _ = noisy
    table = Table.from_dict({"row": x.tolist(), "kind": codes.tolist(), "id": [*range(120)]})
    train = wrap(table, features="row", labels="kind")
    expected = torch.where(train.scores.suspects, train.scores.suggested_labels, codes)
    batches = DataLoader(train, batch_size=50)
    assert torch.equal(torch.cat([batch["kind"] for batch in batches]), expected)
    assert train[3]["id"] == 3
    assert table["kind"][:] == codes.tolist()


def test_what_cannot_be_relabelled(noisy):
    x, codes, _ = noisy
    with pytest.raises(ValueError, match="'stochastic' does not have"):
        wrap(TensorDataset(x, codes), method="stochastic")
    train = wrap([*x], labels=codes)
    i = int((train.scores.suspects & (train.scores.suggested_labels != codes)).nonzero()[0])
    with pytest.raises(TypeError, match=r"needs items \(image, label, ...\).*Got Tensor"):
        train[i]
