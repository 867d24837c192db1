"""Table files as sources: of paths, images, texts and numbers; what is wrong in them by place."""

import gzip
import io
import json
import logging

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from shell import run

from torch_cgprune import CGScores, cg_scores
from torch_cgprune.cli.report import check_source
from torch_cgprune.cli.source import open_source
from torch_cgprune.cli.text_tables import number
from torch_cgprune.errors import UnreadableImageError

N = 24
X = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
Y = ["ant", "bee, big", 'c"ü'] * (N // 3)
FRAME = pd.DataFrame({"a": X[:, 0], "label": Y, "b": X[:, 1], "c": X[:, 2]})
FORMS = ("csv", "tsv", "csv.gz", "tsv.gz", "parquet", "jsonl")


def written(folder, form, frame):
    path = folder / f"train.{form}"
    if form == "parquet":
        frame.to_parquet(path)
    elif form == "jsonl":
        frame.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in form else ",")
    return path


def png(seed, size=(5, 4)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue(), pixels


def table(folder, text, name="train.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("form", FORMS)
def test_the_numbers_of_a_table_are_scored_without_the_label(tmp_path, form, caplog):
    path = written(tmp_path, form, FRAME)
    with caplog.at_level(logging.INFO, "torch_cgprune"):
        opened = open_source(str(path))
    np.testing.assert_allclose(opened.features, X, rtol=1e-6)
    assert opened.labels == Y
    assert [*opened.rows] == [*range(N)]
    assert [r.levelname for r in caplog.records] == ["INFO"]
    assert "are the 3 columns of numbers" in caplog.text


@pytest.mark.parametrize("form", FORMS)
def test_columns_are_taken_by_name_in_the_order_asked(tmp_path, form):
    named = FRAME.rename(columns={"label": "kind", "b": "b, c"})
    path = written(tmp_path, form, named)
    opened = open_source(str(path), label_column="kind", feature_columns=["c", "b, c"])
    np.testing.assert_allclose(opened.features, X[:, [2, 1]], rtol=1e-6)
    assert opened.labels == Y


def test_what_is_left_out_is_said(tmp_path, caplog):
    extra = FRAME.assign(id=range(N), counted=range(5, N + 5), name="x", flag=[True, False] * 12)
    for form, left in (
        ("csv", "'id' (it numbers the rows), 'counted' (it numbers the rows), 'name', 'flag'."),
        ("parquet", "'id' (it numbers the rows), 'counted' (it numbers the rows), 'name'."),
    ):
        caplog.clear()
        width = open_source(str(written(tmp_path, form, extra))).features.shape[1]
        assert width == 3 + (form == "parquet")
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert record.getMessage().endswith(f"left out are {left}")
    opened = open_source(str(tmp_path / "train.csv"), feature_columns=["id", "a"])
    assert opened.features[:, 0].tolist() == [*range(N)]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["0", "1", "10"], [0, 1, 10]),
        (["01", "1", "2"], ["01", "1", "2"]),
        (["x", " x ", "2"], ["x", "x", "2"]),
    ],
)
def test_labels_of_text_tables(tmp_path, labels, expected):
    rows = "".join(f"{i}.5,{label}\n" for i, label in enumerate(labels))
    assert open_source(table(tmp_path, f"a,label\n{rows}")).labels == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([3, 1]), [3, 1]),
        (pa.array([3.0, 1.0]), [3, 1]),
        (pa.array([True, False]), ["True", "False"]),
        (pa.array(["b", "a "]).dictionary_encode(), ["b", "a"]),
    ],
)
def test_labels_of_typed_tables(tmp_path, column, expected):
    path = tmp_path / "t.parquet"
    pa.parquet.write_table(pa.table({"a": [0.5, 1.5], "label": column}), path)
    assert open_source(str(path)).labels == expected


