"""Tables of the rows that are kept: every cell as it was, but for labels that are replaced."""

import csv
import gzip
import io
import json
import os

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune.lists.rewriting import Rows, rewrite, table_ending

TEXT = (
    'id,label,"text, of it"\r\n'
    '1,ant,"a ""quoted"" one"\r\n'
    "\r\n"
    '2,bee,"two\nlines, and more"\r\n'
    "3, ant ,ünï\r\n"
    " , ,\r\n"
    "4,bee\r\n"
    '05,"ant",1.50'
)


def rewritten(tmp_path, text, rows, name="x.csv"):
    source, target = tmp_path / name, tmp_path / f"new.{name}"
    source.write_bytes(text.encode())
    rewrite(source, target, rows)
    assert source.read_bytes() == text.encode()
    return target.read_bytes().decode()


def test_rows_are_kept_byte_for_byte(tmp_path):
    found = rewritten(tmp_path, TEXT, Rows([0, 1, 4], {}, "label"))
    assert found == (
        'id,label,"text, of it"\r\n'
        '1,ant,"a ""quoted"" one"\r\n'
        '2,bee,"two\nlines, and more"\r\n'
        '05,"ant",1.50'
    )


def test_a_new_label_changes_one_cell(tmp_path):
    rows = Rows([1, 3, 4], {0: "no", 1: "a,b", 3: "ant", 4: "bee"}, "label")
    found = rewritten(tmp_path, TEXT, rows)
    assert found == (
        'id,label,"text, of it"\r\n2,"a,b","two\nlines, and more"\r\n4,ant,\r\n05,bee,1.50'
    )


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@given(
    st.lists(st.tuples(CELLS, st.sampled_from("xyz"), CELLS), min_size=1, max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
    st.data(),
)
def test_any_table_read_again(tmp_path_factory, table, separator, end, data):
    tmp_path, n = tmp_path_factory.mktemp("table"), len(table)
    kept = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1)))
    labels = data.draw(st.dictionaries(st.integers(0, n - 1), st.sampled_from(["new", "a;,\t"])))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator, lineterminator=end[0], quoting=end[1])
    writer.writerows([("text", "label", "more"), *table])
    found = rewritten(tmp_path, buffer.getvalue(), Rows(kept, labels, "label"))
    expected = [[a, labels.get(i, b), c] for i, (a, b, c) in enumerate(table) if i in kept]
    _, *rows = csv.reader(io.StringIO(found, newline=""), delimiter=separator)
    assert rows == expected


@pytest.mark.parametrize("name", ["x.tsv", "x.CSV", "x.csv.gz", "x.tsv.gz"])
def test_by_its_ending(tmp_path, name):
    text = "\ufefflabel\tx\na\t1\nb\t2\n".encode()
    packed = name.endswith("gz")
    (tmp_path / name).write_bytes(gzip.compress(text) if packed else text)
    rewrite(tmp_path / name, tmp_path / f"new.{name}", Rows([1], {1: "a"}, "label"))
    found = (tmp_path / f"new.{name}").read_bytes()
    assert (gzip.decompress(found) if packed else found) == "\ufefflabel\tx\na\t2\n".encode()


def test_bytes_that_are_no_utf8_stay(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"path,label\ncaf\xe9.png,a\nb.png,b\n")
    rewrite(tmp_path / "x.csv", tmp_path / "new.csv", Rows([0], {0: "b"}, "label", "path"))
    assert (tmp_path / "new.csv").read_bytes() == b"path,label\ncaf\xe9.png,b\n"


