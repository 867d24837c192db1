"""MDS shards on the command line, by mosaicml-streaming itself."""

import json

import numpy as np
import pytest
from PIL import Image
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


def test_what_is_kept_is_copied_byte_by_byte_and_streams(folder, tmp_path, capsys):
    scores, kept, out = tmp_path / "s.safetensors", tmp_path / "kept.parquet", tmp_path / "out"
    assert run(capsys, "score", folder, "-o", scores, "-q") == (0, "", "")
    found = CGScores.load(scores)
    assert found.names[1] == "shard.00000.mds/1"
    assert found.class_names == ("a", "b")
    assert run(capsys, "select", scores, "--keep", "0.5", "-o", kept, "-q") == (0, "", "")
    code, said, err = run(capsys, "apply", kept, folder, "-o", out)
    keep = KeepList.load(kept, key="id")
    assert (code, err) == (0, "")
    assert said == f"{out}: {len(keep)} examples of 40 written\n"
    chosen = [i for i in range(N) if keep({"id": i})]
    assert [row["id"] for row in rows_of(out)] == chosen
    raw = [MdsShard(p).raw(i) for p in shards_in(folder) for i in range(len(MdsShard(p)))]
    new = [MdsShard(p).raw(i) for p in shards_in(out) for i in range(len(MdsShard(p)))]
    assert new == [raw[i] for i in chosen]
    stream = streaming.StreamingDataset(local=str(out), shuffle=False, batch_size=1)
    assert [row["id"] for row in stream] == chosen
    code, _, err = run(capsys, "apply", kept, folder, "-o", out)
    assert code == 1
    assert "is not empty" in err


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
    code, _, err = run(
        capsys, "score", folder, "--label-column", "kind", "-o", tmp_path / "s.safetensors"
    )
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