EMBEDDINGS = {
    "lists": pa.array(X.tolist(), pa.list_(pa.float32())),
    "large lists": pa.array(X.tolist(), pa.large_list(pa.float32())),
    "fixed lists": pa.array(X.tolist(), pa.list_(pa.float32(), 3)),
    "lists of lists": pa.array(X[:, :, None].tolist()),
    "sliced": pa.chunked_array([pa.array([[9.0] * 3, *X.tolist()]).slice(1)]),
}


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_columns_of_embeddings(tmp_path, name):
    path = tmp_path / "t.parquet"
    pa.parquet.write_table(pa.table({"emb": EMBEDDINGS[name], "label": Y, "text": Y}), path)
    found = open_source(str(path))
    np.testing.assert_allclose(found.features, X, rtol=1e-6)
    beside = pa.table({"emb": EMBEDDINGS[name], "label": Y, "more": pa.array(range(0, 2 * N, 2))})
    pa.parquet.write_table(beside, path)
    both = open_source(str(path)).features
    np.testing.assert_allclose(both, np.column_stack([X, range(0, 2 * N, 2)]), rtol=1e-6)


@pytest.mark.parametrize("kind", ["list_", "large_list"])
def test_embeddings_that_are_missing_or_ragged(tmp_path, kind):
    path = tmp_path / "t.parquet"
    rows = pa.array([[1.0, 2.0], None, [3.0, 4.0], [5.0, None]], getattr(pa, kind)(pa.float64()))
    pa.parquet.write_table(pa.table({"emb": rows, "label": [0, 1, 0, 1]}), path)
    with pytest.raises(ValueError, match=r"None in row 1, column 'emb', a row with NaN in row 3"):
        open_source(str(path))
    opened = open_source(str(path), skip_unreadable=True, progress=False)
    assert opened.features.tolist() == [[1, 2], [3, 4]]
    assert [*opened.rows] == [0, 2]
    rows = pa.array([[1.0, 2.0], [3.0]], getattr(pa, kind)(pa.float64()))
    pa.parquet.write_table(pa.table({"emb": rows, "label": [0, 1]}), path)
    with pytest.raises(ValueError, match=r"rows in the column 'emb' .* one length. Got 1 and 2"):
        open_source(str(path))


BAD = "a,b,label\n1.5,2.5,x\n,3,y\n4,1_0,x\n\n5,nan,y\n6,7,x\nN/A,8,y\n9,inf,x\n1,2,y\n"


def test_cells_that_are_no_numbers_are_named_all_at_once(tmp_path):
    source = table(tmp_path, BAD)
    with pytest.raises(
        ValueError,
        match=(
            r"cells that are no numbers: '' in line 3, column 'a', 'N/A' in line 8, column 'a', "
            r"'1_0' in line 4, column 'b', 'nan' in line 6, column 'b', 'inf' in line 9.*"
            r"pass --skip-unreadable"
        ),
    ):
        open_source(source)
    opened = open_source(source, skip_unreadable=True, progress=False)
    assert opened.features.tolist() == [[1.5, 2.5], [6, 7], [1, 2]]
    assert opened.labels == ["x", "x", "y"]
    assert [*opened.rows] == [0, 4, 7]  # of the rows that are not blank
    assert opened.skipped == ("row 1", "row 2", "row 3", "row 5", "row 6")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_what_python_writes(value):
    assert number(f" {value!r}\t") == value


@pytest.mark.parametrize("text", ["", " ", "1_0", "\u0661", "nan", "-inf", "1e999", "1,5", "0x10"])
def test_these_are_no_numbers(text):
    assert np.isnan(number(text))


@given(st.text(max_size=6))
def test_anything_else_is_none(text):
    value = number(text)
    assert np.isnan(value) or (text.isascii() and float(text) == value and "_" not in text)


