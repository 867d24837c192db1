import enum

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from scipy import sparse
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset
from torchvision.datasets import FakeData

from torch_cgprune.errors import ArgumentValueError
from torch_cgprune.inputs.labels import encode_labels, find_labels, printed_alike

KINDS = datasets.Features(y=datasets.ClassLabel(names=["ant", "bee"]))


class Colour(enum.IntEnum):
    RED = 4
    BLUE = 2


@pytest.mark.parametrize(
    ("labels", "classes", "codes"),
    [
        ([3, 1, 3], (1, 3), [1, 0, 1]),
        ([-1, 5, -1], (-1, 5), [0, 1, 0]),
        (["b", "a", "ä"], ("a", "b", "ä"), [1, 0, 2]),
        (np.array(["b", "a"], dtype=object), ("a", "b"), [1, 0]),
        (np.array([2, 1], dtype=np.uint8), (1, 2), [1, 0]),
        (torch.tensor([9, 8]), (8, 9), [1, 0]),
        ([True, False], (0, 1), [1, 0]),
        ([np.int64(3), 2], (2, 3), [1, 0]),
        ([Colour.RED, Colour.BLUE], (2, 4), [1, 0]),
        (range(3), (0, 1, 2), [0, 1, 2]),
    ],
)
def test_codes_and_sorted_classes(labels, classes, codes):
    got, names = encode_labels(labels)
    assert names == classes
    assert [type(name) for name in names] == [type(name) for name in classes]
    assert got.dtype == torch.int64
    assert got.tolist() == codes


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int64, np.uint64])
@pytest.mark.parametrize("values", [[100, 3, 3, 7], [0, 1, 2, 2], [5] * 9, [*range(120, 0, -1)]])
def test_dense_and_sparse_integers_as_numpy_has_them(values, dtype):
    array = np.array(values, dtype)
    signed = np.concatenate([array, -array])  # unsigned: from the other end of the range
    for labels in (array, signed, np.repeat(array, 100), np.repeat(signed, 100)):
        names, codes = np.unique(labels, return_inverse=True)
        got, classes = encode_labels(labels)
        assert classes == tuple(names.tolist())
        assert got.tolist() == codes.tolist()


@pytest.mark.parametrize(
    ("labels", "error", "match"),
    [
        ([1, "a"], TypeError, r"all integers or all strings. Got int and str"),
        ([0.5, 1.0], TypeError, r"Got float"),
        (torch.tensor([0.0, 1.0]), TypeError, r"Got torch.float32"),
        ([], ValueError, r"empty"),
        (torch.eye(3).long(), ValueError, r"one-hot rows instead; pass labels.argmax\(1\)"),
        (np.eye(3) * 0.5, ValueError, r"multi-hot.*labels\[:, c\]"),
        (torch.ones(3, 3).long(), ValueError, r"\(3, 3\) instead; of several classes"),
        ([*torch.eye(3)], TypeError, r"Got Tensor.*one-hot.*numpy.argmax\(row\)"),
        ([[0, 1], [1, 0]], TypeError, r"Got list.*one-hot.*numpy.argmax\(row\)"),
        ([*torch.ones(3, 3)], TypeError, r"an example has several: name the field"),
        ([[1, 7], [7, 2]], TypeError, r"an example has several: name the field"),
        ([[0, 1], [1]], TypeError, r"an example has several: name the field"),
        ([b"ant", b"bee"], TypeError, r"Got bytes instead; pass .*label.decode\(\)"),
        (np.array([b"ant", b"bee"]), TypeError, r"Got \|S3 instead; pass .*label.decode\(\)"),
        (torch.tensor([0, 1]).bfloat16(), TypeError, r"torch.bfloat16 .*whole: pass labels.long"),
        (np.array([0.0, 1.0]), TypeError, r"whole: pass labels.astype\(int\)"),
        ([0.0, 1.0], TypeError, r"whole: pass labels=\[int\(label\)"),
        (torch.tensor([0.5, 1]).half(), TypeError, r"targets of a regression.*numpy.digitize"),
        ([2**64, 1], TypeError, r"exceed 64 bits: pass labels=\[str\(label\)"),
        ([-1, 2**63], TypeError, r"exceed 64 bits"),
        ([[1], [0]], TypeError, r"rows of one: pass labels=\[label for \(label,\) in labels\]"),
        (torch.tensor(3), ValueError, r"shape \(\) instead"),
        (np.array(3), ValueError, r"shape \(\) instead"),
        ("ab", TypeError, r"a list, an array or a tensor.* Got str; pass one for each"),
        (3, TypeError, r"Got int; pass one for each"),
        (None, TypeError, r"Got NoneType; pass one for each"),
        ((label for label in "ab"), TypeError, r"Got generator; pass list\(labels\)"),
        ({0, 1}, TypeError, r"Got set; a set has no order"),
        (sparse.csr_matrix([[0], [1]]), TypeError, r"pass labels.toarray\(\).ravel\(\)"),
        (torch.tensor([0, 1]).to_sparse(), TypeError, r"pass labels.to_dense\(\)"),
        ([{"boxes": []}], TypeError, r"targets of a detection"),
        (
            pd.DataFrame({"id": [5, 6], "kind": [0, 1]}),
            TypeError,
            r"DataFrame of 2 columns; pass .*frame\['kind'\]",
        ),
    ],
)
def test_labels_that_are_none(labels, error, match):
    with pytest.raises(error, match=match):
        encode_labels(labels)


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1, None, None],
        ["a", "b", None, float("nan")],
        ["a", "b", "", " \t"],
        np.array(["a", "b", "", ""]),
        pa.array(["a", "b", None, ""]),
        [0, 1, np.ma.masked, 2, np.ma.masked],
        np.ma.array([0, 1, 2, 3], mask=[False, False, True, True]),
        np.array([0, 1, np.nan, np.nan]),
        torch.tensor([0, 1, torch.nan, torch.nan]),
        pd.Series(["a", "b", None, None]),
        pd.Series([0, 1, None, None], dtype="Int64"),
        pd.Series(["a", "b", None, None], dtype="category"),
        datasets.Dataset.from_dict({"y": [0, 1, -1, None]}, features=KINDS)["y"],
    ],
)
def test_labels_that_are_missing_are_counted(labels):
    with pytest.raises(ArgumentValueError, match=r"2 of the \d 'labels' are missing") as caught:
        encode_labels(labels)
    assert caught.value.row == 2


