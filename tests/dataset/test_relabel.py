from typing import NamedTuple

import numpy as np
import pytest
import torch
from datasets import Dataset as Table
from noisy_data import blobs, noisy_digits
from torch.utils.data import DataLoader, TensorDataset

from torch_cgprune import CGScoredDataset, NoiseRate, PrunedSampler

# Most labels of the smallest class may look wrong.
pytestmark = pytest.mark.filterwarnings("ignore:relabel=True changes the labels")


class Pair(NamedTuple):
    image: object
    label: int


@pytest.fixture
def noisy():
    x, names, true = blobs(noise=0.2)
    codes = torch.tensor([("ant", "bee", "cat").index(name) for name in names])
    return x, codes, true


def relabels(scores, codes):
    """What the items are to carry: the suggestion where the given label is rather wrong."""
    return torch.where(scores.wrong_probability > 0.5, scores.suggested_labels, codes)


def wrap(dataset, **options):
    return CGScoredDataset(dataset, ridge=0.1, relabel=True, progress=False, **options)


def test_flagged_items_come_with_the_suggested_label_and_no_other(noisy):
    x, codes, true = noisy
    data = TensorDataset(x, codes.clone())
    train = wrap(data)
    scores = train.scores
    expected = torch.where(scores.wrong_probability > 0.5, scores.suggested_labels, codes)
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
    expected = relabels(train.scores, codes)
    sampler = PrunedSampler(train, keep=0.5, shuffle=False, policy="low-first")
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
    changed = (relabels(train.scores, codes) != codes).nonzero()
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
    expected = relabels(train.scores, codes)
    batches = DataLoader(train, batch_size=50)
    assert torch.equal(torch.cat([batch["kind"] for batch in batches]), expected)
    assert train[3]["id"] == 3
    assert table["kind"][:] == codes.tolist()


def test_what_cannot_be_relabelled(noisy):
    x, codes, _ = noisy
    with pytest.raises(ValueError, match="'stochastic' does not have"):
        wrap(TensorDataset(x, codes), method="stochastic")
    with pytest.raises(TypeError, match=r"needs items \(image, label, ...\).*Got Tensor"):
        wrap([*x], labels=codes)


def test_the_field_that_the_label_is_read_from(noisy):
    x, codes, _ = noisy
    ids, mask = torch.arange(120), torch.ones(120, 3)
    train = wrap(TensorDataset(ids, mask, codes), features=x, labels=2)
    expected = relabels(train.scores, codes)
    assert (expected != codes).sum() > 10
    for i in range(120):
        assert torch.equal(train[i][1], mask[i])
        assert train[i][2] == expected[i]
    with pytest.raises(TypeError, match="an example has several: name the field"):
        wrap(TensorDataset(ids, mask, codes), features=x)
    with pytest.raises(ValueError, match="no field 3: 'labels' must be one of 1 to 2"):
        wrap(TensorDataset(ids, mask, codes), features=x, labels=3)


def test_corrections_by_hand_reach_the_items(noisy):
    x, codes, _ = noisy
    corrected = codes.clone()
    corrected[:7] = (corrected[:7] + 1) % 3
    train = wrap(TensorDataset(x, codes), labels=corrected)
    expected = relabels(train.scores, corrected)
    assert torch.equal(torch.stack([train[i][1] for i in range(120)]), expected)


@pytest.mark.parametrize("labels", [lambda y: y + 1, lambda y: [f"c{c}" for c in y.tolist()]])
def test_labels_of_another_coding_are_refused_before_anything_is_scored(noisy, labels, monkeypatch):
    x, codes, _ = noisy
    monkeypatch.setattr("torch_cgprune.dataset.obtain.cg_scores", None)
    with pytest.raises(ValueError, match=r"item \d+ has \d, its label by 'labels' is"):
        wrap(TensorDataset(x, codes), labels=labels(codes))


def test_a_relabelled_dataset_scored_again_has_its_new_labels(noisy):
    x, codes, _ = noisy
    train = wrap(TensorDataset(x, codes))
    again = CGScoredDataset(train, ridge=0.1, progress=False)
    assert torch.equal(again.scores.labels, relabels(train.scores, codes))
    listed = [(image, int(code)) for image, code in zip(x, codes, strict=True)]

    class WithTargets(list):
        targets = codes.tolist()

    train = wrap(WithTargets(listed))
    assert train.targets == relabels(train.scores, codes).tolist()
    again = CGScoredDataset(train, ridge=0.1, progress=False)
    assert again.scores.labels.tolist() == train.targets


@pytest.mark.parametrize("estimated", [0.01, 0.3])
def test_more_changes_than_wrong_labels_are_worth_a_warning(monkeypatch, recwarn, estimated):
    x, labels, _ = noisy_digits(0.3)
    rate = NoiseRate(estimated, 0.01, torch.full((10,), estimated).double(), torch.eye(10))
    monkeypatch.setattr("torch_cgprune.dataset.relabel.estimate_noise_rate", lambda _: rate)
    data = TensorDataset(torch.tensor(x), torch.tensor(labels))
    train = wrap(data)
    if estimated == 0.3:
        assert not recwarn
        return
    (warning,) = recwarn
    assert warning.filename == __file__
    assert str(warning.message).startswith(
        f"relabel=True changes the labels of {train.relabelled.double().mean():.1%} of all "
        "examples (estimated wrong: 1.0% ± 1.0%), "
    )
    assert str(warning.message).endswith(
        "Look at noise_report(scores) and the report's page, and relabel by a list of those that "
        "are wrong: relabel='relabel.csv'."
    )


def test_clean_labels_are_changed_without_a_word(recwarn):
    x, labels, _ = noisy_digits(0)
    train = wrap(TensorDataset(torch.tensor(x), torch.tensor(labels)))
    assert train.relabelled.sum() < 20
    assert not recwarn