@pytest.mark.parametrize(
    ("content", "options", "match"),
    [
        ("", {}, "is empty"),
        ("a,label\n", {}, "is empty"),
        ("a,kind\n1,x\n", {}, r"no column 'label', but 'a', 'kind'.*--label-column"),
        ("a,kind\n1,x\n", {"label_column": "sort"}, "no column 'sort'"),
        ("a,label\n1,x\n", {"feature_columns": ["b"]}, r"no column 'b'.*--feature-columns"),
        (
            "a,label\nz,x\n",
            {"feature_columns": ["a"]},
            r"'a' .* holds no numbers, as 'z' in line 2",
        ),
        ("a,label\n1,2\n", {"feature_columns": ["label"]}, r"'label' .* has the labels"),
        ("a,label\nz,x\n", {}, r"no column 'path' and no column of numbers, but 'a'"),
        ("a,a,label\n1,2,x\n", {}, r"has 2 columns 'a'"),
        ("a,label\n1,x\n", {"path_column": "p"}, r"no column 'p'.*--path-column"),
        ("a,label\n1,x\n", {"text_column": "t"}, r"no column 't'.*--text-column"),
        (
            "a,label\n1,x\n",
            {"text_column": "a", "path_column": "a"},
            "images and of texts are named",
        ),
        ("a,label\n1,x\n", {"resize": 3}, "--resize is for images"),
        ("a,label\n1,x\n", {"keys": ("a", "b")}, "--keys is for an .npz"),
        ("t,label\nz,x\n", {"text_column": "t", "resize": 3}, "--resize is for images"),
        ("a,label\n1,x\n", {"features": "f.npy"}, "--features is for images or texts"),
        ("t,label\nz,x\n,y\n", {"text_column": "t"}, r"no text \(column 't'\) in line 3"),
        ("a,label\n1,x\n2,\n3,\n", {}, r"no label \(column 'label'\) in line 3, line 4"),
    ],
)
def test_tables_that_are_none_say_so(tmp_path, content, options, match):
    with pytest.raises(ValueError, match=match):
        open_source(table(tmp_path, content), **options)


@pytest.mark.parametrize("name", ["x.npz", "images"])
def test_columns_are_for_tables(tmp_path, name):
    np.savez(tmp_path / "x.npz", features=X, labels=Y)
    (tmp_path / "images" / "ant").mkdir(parents=True)
    with pytest.raises(ValueError, match="option --label-column is for tables"):
        open_source(str(tmp_path / name), label_column="y")


@pytest.mark.parametrize("form", ["csv.gz", "parquet", "jsonl"])
@pytest.mark.parametrize("content", [b"", b"text", "cut"])
def test_files_that_are_damaged(tmp_path, form, content):
    path = written(tmp_path, form, FRAME)
    path.write_bytes(path.read_bytes()[:-20] if content == "cut" else content)
    if form == "jsonl" and content == b"":
        match = "is empty"
    else:
        match = {"csv.gz": "as .gz|is empty", "parquet": "as .parquet", "jsonl": "no JSON object"}[
            form
        ]
    with pytest.raises(ValueError, match=rf"train.{form}'.*({match})"):
        open_source(str(path))


def test_typed_tables_of_one_name_twice_or_of_classes_beyond_the_names(tmp_path):
    path = tmp_path / "t.parquet"
    pa.parquet.write_table(pa.table([[1.0], [2.0], [0]], ["a", "a", "label"]), path)
    with pytest.raises(ValueError, match=r"several columns 'a'"):
        open_source(str(path))
    noted = json.dumps({"info": {"features": {"label": {"names": ["x", "y"]}}}})
    for labels, match in (([0, 2], "class number 2, and names of 2"), ([0, -2], "number -2")):
        named = pa.table({"a": [1.0, 2.0], "label": labels})
        named = named.replace_schema_metadata({"huggingface": noted})
        pa.parquet.write_table(named, path)
        with pytest.raises(ValueError, match=match):
            open_source(str(path))
    named = pa.table({"a": [1.0, 2.0], "label": ["p", "q"]})
    pa.parquet.write_table(named.replace_schema_metadata({"huggingface": noted}), path)
    assert open_source(str(path)).labels == ["p", "q"]