def test_fractions_are_a_regression_also_where_some_are_missing():
    with pytest.raises(TypeError, match="regression"):
        encode_labels([0.5, None])


def test_labels_of_other_libraries():
    for labels in (
        np.ma.array([3, 1], mask=False),
        pd.Series([3, 1]),
        pd.Series([3, 1], dtype="Int64", index=[7, 7]),
        datasets.Dataset.from_dict({"y": [3, 1]})["y"],
        datasets.Dataset.from_dict({"y": [3, 1]}).with_format("torch")["y"],
        datasets.Dataset.from_dict({"y": [3, 1]}).with_format("arrow")["y"],
        pa.array([3, 1]),
        [2**63 - 1, 1],
    ):
        assert encode_labels(labels)[0].tolist() == [1, 0]
    assert encode_labels([2**64 - 1, 1])[1] == (1, 2**64 - 1)


def test_classes_that_print_alike():
    assert printed_alike(["cat", "cat ", "dog"]) == ("cat", "cat ")
    assert printed_alike(["caf\u00e9", "cafe\u0301"]) is not None
    assert printed_alike(["cat", "Cat", "", "black cat"]) is None
    assert printed_alike(range(3)) is None


class Plain(Dataset):
    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        raise AssertionError("an item was read")


@pytest.mark.parametrize("labels", [[2, 0, 1], torch.tensor([2, 0, 1]), np.array([2, 0, 1])])
@pytest.mark.parametrize("name", ["targets", "labels"])
def test_labels_in_an_attribute(name, labels):
    assert find_labels(Plain(**{name: labels})) == [2, 0, 1]


def test_labels_through_subset_concat_and_both():
    one, two = Plain(targets=[5, 6, 7]), Plain(labels=["a", "b", "c"])
    assert find_labels(Subset(one, [2, 0])) == [7, 5]
    assert find_labels(ConcatDataset([one, two])) == [5, 6, 7, "a", "b", "c"]
    assert find_labels(Subset(ConcatDataset([one, Subset(two, [1])]), [3, 0])) == ["b", 5]
    assert find_labels(ConcatDataset([one, Plain()])) is None
    assert find_labels(Subset(Plain(), [0])) is None


def test_labels_of_a_tensor_dataset():
    assert find_labels(TensorDataset(torch.zeros(2, 1), torch.tensor([3, 4]))) == [3, 4]
    assert find_labels(TensorDataset(torch.zeros(2, 1))) is None
    assert find_labels(TensorDataset(torch.zeros(2, 1), torch.zeros(2))) is None


def test_a_target_transform_is_applied():
    assert find_labels(Plain(targets=[1, 2, 3], target_transform=lambda y: y * 10)) == [10, 20, 30]
    assert find_labels(Plain(targets=[1, 2, 3], target_transform=None)) == [1, 2, 3]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"targets": [1, 2]},
        {"targets": torch.eye(3)},
        {"targets": [{}, {}, {}]},
        {"labels": "abc"},
    ],
)
def test_attributes_that_are_no_labels_are_passed_over(attributes):
    assert find_labels(Plain(**attributes)) is None


def test_a_dataset_without_labels_as_attributes():
    assert find_labels(FakeData(size=3)) is None


def test_a_subclass_that_changes_its_items_is_not_seen_through():
    class Relabelled(Subset):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x, 1 - y

        def __getitems__(self, indices):
            return [self[i] for i in indices]

    inner = TensorDataset(torch.zeros(2, 1), torch.tensor([0, 1]))
    assert find_labels(Relabelled(inner, [0, 1])) is None


def test_labels_as_columns_and_0d_tensors():
    assert encode_labels([torch.tensor(3), torch.tensor(1)])[1] == (1, 3)
    assert encode_labels([np.array([3]), np.array([1])])[1] == (1, 3)
    with pytest.raises(ValueError, match=r"shape \(2, 1\) instead; pass labels.squeeze\(1\)"):
        encode_labels(np.array([[3], [1]]))
