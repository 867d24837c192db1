"""What people have as features: tables of other libraries, lists, pairs, loaders."""

from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from torch.utils.data import DataLoader, TensorDataset

from torch_cgprune import CGScoredDataset, cg_scores
from torch_cgprune.errors import ArgumentTypeError, ArgumentValueError
from torch_cgprune.inputs.rows import as_matrix

X = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
Y = [i % 2 for i in range(40)]
FRAME = pd.DataFrame(X, columns=[*"abcde"])
TABLE = datasets.Dataset.from_dict({"emb": X.tolist(), "kind": Y, "text": ["a"] * 40})


TABLES = {
    "frame": FRAME,
    "frame of mixed numbers": FRAME.astype({"a": "float64", "b": "Float32"}),
    "polars": pl.DataFrame(X, schema=[*"abcde"]),
    "series of rows": pd.Series([*X]),
    "lists": X.tolist(),
    "tuples": tuple(map(tuple, X.tolist())),
    "column": TABLE["emb"],
    "formatted column": TABLE.with_format("torch")["emb"],
    "mask that hides nothing": np.ma.array(X, mask=False),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_taken_as_they_are(name):
    table, items = TABLES[name], [*zip(X, Y, strict=True)]
    np.testing.assert_array_equal(as_matrix(table).float().numpy(), X)
    expected = cg_scores(X, Y, progress=False).values  # noqa: PD011
    wrapped = CGScoredDataset(items, features=table, progress=False)
    for got in (cg_scores(table, Y, progress=False), wrapped.scores):
        torch.testing.assert_close(got.values, expected, rtol=1e-4, atol=1e-4)


def test_lists_of_tensors_and_of_arrays():
    for rows in ([*X], [*torch.from_numpy(X)], X.reshape(40, 5, 1).tolist()):
        np.testing.assert_array_equal(as_matrix(rows).float().numpy(), X)


def test_mixed_numbers_of_a_frame():
    mixed = pd.DataFrame({"a": [0.5, 1.5], "b": [True, False]})
    assert as_matrix(mixed).tolist() == [[0.5, 1.0], [1.5, 0.0]]


def test_gaps_of_a_frame_are_rows_that_cannot_be_scored():
    gaps = pd.DataFrame(X).astype("Float64")
    gaps.iloc[[3, 7], 0] = pd.NA
    with pytest.raises(ArgumentValueError, match=r"2 rows .* infinity: 3, 7") as caught:
        cg_scores(gaps, Y, progress=False)
    assert caught.value.rows == (3, 7)


def test_numbers_of_more_than_64_bits_are_taken():
    np.testing.assert_array_equal(as_matrix(X.astype(np.longdouble)).numpy(), X)


LOADER = DataLoader(TensorDataset(torch.from_numpy(X), torch.tensor(Y)))


@pytest.mark.parametrize(
    ("features", "error", "match"),
    [
        (sparse.csr_array(X), ArgumentTypeError, r"sparse csr_array; pass features.toarray\(\)"),
        (torch.from_numpy(X).to_sparse(), ArgumentTypeError, r"pass features.to_dense\(\)"),
        (FRAME.assign(city="Rome"), ArgumentTypeError, r"in the columns \['city'\]; encode"),
        (pd.Series(["a", "b"]), TypeError, "must be real numbers"),
        ([[1.0, 2.0], [3.0]], ArgumentValueError, r"one length. .*\(2,\), and \(1,\) for row 1"),
        ((X, np.array(Y)), ArgumentTypeError, r"as cg_scores\(X, y\)"),
        ((X.tolist(), Y), ArgumentTypeError, r"as cg_scores\(X, y\)"),
        ([X, np.array(Y)], ArgumentTypeError, r"as cg_scores\(X, y\)"),
        ("x.npy", ArgumentTypeError, r"Got str instead; read the file first, as by numpy.load"),
        (Path("x.npy"), ArgumentTypeError, r"read the file first, as by numpy.load"),
        ([[1.0, None]] * 40, ArgumentTypeError, r"rows a list of numbers, none of them missing"),
        ([["a", 2.0]] * 40, ArgumentTypeError, r"rows a list of numbers, none of them missing"),
        (LOADER, ArgumentTypeError, r"CGScoredDataset\(loader.dataset\)"),
        (LOADER.dataset, ArgumentTypeError, r"for a dataset use CGScoredDataset"),
        (TABLE["text"], ArgumentTypeError, r"CGScoredDataset\(dataset, features='text'"),
        ([(torch.ones(3), 1)], ArgumentTypeError, r"for a dataset use CGScoredDataset"),
        (np.ma.masked_equal(X, X[3, 1]), ArgumentValueError, "1 of the 40 rows .* first row 3"),
    ],
)
def test_what_is_no_table_gets_one_cure(features, error, match):
    with pytest.raises(error, match=match) as caught:
        cg_scores(features, Y, progress=False)
    if isinstance(caught.value, ArgumentTypeError | ArgumentValueError):
        assert caught.value.parameter == "features"


@pytest.mark.parametrize(
    ("dataset", "match"),
    [
        (LOADER, r"Got DataLoader; pass its dataset, as loader.dataset"),
        ((X, np.array(Y)), r"Got tuple; of rows X and labels y pass list\(zip\(X, y\)\)"),
        ((X.tolist(), Y), r"Got tuple; of rows X and labels y pass list\(zip\(X, y\)\)"),
        ("images", r"Got str; open what it names first, as by torchvision.datasets.ImageFolder"),
        (Path("images"), r"open what it names first"),
        ((torch.from_numpy(X), Y), r"Got tuple; of rows X and labels y pass list"),
        (sparse.csr_array(X), r"pass list\(zip\(X.toarray\(\), y\)\)"),
    ],
)
def test_what_is_no_dataset_gets_one_cure(dataset, match):
    with pytest.raises(ArgumentTypeError, match=match):
        CGScoredDataset(dataset, progress=False)


def test_the_cure_for_pairs_and_frames_works():
    expected = cg_scores(X, Y, progress=False)
    for x, y in ((X, Y), (X.tolist(), Y), (FRAME[[*"abcde"]].to_numpy(), FRAME.index % 2)):
        got = CGScoredDataset([*zip(x, y, strict=True)], progress=False).scores
        assert torch.equal(got.terms, expected.terms)


def test_a_sparse_matrix_is_refused_as_features_of_a_dataset_too():
    with pytest.raises(ArgumentTypeError, match="sparse"):
        CGScoredDataset([*zip(X, Y, strict=True)], features=sparse.csr_array(X), progress=False)
