"""Copies of MDS shards: byte for byte what the package's own writer makes of the same examples."""

import io
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from torch_cgprune.streams import mds
from torch_cgprune.streams.copying import even_shards, write_shards
from torch_cgprune.streams.mds import MdsShard, is_mds, shards_in
from torch_cgprune.streams.mds_copies import KeptRow, encoded, mds_form

streaming = pytest.importorskip("streaming")

COLUMNS = {
    "code": "int16",
    "image": "jpeg",
    "label": "str",
    "meta": "json",
    "row": "ndarray:float32",
    "z": "bytes",
}


def examples(n):
    """Return n examples with images that would change if they were encoded again."""
    rng, found = np.random.default_rng(0), []
    for i in range(n):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(
            file, "jpeg", quality=40
        )
        row = rng.normal(size=(1 + i % 4, 2)).astype(np.float32)
        label, meta, z = "ab"[i % 2] * (i % 3), {"n": [i]}, bytes(i % 5)
        found.append(
            {"code": i, "image": file.getvalue(), "label": label, "meta": meta, "row": row, "z": z}
        )
    return found


def write(folder, rows, columns=COLUMNS, limit=None):
    with streaming.MDSWriter(out=str(folder), columns=columns, size_limit=limit) as writer:
        for row in rows:
            writer.write(row)
    return {path: MdsShard(path) for path in shards_in(folder)}


def kept_of(shards, numbers, new=None):
    """Return those of the numbers, with new labels by these."""
    places = [(path, i) for path, shard in shards.items() for i in range(len(shard))]
    replaced = {i: {"label": label.encode()} for i, label in (new or {}).items()}
    return [KeptRow(*places[i], replaced.get(i, {})) for i in numbers]


def copied(shards, kept, out):
    made = even_shards(kept, [Path(p).name for p in shards], sum(map(len, shards.values())))
    assert write_shards(made, out, {}, mds_form(shards)) == 0
    return made


labels = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_copy_is_what_the_writer_makes_of_the_same_examples(data):
    rows = examples(data.draw(st.integers(1, 12)))
    some = st.lists(st.sampled_from(range(len(rows))), min_size=1, unique=True).map(sorted)
    numbers = data.draw(some)
    new = data.draw(st.dictionaries(st.sampled_from(numbers), labels))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shards = write(folder / "in", rows, limit=data.draw(st.sampled_from([None, 1500])))
        made = copied(shards, kept_of(shards, numbers, new), folder / "out")
        wanted = [rows[i] | ({"label": new[i]} if i in new else {}) for i in numbers]
        index = {"version": 2, "shards": []}
        for name, part in made.items():
            here = [wanted.pop(0) for _ in part]
            write(folder / name, here)
            expected = (folder / name / "shard.00000.mds").read_bytes()
            assert (folder / "out" / name).read_bytes() == expected
            (told,) = json.loads((folder / name / "index.json").read_text())["shards"]
            told["raw_data"]["basename"] = name
            index["shards"].append(told)
        assert json.loads((folder / "out" / "index.json").read_text()) == index
        assert not wanted


def test_a_copy_streams(tmp_path):
    rows = examples(30)
    shards = write(tmp_path / "in", rows, limit=2000)
    made = copied(shards, kept_of(shards, range(0, 30, 2), {4: "new"}), tmp_path / "out")
    assert 2 < len(made) < len(shards)
    stream = streaming.StreamingDataset(
        local=str(tmp_path / "out"), shuffle=False, batch_size=1, allow_unsafe_types=False
    )
    found = [*stream]
    assert [row["code"] for row in found] == [*range(0, 30, 2)]
    assert [row["label"] for row in found] == [
        "new" if i == 4 else rows[i]["label"] for i in range(0, 30, 2)
    ]