def test_jsonl_of_other_things(tmp_path):
    for text, match in (
        ("[" * 100_000, "line 1: this is no JSON"),
        (f'{{"a": {10**30}}}', "several types"),
        ('{"a": "\\ud800"}', "several types"),
        ("[1]\n", r"line 1: .*\(it is list\)"),
        ('{"a": 1}\n\n{"a": "b"}', "types"),
    ):
        with pytest.raises(ValueError, match=match):
            open_source(table(tmp_path, text, "t.jsonl"))


@pytest.mark.parametrize("form", FORMS)
def test_texts_are_items_with_their_labels(tmp_path, form):
    texts = [f'a "quoted", text\nof {i} lines; ü' for i in range(N)]
    path = written(tmp_path, form, FRAME.assign(review=texts))
    opened = open_source(str(path), text_column="review")
    assert opened.features is opened.labels is opened.transform is None
    assert [opened.dataset[i] for i in range(N)] == [(t, i % 3) for i, t in enumerate(texts)]
    assert opened.dataset.classes == sorted({*Y})
    assert opened.dataset.targets == [i % 3 for i in range(N)]


def test_texts_that_are_no_utf8(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("t,label\nab,x\ncafé,y\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"no UTF-8 text in line 3"):
        open_source(str(path), text_column="t")


def test_texts_cannot_be_scored_without_an_encoder(tmp_path, capsys):
    source = table(tmp_path, "t,label\n" + "a,x\nb,y\n" * 5)
    argv = ["score", source, "--text-column", "t", "-o", tmp_path / "s.safetensors"]
    code, _, err = run(capsys, *argv)
    assert code == 1
    assert "Item 0 of the dataset is a text, 'a'" in err
    assert "Pass --encoder transformers:NAME" in err


@pytest.mark.parametrize("form", FORMS)
def test_paths_start_at_the_tables_folder(tmp_path, form):
    contents = {f"{i}, ü.png": png(i) for i in range(4)}
    for name, (content, _) in contents.items():
        (tmp_path / name).write_bytes(content)
    frame = pd.DataFrame({"file": [*contents], "path": "no", "label": Y[:4], "a": 1.0})
    opened = open_source(str(written(tmp_path, form, frame)), path_column="file")
    scores = scored(opened)
    expected = np.stack([pixels.reshape(-1) for _, pixels in contents.values()])
    assert scores.names == tuple(contents)
    close(scores, cg_scores(expected, Y[:4], dtype=torch.float64, progress=False))


def scored(opened):
    from torch_cgprune import CGScoredDataset  # noqa: PLC0415

    return CGScoredDataset(
        opened.dataset,
        features=opened.features,
        labels=opened.labels,
        transform=opened.transform,
        dtype=torch.float64,
        progress=False,
    ).scores


def close(scores, expected):
    torch.testing.assert_close(scores.values, expected.values, rtol=1e-9, atol=0)
    assert scores.labels.tolist() == expected.labels.tolist()


@pytest.mark.parametrize("kind", ["struct", "bytes"])
def test_images_in_a_table_are_decoded(tmp_path, kind):
    found = [png(i) for i in range(4)]
    rows = [content for content, _ in found]
    column = [{"bytes": row, "path": "x.png"} for row in rows] if kind == "struct" else rows
    path = tmp_path / "t.parquet"
    labels = ["b", "a", "b", "a"]
    pa.parquet.write_table(pa.table({"label": labels, "picture": column, "width": [5] * 4}), path)
    opened = open_source(str(path))
    expected = np.stack([pixels.reshape(-1) for _, pixels in found])
    scores = scored(opened)
    assert scores.names is None
    assert scores.class_names == ("a", "b")
    close(scores, cg_scores(expected, labels, dtype=torch.float64, progress=False))
    check_source(opened, scores, "s")
    small = open_source(str(path), resize=2, path_column="picture")
    assert small.transform(small.dataset[0][0]).size == (2, 2)


def test_images_in_a_table_that_cannot_be_read_are_named_by_row(tmp_path, capsys):
    rows = [png(0)[0], b"nothing", png(2)[0], png(3)[0][:60], png(4)[0]]
    path, out = tmp_path / "t.parquet", tmp_path / "s.safetensors"
    pa.parquet.write_table(pa.table({"label": [*"ababa"], "image": rows}), path)
    with pytest.raises(UnreadableImageError, match=r"row 1 of .*t\.parquet"):
        scored(open_source(str(path)))
    code, _, err = run(capsys, "score", path, "-o", out)
    assert code == 1
    assert "2 of 5 images cannot be read: 'row 1 of " in err
    code, _, err = run(capsys, "score", path, "-o", out, "--skip-unreadable", "-q")
    assert (code, err) == (0, "")
    noted = CGScores.load(out).metadata["source"]
    assert [name.split()[1] for name in noted["skipped"]] == ["1", "3"]
    missing = pa.table({"label": [*"ab"], "image": [png(0)[0], None]})
    pa.parquet.write_table(missing, path)
    with pytest.raises(ValueError, match=r"no path \(column 'image'\) in row 1"):
        open_source(str(path))


def test_two_columns_of_images_are_told(tmp_path):
    path, rows = tmp_path / "t.parquet", [png(0)[0], png(1)[0]]
    pa.parquet.write_table(pa.table({"label": [0, 1], "left": rows, "right": rows}), path)
    with pytest.raises(
        ValueError, match=r"images in the columns \['left', 'right'\].*--path-column"
    ):
        open_source(str(path))


def test_labels_of_a_file_take_the_place_of_the_tables(tmp_path):
    labels = table(tmp_path, "\n".join(Y), "labels.txt")
    path = written(tmp_path, "csv", FRAME.drop(columns="label"))
    assert open_source(str(path), labels=labels).labels == Y
    with pytest.raises(ValueError, match="no column 'label'"):
        open_source(str(path))
    for name, head in (("t.tsv", "a\tb, c"), ("t.csv", "a\tb, c\td")):
        cells = "\t".join("123"[: head.count("\t") + 1])
        by_tabs = table(tmp_path, f"{head}\n" + f"{cells}\n" * N, name)
        assert open_source(by_tabs, labels=labels).features.shape[1] == head.count("\t") + 1
    frame = pd.DataFrame({"path": [f"{i}.png" for i in range(N)]})
    opened = open_source(str(written(tmp_path, "csv", frame)), labels=labels)
    assert opened.labels == Y
    assert opened.dataset.targets == [None] * N


def test_the_report_reads_a_table_as_it_was_scored(tmp_path, capsys):
    frame = FRAME.rename(columns={"label": "kind"}).assign(label=Y[::-1], row=range(N))
    path, out = written(tmp_path, "csv", frame), tmp_path / "s.safetensors"
    options = ["--label-column", "kind", "--feature-columns", "a", "b"]
    code, said, err = run(capsys, "score", path, "-o", out, *options, "--json")
    assert (code, err) == (0, "")
    assert json.loads(said)["examples"] == N
    noted = CGScores.load(out).metadata["source"]
    assert (noted["label_column"], noted["feature_columns"]) == ("kind", ["a", "b"])
    assert run(capsys, "report", out, path, "-o", tmp_path / "p.html", "-q")[0] == 0


def test_a_packed_table_is_read_as_the_plain_one(tmp_path):
    path = tmp_path / "t.tsv.gz"
    path.write_bytes(gzip.compress(b"a;b\tlabel\n1\tx\n2\ty\n"))
    opened = open_source(str(path))
    assert opened.features.tolist() == [[1], [2]]
