"""The table of scores: columns as defined, and missing where the method has nothing to say."""

import dataclasses
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from torch_cgprune import cg_scores
from torch_cgprune.scores.table import COLUMNS, columns

NAMES = ["index", "path", "label", "score", "wrong_probability"]
NAMES += ["suggested_label", "suggested_probability", "copy_group"]


def scored(n=40, k=3, method="exact", **fields):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % k
    x = rng.normal(size=(n, 4)) + 3 * np.eye(4)[labels % 4]
    x[7], x[9], x[5] = x[2], x[2], x[0]  # two groups of copies
    labels[1] = (labels[1] + 1) % k  # a wrong one
    names = np.array(["ant", "bee", "cat"])[labels]
    found = cg_scores(x, names.tolist(), method=method, progress=False)
    return dataclasses.replace(found, **fields)


@pytest.mark.parametrize("method", ["exact", "local"])
def test_every_column_is_what_it_is_called(method):
    known = scored(method=method, names=tuple(f"{i}.png" for i in range(40)))
    got = columns(known)
    assert [*got] == [*COLUMNS] == NAMES
    probs, suggested = known.pred_probs(), known.suggested_labels.tolist()
    assert known.suspects.any()
    for i in range(40):
        row = {name: values[i] for name, values in got.items()}
        assert row == {
            "index": i,
            "path": f"{i}.png",
            "label": known.classes[known.labels[i]],
            "score": float(known.values[i]),  # noqa: PD011
            "wrong_probability": float(known.wrong_probability[i]),
            "suggested_label": known.classes[suggested[i]],
            "suggested_probability": float(probs[i, suggested[i]]),
            "copy_group": {0: 0, 5: 0, 2: 1, 7: 1, 9: 1}.get(i),
        }
        assert known.suspects[i] or row["suggested_label"] == row["label"]


def test_some_examples_are_rows_of_the_whole_in_their_order():
    known = scored()
    whole, some = columns(known), columns(known, torch.tensor([9, 0, 31]))
    assert some == {name: [values[i] for i in (9, 0, 31)] for name, values in whole.items()}
    assert columns(known, torch.tensor([], dtype=torch.int64)) == {name: [] for name in NAMES}


def test_what_stochastic_scores_do_not_have_is_missing():
    got = columns(scored(method="stochastic"))
    missing = {name for name, values in got.items() if values == [None] * 40}
    assert missing == {"path", "wrong_probability", "suggested_label", "suggested_probability"}
    frame = scored(method="stochastic").to_pandas()
    assert {name for name in frame if frame[name].isna().all()} == missing


def test_where_not_all_predictions_are_kept_the_probabilities_are_missing():
    known = scored(loo=None)
    assert known.judgement is None
    got = columns(known)
    assert got["wrong_probability"] == got["suggested_probability"] == [None] * 40
    assert got["suggested_label"] == [known.classes[c] for c in known.suggested_labels.tolist()]


def test_one_class_alone_is_certain():
    got = columns(scored(k=1))
    assert got["suggested_label"] == got["label"] == ["ant"] * 40
    assert got["wrong_probability"] == [0.0] * 40


@pytest.mark.parametrize("method", ["exact", "stochastic"])
def test_the_frame_has_these_columns_in_types_that_hold_missing_values(method):
    known = scored(method=method)
    frame = known.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == NAMES
    assert [str(dtype) for dtype in frame.dtypes] == [*COLUMNS.values()]
    for name, values in columns(known).items():
        got = [None if value is pd.NA else value for value in frame[name]]
        assert got == values
        assert not any(isinstance(v, float) and v != v for v in frame[name])  # noqa: PLR0124


def test_names_that_are_no_utf8_and_classes_by_number():
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    known = scored(names=(name, *(str(i) for i in range(39))))
    assert known.to_pandas()["path"][0] == name
    labels = [3, 10, 3, 10, 10, 3]
    numbered = cg_scores(torch.eye(6), labels, progress=False)
    assert columns(numbered)["label"] == [str(label) for label in labels]


def test_without_pandas_there_is_a_cure(monkeypatch):
    known = scored()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'torch-cgprune\[tables\]'"):
        known.to_pandas()
