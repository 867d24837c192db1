"""Frames and series of pandas and polars: their numbers, their labels, their order."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest

from torch_cgprune import CGScoredDataset, PrunedSampler, cg_scores
from torch_cgprune.errors import ArgumentTypeError, ArgumentValueError
from torch_cgprune.inputs.frames import numbers_the_rows
from torch_cgprune.inputs.labels import encode_labels
from torch_cgprune.inputs.rows import as_matrix

NAN = float("nan")
DAYS = [dt.date(2020, 1, day) for day in (1, 2, 3)]
# Columns by library, and the numbers that they hold.
NUMBERS = {
    "floats": ([0.5, 1.5, 2.5], [0.5, 1.5, 2.5]),
    "integers": ([1, 2, 3], [1, 2, 3]),
    "bools": ([True, False, True], [1, 0, 1]),
    "missing floats": ([0.5, None, 2.5], [0.5, NAN, 2.5]),
    "missing integers": ([1, None, 3], [1, NAN, 3]),
    "missing bools": ([True, None, False], [1, NAN, 0]),
    "lists": ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[1, 2], [3, 4], [5, 6]]),
    "missing lists": ([[1.0, 2.0], None, [5.0, 6.0]], [[1, 2], [NAN, NAN], [5, 6]]),
}
OTHERS = {
    "texts": (["a", "b", None], {}),
    "dates": (DAYS, {"pandas": "datetime64[us]"}),
    "categories of numbers": ([1, 2, 1], {"pandas": "category"}),
    "categories": (["a", "b", "a"], {"pandas": "category", "polars": pl.Categorical}),
    "ragged lists": ([[1.0], [2.0, 3.0], [4.0]], {}),
}


def series(library, values, dtype=None):
    if library == "polars":
        return pl.Series("x", values, dtype=dtype)
    if dtype is None and library == "nullable":
        dtype = pd.Series(values).convert_dtypes().dtype
    return pd.Series(values, dtype=dtype, name="x")


def frame(library, **columns):
    return (pl if library == "polars" else pd).DataFrame(columns)


@pytest.mark.parametrize("library", ["pandas", "nullable", "polars"])
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_every_kind_are_read_beside_others(library, name):
    values, expected = NUMBERS[name]
    expected = np.array(expected, dtype=float).reshape(3, -1)
    column = series(library, values)
    got = as_matrix(frame(library, x=column, y=series(library, [7.0, 8.0, 9.0])))
    np.testing.assert_array_equal(got, np.column_stack([expected, [7, 8, 9]]))
    if expected.shape[1] > 1:
        np.testing.assert_array_equal(as_matrix(column), expected)


@pytest.mark.parametrize(
    ("library", "name"),  # polars has categories of texts alone
    [("pandas", name) for name in OTHERS]
    + [("polars", name) for name in OTHERS if "of" not in name],
)
def test_what_is_no_number_is_named(library, name):
    values, types = OTHERS[name]
    column = series(library, values, types.get(library))
    what = "one length" if "lists" in name else r"must be real numbers. Got others in the columns"
    with pytest.raises(ValueError if "lists" in name else ArgumentTypeError, match=what) as caught:
        as_matrix(frame(library, a=series(library, [1, 2, 3]), x=column))
    assert "lists" in name or "['x']" in str(caught.value)


def test_columns_of_one_name_are_both_read():
    doubled = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=["a", "a"])
    assert as_matrix(doubled).tolist() == [[1, 2], [3, 4]]


def test_a_frame_without_columns_says_so():
    for empty in (pd.DataFrame(index=[0, 1]), pl.DataFrame()):
        with pytest.raises(ValueError, match="at least one column"):
            as_matrix(empty)


def test_missing_values_are_told_by_row():
    x = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [0.1, 0.2, 0.3]})
    with pytest.raises(ArgumentValueError, match="Row 1 of the 'features' holds NaN"):
        cg_scores(x, [0, 1, 0], progress=False)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (pl.Series(["b", "a", "b"]), ("a", "b")),
        (pl.Series(["b", "a", "b"], dtype=pl.Categorical), ("a", "b")),
        (pl.Series(["b", "a", "b"], dtype=pl.Enum(["b", "a"])), ("a", "b")),
        (pl.Series([7, 3, 7], dtype=pl.UInt8), (3, 7)),
        (pl.Series([True, False, True]), (0, 1)),
        (pd.Series(["b", "a", "b"], dtype="category"), ("a", "b")),
        (pd.Series(["b", "a", "b"], dtype="string", index=[2, 0, 1]), ("a", "b")),
        (pd.Series([7, 3, 7], dtype="Int64"), (3, 7)),
        (pd.Series([True, False, True], dtype="boolean"), (0, 1)),
        (pd.DataFrame({"y": ["b", "a", "b"]}, index=[5, 5, 5]), ("a", "b")),
        (pl.DataFrame({"y": [7, 3, 7]}), (3, 7)),
    ],
)
def test_labels_go_by_position(labels, classes):
    codes, names = encode_labels(labels)
    assert codes.tolist() == [1, 0, 1]
    assert names == classes


@pytest.mark.parametrize(
    "labels",
    [
        pl.Series(["a", None, "b"]),
        pl.Series([1, None, 2]),
        pl.Series(["a", None, "b"], dtype=pl.Categorical),
        pd.Series([True, None, False], dtype="boolean"),
        pd.DataFrame({"y": ["a", None, "b"]}),
    ],
)
def test_missing_labels_are_counted(labels):
    with pytest.raises(ArgumentValueError, match="1 of the 3 'labels' are missing") as caught:
        encode_labels(labels)
    assert caught.value.row == 1


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_several_columns_are_no_labels(library):
    with pytest.raises(ArgumentTypeError, match=r"of 2 columns; .*frame\['y'\]"):
        encode_labels(frame(library, x=[1, 2], y=[0, 1]))


def test_a_lazy_frame_is_to_be_collected():
    lazy = pl.LazyFrame({"a": [1.0, 2.0]})
    for parameter, call in {
        "features": lambda: cg_scores(lazy, [0, 1]),
        "labels": lambda: cg_scores([[1.0], [2.0]], lazy),
        "dataset": lambda: CGScoredDataset(lazy, labels="a"),
    }.items():
        with pytest.raises(ArgumentTypeError, match=rf"LazyFrame.*pass {parameter}.collect\(\)"):
            call()


def test_rows_in_two_orders_are_refused_and_both_cures_work():
    rng = np.random.default_rng(0)
    x = pd.DataFrame(rng.normal(size=(30, 4)), index=rng.permutation(30))
    y = pd.Series(np.arange(30) % 2)
    items = [*zip(x.to_numpy(), y, strict=True)]
    for call in (
        lambda labels: cg_scores(x, labels, progress=False),
        lambda labels: CGScoredDataset(items, features=x, labels=labels, progress=False).scores,
    ):
        with pytest.raises(
            ArgumentValueError,
            match=rf"'features' and the 'labels' have .*: row 0 is {x.index[0]} there and 0 here",
        ) as caught:
            call(y)
        assert caught.value.parameter == "labels"
        by_index = call(y.loc[x.index])
        assert by_index.labels.tolist() == [i % 2 for i in x.index]
        assert call(y.to_numpy()).labels.tolist() == y.tolist()
    with pytest.raises(ArgumentValueError, match="'scores' and the 'labels' have different"):
        PrunedSampler((x[0], y), keep=0.5, policy="low-first")
    with pytest.raises(ValueError, match="one per row"):
        cg_scores(x, y[:9], progress=False)


@pytest.mark.parametrize(
    ("name", "values", "is_number"),
    [
        ("id", [5, 3, 9], True),
        ("Unnamed: 0", [0.0, 1.0, 2.0], True),
        (" INDEX ", [4, 4, 4], True),
        ("index", [1.52, 1.33, 1.0], False),
        ("x", range(7, 27), True),
        ("x", range(19), False),
        ("x", [*range(19), 18], False),
        ("x", range(0, 40, 2), False),
        ("x", np.arange(20) + 0.5, False),
        ("id", [NAN, 1, 2], False),
        ("id", [float("inf"), 1, 2], False),
        ("id", [True, False, True], False),
    ],
)
def test_columns_that_number_the_rows(name, values, is_number):
    array = np.array([*values])
    for column in (array, pd.Series(array), pl.Series(array)):
        assert numbers_the_rows(name, column) is is_number
