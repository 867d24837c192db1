"""MDS shards on the command line, by mosaicml-streaming itself."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import killed_at
from shell import run

from torch_cgprune import CGScores, KeepList
from torch_cgprune.streams.features import FeatureFolder
from torch_cgprune.streams.mds import MdsShard, shards_in

streaming = pytest.importorskip("streaming")

N = 40
COLUMNS = {"image": "png", "label": "str", "id": "int", "row": "ndarray:float32:6"}


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    out = tmp_path / "data"
    with streaming.MDSWriter(out=str(out), columns=COLUMNS, size_limit=3000) as writer:
        for i in range(N):
            pixels = rng.integers(0, 156, (8, 8, 3)) + 100 * (i % 2)
            image = Image.fromarray(pixels.astype(np.uint8))
            row = rng.normal(size=6).astype(np.float32) + i % 2
            writer.write({"image": image, "label": "ab"[i % 2], "id": i, "row": row})
    assert len(shards_in(out)) > 2
    return out


def rows_of(folder):
    return [
        example
        for path in shards_in(folder)
        for example in map(MdsShard(path).__getitem__, range(len(MdsShard(path))))
    ]


def raw_of(folder):
    return [MdsShard(p).raw(i) for p in shards_in(folder) for i in range(len(MdsShard(p)))]


@pytest.fixture
def kept(folder, tmp_path, capsys):
    """A list of half of the examples."""
    scores, kept = tmp_path / "s.safetensors", tmp_path / "kept.parquet"
    assert run(capsys, "score", folder, "-o", scores, "-q") == (0, "", "")
    found = CGScores.load(scores)
    assert found.names[1] == "shard.00000.mds/1"
    assert found.class_names == ("a", "b")
    assert run(capsys, "select", scores, "--keep", "0.5", "-o", kept, "-q") == (0, "", "")
    return kept


def numbers_of(kept):
    keep = KeepList.load(kept, key="id")
    return [i for i in range(N) if keep({"id": i})]


def test_what_is_kept_is_copied_byte_by_byte_and_streams(folder, kept, tmp_path, capsys):
    out, chosen = tmp_path / "out", numbers_of(kept)
    assert "nothing is written" in run(capsys, "apply", kept, folder, "-o", out, "--dry-run")[1]
    assert not out.exists()
    code, said, err = run(capsys, "apply", kept, folder, "-o", out)
    assert (code, err) == (0, "")
    shards = sorted(path.name for path in out.glob("*.mds"))
    assert shards == [Path(path).name for path in shards_in(out)]
    assert said.endswith(f"\n{out}: {len(shards)} shards written\n")
    assert [row["id"] for row in rows_of(out)] == chosen
    raw = raw_of(folder)
    assert raw_of(out) == [raw[i] for i in chosen]
    stream = streaming.StreamingDataset(local=str(out), shuffle=False, batch_size=1)
    assert [row["id"] for row in stream] == chosen
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["complete"], manifest["kept"]) == (True, len(chosen))
    assert sum(shard["kept"] for shard in manifest["source"]) == len(chosen)
    for told in manifest["shards"]:
        content = (out / told["name"]).read_bytes()
        assert (told["bytes"], told["examples"]) == (
            len(content),
            len(MdsShard(out / told["name"])),
        )
        assert told["sha256"] == hashlib.sha256(content).hexdigest()
    code, said, _ = run(capsys, "apply", kept, folder, "-o", out)
    assert code == 0
    assert f"0 shards written, {len(shards)} were there" in said


def test_new_labels_and_what_is_wrong_without_one(folder, kept, tmp_path, capsys):
    chosen, out = numbers_of(kept), tmp_path / "out"
    names = CGScores.load(tmp_path / "s.safetensors").names
    new, fine, wrong = chosen[:3]
    lines = [f"{names[new]},quite another,wrong", f"{names[fine]},b,fine", f"{names[wrong]},,wrong"]
    relabel = tmp_path / "relabel.csv"
    relabel.write_text("\n".join(["path,new_label,decision", *lines]))
    before, options = raw_of(folder), ["-o", out, "--relabel", relabel]
    assert run(capsys, "apply", kept, folder, *options, "-q") == (0, "", "")
    expected = {i: before[i] for i in chosen if i != wrong}
    expected[new] = {**before[new], "label": b"quite another"}
    assert raw_of(out) == [*expected.values()]
    assert json.loads((out / "manifest.json").read_text())["relabelled"] == 1
    assert raw_of(folder) == before
    options = ["-o", tmp_path / "n", "--relabel", relabel, "--label-column", "id"]
    code, _, err = run(capsys, "apply", kept, folder, *options)
    assert code == 1
    assert "'id' of" in err
    assert "cannot hold the label 'quite another'" in err


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["shard.00000.mds/0,"], "line 2: it must name an example of the shards"),
        (["gone/0,a"], "Got 'gone/0' and 'a'"),
        (["shard.00000.mds/0,a", "shard.00000.mds/0,b"], "line 3: 'shard.00000.mds/0' has another"),
    ],
)
def test_bad_lists_of_new_labels(folder, kept, tmp_path, capsys, lines, said):
    (tmp_path / "relabel.csv").write_text("\n".join(["path,new_label", *lines]))
    options = ["-o", tmp_path / "out", "--relabel", tmp_path / "relabel.csv"]
    code, _, err = run(capsys, "apply", kept, folder, *options)
    assert code == 1
    assert said in err
    assert not (tmp_path / "out").exists()


def test_a_new_label_is_for_one_example(tmp_path, capsys):
    columns = {"id": "str", "label": "str", "row": "ndarray:float32:3"}
    rows = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    with streaming.MDSWriter(out=str(tmp_path / "data"), columns=columns) as writer:
        for i, row in enumerate(rows):
            writer.write({"id": f"same{i // 2}", "label": "ab"[i % 2], "row": row})
    scores, kept = tmp_path / "s.safetensors", tmp_path / "kept.parquet"
    options = ["--feature-columns", "row", "-q", "-o"]
    assert run(capsys, "score", tmp_path / "data", *options, scores)[0] == 0
    assert run(capsys, "select", scores, "--keep", "1", "-q", "-o", kept)[0] == 0
    (tmp_path / "relabel.csv").write_text("path,new_label\nshard.00000.mds/same1,b\n")
    options = ["-o", tmp_path / "out", "--relabel", tmp_path / "relabel.csv"]
    code, _, err = run(capsys, "apply", kept, tmp_path / "data", *options)
    assert code == 1
    assert "line 2: 2 examples are called 'shard.00000.mds/same1'" in err


@pytest.mark.slow
def test_a_killed_writing_goes_on(folder, kept, tmp_path, capsys):
    """It is killed where the second shard would be moved in: the first one stays as it is."""
    out = tmp_path / "out"
    killed_at(tmp_path, f"{out}/shard.00001.mds", "apply", kept, folder, "-o", out)
    assert [path.name for path in out.glob("*.mds")] == ["shard.00000.mds"]
    first = (out / "shard.00000.mds").stat().st_mtime_ns
    code, said, err = run(capsys, "apply", kept, folder, "-o", out)
    assert (code, err) == (0, "")
    assert "1 were there" in said
    assert (out / "shard.00000.mds").stat().st_mtime_ns == first
    assert [row["id"] for row in rows_of(out)] == numbers_of(kept)


# merge_index leaves its files open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_shards_of_one_name_are_refused(folder, tmp_path, capsys):
    for part in "ab":
        shutil.copytree(folder, tmp_path / "merged" / part)
    streaming.base.util.merge_index(str(tmp_path / "merged"))
    code, _, err = run(capsys, "score", tmp_path / "merged", "-o", tmp_path / "m.safetensors")
    assert code == 1
    assert "must be called differently" in err


def test_embeddings_of_a_column_are_features(folder, tmp_path, capsys):
    out = tmp_path / "features"
    assert run(capsys, "encode", folder, "--feature-columns", "row", "-o", out, "-q")[0] == 0
    found = FeatureFolder(out)
    rows = rows_of(folder)
    assert found.labels == [row["label"] for row in rows]
    assert np.array_equal(found.rows[:N].numpy(), np.stack([r["row"] for r in rows]).astype("f2"))
    assert run(capsys, "encode", folder, "--feature-columns", "row", "-o", out)[1].startswith(
        f"{out}: 0 examples of 0 shards encoded"
    )


def test_bad_shards(folder, tmp_path, capsys):
    for command, more in (("score", []), ("encode", ["--feature-columns", "row"])):
        options = ["--label-column", "kind", "-o", tmp_path / f"{command}.safetensors", *more]
        code, _, err = run(capsys, command, folder, *options)
        assert code == 1
        assert "has no column 'kind'" in err
    index = json.loads((folder / "index.json").read_text())
    index["shards"][0]["column_encodings"][0] = "pkl"
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="unsafe type"):
        MdsShard(shards_in(folder)[0])
    (folder / "shard.00001.mds").unlink()
    with pytest.raises(FileNotFoundError, match=r"no shard .*shard.00001.mds"):
        MdsShard(shards_in(folder)[1])