def test_an_interrupted_copy_goes_on_and_is_no_folder_of_shards_before(tmp_path):
    rows, out = examples(30), tmp_path / "out"
    shards = write(tmp_path / "in", rows, limit=2000)
    kept = kept_of(shards, range(30))
    whole = copied(shards, kept, tmp_path / "whole")
    last = Path([*shards][-1])
    aside = last.rename(tmp_path / "aside")
    with pytest.raises(OSError, match=last.name):
        copied(shards, kept, out)
    there = sorted(path.name for path in out.glob("*.mds"))
    assert 0 < len(there) < len(whole)
    assert not is_mds(out)
    times = {name: (out / name).stat().st_mtime_ns for name in there}
    aside.rename(last)
    assert write_shards(whole, out, {}, mds_form(shards)) == len(there)
    assert {name: (out / name).stat().st_mtime_ns for name in there} == times
    for name in (*whole, "index.json", "manifest.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    other = kept_of(shards, range(30), {0: "other"})
    with pytest.raises(ValueError, match="shards of another list"):
        copied(shards, other, out)


def test_shards_that_do_not_go_together_or_are_too_large(tmp_path):
    shards = write(tmp_path / "in", examples(9))
    more = write(tmp_path / "more", [{"label": 3}], {"label": "int"})
    with pytest.raises(ValueError, match=r"same columns\. .*more/shard.00000.mds"):
        mds_form({**shards, **more})
    size = Path(next(iter(shards))).stat().st_size
    made = {"shard.00000.mds": kept_of(shards, range(9))}
    with pytest.raises(ValueError, match=f"{size} bytes, and must have fewer than {size}"):
        write_shards(made, tmp_path / "out", {}, mds_form(shards, size))
    assert write_shards(made, tmp_path / "out", {}, mds_form(shards, size + 1)) == 0


def test_a_truncated_shard_is_told(tmp_path):
    (path,) = write(tmp_path / "in", examples(9))
    with Path(path).open("r+b") as file:
        file.truncate(Path(path).stat().st_size - 1)
    with pytest.raises(ValueError, match=r"shard.00000.mds' is damaged: it has \d+ bytes"):
        MdsShard(path)


def test_an_index_is_parsed_once_until_it_changes(tmp_path, monkeypatch):
    parsed = []

    def loads(text):
        parsed.append(text)
        return json.loads(text)

    monkeypatch.setattr(mds, "json", SimpleNamespace(loads=loads))
    paths = [*write(tmp_path, examples(9), limit=700)]
    assert len(paths) > 2
    assert len(parsed) == 1
    index = tmp_path / "index.json"
    index.write_text(json.dumps({"shards": json.loads(index.read_text())["shards"][:-1]}))
    assert shards_in(tmp_path) == paths[:-1]
    with pytest.raises(FileNotFoundError, match=r"no shard .* with an index.json that"):
        MdsShard(paths[-1])
    assert len(parsed) == 2


KINDS = {
    "str": "ant",
    "int": "-3",
    "uint8": "200",
    "int64": "-5",
    "float16": "0.5",
    "float32": "0.1",
    "str_int": "12345678901234567890123",
    "str_float": "0.25",
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_texts_or_numbers(tmp_path, kind):
    columns = {"kind": kind, "image": "png", "row": "ndarray:int32:2"}
    value = KINDS[kind] if kind == "str" else (float if "float" in kind else int)(KINDS[kind])
    row = {"kind": value, "image": Image.new("L", (2, 2)), "row": np.zeros(2, np.int32)}
    ((path, shard),) = write(tmp_path / "in", [row], columns).items()
    assert encoded(shard, "kind", KINDS[kind]) == shard.raw(0)["kind"]
    assert str(shard[0]["kind"]) == KINDS[kind]
    for bad in ("row", "image", "gone"):
        with pytest.raises(ValueError, match=f"'{bad}' of '{path}' is none.*--label-column"):
            encoded(shard, bad, "1")
    if kind != "str":
        for bad in ("ant", "1e9999x", *(["300", "-1"] if kind == "uint8" else [])):
            with pytest.raises(ValueError, match=f"of {kind}, cannot hold the label '{bad}'"):
                encoded(shard, "kind", bad)