def test_paths_are_right_from_the_new_place(tmp_path):
    for folder in ("data/images", "out/deep"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("images/a.png", "b, c.png"):
        (tmp_path / "data" / name).touch()
    absolute = tmp_path / "data" / "b, c.png"
    text = f'path,label\nimages/a.png,a\n"b, c.png",b\n"{absolute}",b\n../data/images/a.png,a\n'
    (tmp_path / "data" / "x.csv").write_text(text)
    (tmp_path / "way").symlink_to(tmp_path / "out" / "deep")
    for folder in ("out/deep", "way", "."):
        target = tmp_path / folder / "new.csv"
        rows = Rows(range(4), {}, "label", "path")
        rewrite(tmp_path / "data" / "x.csv", target, rows)
        _, *found = csv.reader(target.read_text().splitlines())
        files = [os.path.realpath(target.resolve().parent / row[0]) for row in found]
        expected = ["images/a.png", "b, c.png", "b, c.png", "images/a.png"]
        assert files == [os.path.realpath(tmp_path / "data" / name) for name in expected]
        assert found[2][0] == str(absolute)
        target.unlink()


@pytest.mark.parametrize("kind", ["string", "int64", "dictionary", "large_string"])
def test_a_parquet_file_keeps_its_columns_and_types(tmp_path, kind):
    values = [3, 1, 3, 1] if kind == "int64" else ["3", "1", "3", "1"]
    types = {"dictionary": pa.dictionary(pa.int32(), pa.string())}
    label = pa.array(values, type=types.get(kind) or getattr(pa, kind)())
    columns = {"x": pa.array([[1.5], [], None, [2.0]]), "label": label, "when": pa.array([1] * 4)}
    table = pa.table(columns).replace_schema_metadata({"note": "of mine"})
    pq.write_table(table, tmp_path / "x.parquet")
    rows = Rows([0, 2, 3], {0: "1", 1: "3"}, "label")
    rewrite(tmp_path / "x.parquet", tmp_path / "new.parquet", rows)
    found = pq.read_table(tmp_path / "new.parquet")
    before = pq.read_table(tmp_path / "x.parquet").schema
    assert found.schema.equals(before, check_metadata=True)
    assert found["x"].to_pylist() == [[1.5], None, [2.0]]
    assert found["label"].to_pylist() == [values[1], values[2], values[3]]


def test_a_typed_column_has_no_labels_of_another_kind(tmp_path):
    pq.write_table(pa.table({"label": [0, 1]}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="has no 'bee', but values as 0: write labels as texts"):
        rewrite(tmp_path / "x.parquet", tmp_path / "new", Rows([0], {0: "bee"}, "label"))
    assert not (tmp_path / "new").exists()


def test_a_column_of_class_numbers_takes_the_names_of_classes(tmp_path):
    kinds = datasets.ClassLabel(names=["zebra", "ant", "bee"])
    features = datasets.Features({"kind": kinds, "x": datasets.Value("int64")})
    data = datasets.Dataset.from_dict({"kind": [1, 0, 1], "x": [0, 1, 2]}, features)
    data.to_parquet(tmp_path / "x.parquet")
    rewrite(tmp_path / "x.parquet", tmp_path / "new.parquet", Rows([0, 2], {2: "bee"}, "kind"))
    found = datasets.Dataset.from_parquet(str(tmp_path / "new.parquet"), cache_dir=tmp_path / "c")
    assert found.features == features
    assert found.to_dict() == {"kind": [1, 2], "x": [0, 2]}


OBJECTS = (
    '{"label":1, "path": "a.png","t":"ünï"}\r\n'
    "\n"
    '{"path": "/b.png", "label": 2, "more": [1.50]}\n'
    '{"path": "c.png", "label": 1, "t": "\\u00fc"}'
)


def test_lines_of_objects_are_kept_as_they_are(tmp_path):
    found = rewritten(tmp_path, OBJECTS, Rows([0, 2], {}, "label", "path"), "x.jsonl")
    first, _, _, last = OBJECTS.replace("\r", "").split("\n")
    assert found == f"{first}\n{last}\n"


def test_new_labels_and_other_places_change_what_they_must(tmp_path):
    (tmp_path / "x.jsonl").write_text(OBJECTS, encoding="utf-8-sig")
    (tmp_path / "out").mkdir()
    rows = Rows([0, 1, 2], {0: "2", 1: "1"}, "label", "path")
    rewrite(tmp_path / "x.jsonl", tmp_path / "out" / "new.jsonl", rows)
    found = (tmp_path / "out" / "new.jsonl").read_text(encoding="utf-8")
    found = [json.loads(line) for line in found.splitlines()]
    assert found == [
        {"label": 2, "path": "../a.png", "t": "ünï"},
        {"path": "/b.png", "label": 1, "more": [1.5]},
        {"path": "../c.png", "label": 1, "t": "ü"},
    ]
    with pytest.raises(ValueError, match="has 3 rows, and no row 3"):
        rewrite(tmp_path / "x.jsonl", tmp_path / "new.jsonl", Rows([3], {}, "label"))
    with pytest.raises(ValueError, match="has no '3', but values as 1"):
        rewrite(tmp_path / "x.jsonl", tmp_path / "new.jsonl", Rows([0], {0: "3"}, "label"))


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has 5 rows, and no row 5"):
        rewritten(tmp_path, TEXT, Rows([0, 5], {}, "label"))
    with pytest.raises(ValueError, match="no column 'kind' for new labels"):
        rewritten(tmp_path, TEXT, Rows([0], {0: "x"}, "kind"))
    (tmp_path / "new.x.csv").write_text("mine")
    with pytest.raises(FileExistsError, match="is there already"):
        rewritten(tmp_path, TEXT, Rows([0], {}, "label"))
    assert (tmp_path / "new.x.csv").read_text() == "mine"


def test_endings():
    assert table_ending("a.b/X.Csv.GZ") == ".csv.gz"
    assert table_ending("x.parquet") == ".parquet"
    assert [table_ending(name) for name in ("x", "x.gz", "csv", "x.csv/y", "x.npz")] == [None] * 5
