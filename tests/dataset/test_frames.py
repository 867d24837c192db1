"""A data frame as the dataset: its columns, its items, and what it cannot be."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from torch.utils.data import DataLoader

from torch_cgprune import CGScoredDataset, Encoder, PrunedSampler, cg_scores
from torch_cgprune.errors import ArgumentTypeError, ArgumentValueError, DetailedWarning

X = np.random.default_rng(0).normal(size=(30, 3))
Y = ["yes", "no"] * 15


def frame(library, **more):
    columns = {"a": X[:, 0], "kind": Y, "b": X[:, 1], "c": X[:, 2], **more}
    if library is pd:
        return pd.DataFrame(columns, index=np.random.default_rng(1).permutation(30))
    return pl.DataFrame(columns)


@pytest.mark.parametrize("library", [pd, pl])
def test_the_other_columns_are_the_features_and_items_have_both(library, tmp_path):
    table, cache = frame(library), tmp_path / "s.safetensors"
    train = CGScoredDataset(table, labels="kind", cache=cache, progress=False)
    assert torch.equal(train.scores.terms, cg_scores(X, Y, progress=False).terms)
    row, label = train[7]
    assert row.tolist() == X[7].tolist()
    assert label == Y[7]
    assert len(train) == 30
    loader = DataLoader(train, batch_size=4, sampler=PrunedSampler(train, 0.6, "random"))
    assert sum(len(rows) for rows, _ in loader) == 18
    assert not CGScoredDataset(table, labels="kind", cache=cache, progress=False).computed
    numbered = pd.DataFrame(X).assign(**{"3": Y}).rename(columns={"3": 3})
    by_number = CGScoredDataset(numbered, labels=3, progress=False)
    assert torch.equal(by_number.scores.terms, train.scores.terms)
    by_list = CGScoredDataset(table[["a", "b", "c"]], labels=Y, progress=False)
    assert torch.equal(by_list.scores.terms, train.scores.terms)


@pytest.mark.parametrize("library", [pd, pl])
def test_one_column_is_the_features_where_it_is_named(library):
    table = frame(library, emb=[*X[:, ::-1].tolist()])
    train = CGScoredDataset(table, features="emb", labels="kind", progress=False)
    assert torch.equal(train.scores.terms, cg_scores(X[:, ::-1], Y, progress=False).terms)


def test_labels_are_changed_in_the_items(tmp_path):
    ticked = tmp_path / "r.csv"
    ticked.write_text("index,new_label\n0,no\n")
    train = CGScoredDataset(frame(pd), labels="kind", relabel=ticked, progress=False)
    assert [train[i][1] for i in range(3)] == ["no", "no", "yes"]


@pytest.mark.parametrize("library", [pd, pl])
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, r"'labels' of a data frame must be one of its columns \['a', .*\].* Got None"),
        ({"labels": "sort"}, r"'labels' .* Got 'sort' instead; pass labels='c', say"),
        ({"labels": 1}, r"'labels' .* Got 1 instead"),
        ({"labels": "kind", "features": "d"}, r"'features' .* Got 'd' instead"),
    ],
)
def test_columns_that_there_are_not(library, options, match):
    with pytest.raises(ArgumentValueError, match=match):
        CGScoredDataset(frame(library), progress=False, **options)


def test_columns_of_texts_and_labels_of_another_order_are_refused():
    with pytest.raises(ArgumentTypeError, match=r"others in the columns \['kind'\]"):
        CGScoredDataset(frame(pd), labels=Y, progress=False)
    with pytest.raises(ArgumentValueError, match=r"'dataset' and the 'labels' have different"):
        CGScoredDataset(frame(pd), labels=pd.Series(Y), progress=False)


def test_a_column_that_numbers_the_rows_is_told():
    with pytest.warns(DetailedWarning, match=r"\['row'\] number the rows, .* drop them"):
        CGScoredDataset(frame(pl, row=range(30)), labels="kind", progress=False)


@pytest.mark.parametrize("library", [pd, pl])
def test_a_column_of_texts_goes_to_an_encoder(library):
    def counts(text):
        return torch.tensor([float(text.count(letter)) for letter in "ab"])

    texts = ["ab" * (i % 5) + "aab"[i % 3 :] for i in range(30)]
    encoder = Encoder(torch.nn.Identity(), column="text", transform=counts)
    options = {"features": encoder, "labels": "kind", "progress": False}
    train = CGScoredDataset(frame(library, text=texts), **options)
    expected = cg_scores(torch.stack([*map(counts, texts)]), Y, progress=False)
    assert torch.equal(train.scores.terms, expected.terms)
    assert [train[i] for i in range(30)] == [*zip(texts, Y, strict=True)]
    with pytest.raises(ArgumentValueError, match=r"'features' .* Got 'text' instead"):
        CGScoredDataset(frame(library), **options)


@pytest.mark.parametrize("library", [pd, pl])
def test_the_part_that_is_kept_is_a_frame(library):
    table = frame(library)
    train = CGScoredDataset(table, labels="kind", progress=False)
    sampler = PrunedSampler(train, keep=0.6, policy="random")
    kept = sampler.subset(table)
    assert type(kept) is type(table)
    assert kept["a"].to_list() == X[sampler.selection, 0].tolist()
    assert [row.tolist() for row, _ in sampler.subset(train)] == X[sampler.selection].tolist()
