"""Shards on the command line: encode, score, select, apply, and what trains on the list."""

import io
import itertools
import json
import os

import numpy as np
import pytest
import tars
import torch
from PIL import Image
from processes import killed_at
from shell import run

from torch_cgprune import CGScores, KeepList, PrunedSampler, PrunedStream, Shards
from torch_cgprune.inputs.tars import read_examples, read_member
from torch_cgprune.lists.shards import Places
from torch_cgprune.streams.features import FeatureFolder

SIZES = (9, 12, 7)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


@pytest.fixture
def images(tmp_path):
    """Small images in two classes, in tar shards and in the same order in a folder."""
    rng, numbers = np.random.default_rng(0), itertools.count()
    for shard, size in enumerate(SIZES):
        members = []
        for number in itertools.islice(numbers, size):
            label = "ab"[number % 2]
            pixels = rng.integers(0, 156, (8, 8, 3)) + 100 * (number % 2)
            content = png(pixels.astype(np.uint8))
            members += [(f"k{number:03d}.png", content), (f"k{number:03d}.cls", label.encode())]
            path = tmp_path / "folder" / label / f"k{number:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        tars.write_tar(tmp_path / f"in-{shard:02d}.tar", members)
    return tmp_path


PATTERN = "in-{00..02}.tar"


def scored(capsys, images, *options, source=PATTERN, out="s.safetensors"):
    code, _, err = run(capsys, "score", images / source, "-o", images / out, "-q", *options)
    assert (code, err) == (0, "")
    return CGScores.load(images / out)


def by_key(scores):
    names = [name.rpartition("/")[2].removesuffix(".png") for name in scores.names]
    return dict(zip(names, scores.values.tolist(), strict=True))


def test_scores_of_shards_are_those_of_the_folder(images, capsys):
    shards = scored(capsys, images)
    folder = scored(capsys, images, source="folder", out="f.safetensors")
    assert shards.names[10] == "in-01.tar/k010"
    assert by_key(shards) == pytest.approx(by_key(folder), rel=1e-4)
    assert shards.class_names == folder.class_names == ("a", "b")
    places = Places.from_note(shards.metadata["shards"])
    assert dict(places.sizes) == {f"in-{i:02d}.tar": n for i, n in enumerate(SIZES)}


def test_features_of_shards_are_scored_as_the_images_are(images, small, capsys):
    options = ["encode", images / PATTERN, "--encoder", small, "-o", images / "features"]
    code, said, err = run(capsys, *options)
    assert (code, err) == (0, "")
    assert "28 examples of 3 shards encoded, in" in said
    names = sorted(path.name for path in (images / "features").iterdir())
    assert names == [f"in-{i:02d}.tar.features" for i in range(3)]
    found = FeatureFolder(images / "features")
    assert found.rows.dtype == torch.float16
    mapped = scored(capsys, images, source="features", out="m.safetensors")
    direct = scored(capsys, images, "--encoder", small)
    assert mapped.names == direct.names
    assert by_key(mapped) == pytest.approx(by_key(direct), rel=0.1)  # of float16
    assert mapped.metadata["shards"] == direct.metadata["shards"]
    before = [path.stat().st_mtime_ns for path in sorted((images / "features").iterdir())]
    (images / "features" / names[1]).unlink()
    _, said, _ = run(capsys, *options)
    assert "12 examples of 1 shard encoded, 2 shards there before" in said
    after = [path.stat().st_mtime_ns for path in sorted((images / "features").iterdir())]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_ranks_encode_their_own_shards(images, small, capsys, monkeypatch):
    for rank, shards in ((1, ["in-01.tar"]), (0, ["in-00.tar", "in-02.tar"])):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", "2")
        out = images / f"rank{rank}"
        assert run(capsys, "encode", images / PATTERN, "--encoder", small, "-o", out)[0] == 0
        assert sorted(p.name for p in out.iterdir()) == [f"{name}.features" for name in shards]


def test_features_of_another_encoder_or_shard_are_refused(images, small, capsys):
    options = ["encode", images / PATTERN, "-o", images / "features", "-q", "--encoder", small]
    assert run(capsys, *options)[0] == 0
    code, _, err = run(capsys, *options, "--resize", "4")
    assert code == 1
    assert "is of another options" in err
    assert "--overwrite" in err
    tars.write_tar(images / "in-00.tar", [("a.png", png(np.ones((8, 8, 3), np.uint8)))])
    code, _, err = run(capsys, *options)
    assert code == 1
    assert "in-00.tar.features" in err
    assert run(capsys, *options, "--overwrite")[0] == 0
    assert FeatureFolder(images / "features").places.sizes["in-00.tar"] == 1


def test_broken_members_are_named_and_left_out(images, small, capsys):
    shard = images / "in-01.tar"
    members = [m for e in read_examples(shard) for m in e.members.values()]
    read = [(m.name, read_member(shard, m)) for m in members]
    tars.write_tar(shard, [(name, b"x" if name == "k011.png" else file) for name, file in read])
    options = ["encode", images / PATTERN, "--encoder", small, "-o", images / "features"]
    code, _, err = run(capsys, *options)
    assert code == 1
    assert "in-01.tar/k011.png" in err
    assert "--skip-unreadable" in err
    code, said, _ = run(capsys, *options, "--skip-unreadable", "--overwrite")
    assert code == 0
    assert "left out: in-01.tar/k011" in said
    places = FeatureFolder(images / "features").places
    assert (places.sizes["in-01.tar"], len(places.codes)) == (12, 27)
    assert places.positions[9:20].tolist() == [0, 1, *range(3, 12)]
    scores = scored(capsys, images, source="features")
    assert "in-01.tar/k011" not in scores.names
    assert scores.metadata["shards"][1] == ["in-01.tar", 12, [2]]


def selected(capsys, images, *options):
    kept = images / "kept.parquet"
    code, _, err = run(capsys, "select", images / "s.safetensors", *options, "-o", kept, "-q")
    assert (code, err) == (0, "")
    return kept


def test_a_list_of_shards_keeps_the_same_by_key_by_place_and_by_number(images, capsys):
    scores = scored(capsys, images)
    kept = selected(capsys, images, "--keep", "0.5", "--policy", "low-first")
    chosen = PrunedSampler(scores, 0.5, policy="low-first").selection.tolist()
    names = {scores.names[i].rpartition("/")[2] for i in chosen}
    samples = [
        {"__key__": e.key, "__url__": str(path)}
        for path in sorted(images.glob("in-*.tar"))
        for e in read_examples(path)
    ]
    keys, places = KeepList.load(kept), KeepList.load(kept, key=None)
    assert {s["__key__"] for s in samples if keys(s)} == names
    assert {s["__key__"] for s in places.only(samples)} == names
    assert keys.counts == places.counts
    assert (keys.examples, places.examples) == (28, 28)
    shards = Shards(str(images / PATTERN), lambda url, only: only(by_url(samples, url)))
    assert {s["__key__"] for s in PrunedStream(shards, keys)} == names


def by_url(samples, url):
    return (sample for sample in samples if sample["__url__"] == url)


def test_keys_that_are_there_twice_make_a_list_by_place(images, capsys):
    content = png(np.full((8, 8, 3), 7, np.uint8))
    for i in range(2):
        members = [("same.png", content), ("same.cls", b"a"), (f"{i}.png", content[:-1] + b"x")]
        tars.write_tar(images / f"in-0{i}.tar", [*members, (f"{i}.cls", b"b")])
    code, _, _ = run(
        capsys, "score", images / "in-{00..01}.tar", "-o", images / "s.safetensors", "-q"
    )
    assert code == 0
    kept = images / "kept.parquet"
    code, _, err = run(capsys, "select", images / "s.safetensors", "--keep", "1", "-o", kept)
    assert code == 0
    assert "the key 'same' is there twice" in err
    assert len(KeepList.load(kept, key=None)) == 4
    with pytest.raises(ValueError, match="must have a column 'key'"):
        KeepList.load(kept)


def contents(paths):
    return {
        e.key: {end: read_member(path, m) for end, m in e.members.items()}
        for path in paths
        for e in read_examples(path)
    }


def test_apply_writes_shards_of_what_is_kept(images, capsys):
    scored(capsys, images)
    kept = selected(capsys, images, "--keep", "0.7")
    before = contents(sorted(images.glob("in-*.tar")))
    keep = KeepList.load(kept)
    out = images / "out"
    code, said, err = run(capsys, "apply", kept, images / PATTERN, "-o", out)
    assert (code, err) == (0, "")
    made = sorted(out.glob("*.tar"))
    assert f"{out}: {len(made)} shards written" in said
    after = contents(made)
    assert [*after] == [key for key in before if keep({"__key__": key})]
    assert all(before[key] == parts for key, parts in after.items())
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["kept"], manifest["examples"]) == (len(keep), 28)
    _, said, _ = run(capsys, "apply", kept, images / PATTERN, "-o", out)
    assert f"0 shards written, {len(made)} were there" in said
    (tmp := images / "relabel.csv").write_text("path,new_label\nin-01.tar/k010,b\n")
    if keep({"__key__": "k010"}):
        other = images / "other"
        assert run(capsys, "apply", kept, images / PATTERN, "-o", other, "--relabel", tmp)[0] == 0
        assert contents(sorted(other.glob("*.tar")))["k010"]["cls"] == b"b"
    assert contents(sorted(images.glob("in-*.tar"))) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["kept.txt", PATTERN, "-o", "out"], "is a .parquet file"),
        (["kept.parquet", PATTERN, "-o", "."], "must be a new folder"),
        (["kept.parquet", PATTERN, "-o", "out", "--link"], "not for shards"),
    ],
)
def test_bad_usage_of_apply(images, options, said, capsys, monkeypatch):
    monkeypatch.chdir(images)
    code, _, err = run(capsys, "apply", *options)
    assert code == 2
    assert said in err


def test_a_list_of_other_shards_is_refused(images, capsys, monkeypatch):
    monkeypatch.chdir(images)
    scored(capsys, images)
    kept = selected(capsys, images, "--keep", "1")
    code, _, err = run(capsys, "apply", kept, "in-{00..01}.tar", "-o", "out")
    assert code == 1
    assert "7 of the 28 examples" in err
    tars.write_tar("in-02.tar", [(f"z{i}.{e}", b"a") for i in range(7) for e in ("png", "cls")])
    code, _, err = run(capsys, "apply", kept, PATTERN, "-o", "out")
    assert code == 1
    assert "7 of the 28 examples at the places of the list" in err
    assert not os.path.exists("out")  # noqa: PTH110 (of the present folder)


def test_labels_of_a_json_field_and_embeddings_of_parquet(tmp_path, capsys):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rng = np.random.default_rng(0)
    for i in range(2):
        rows = rng.normal(size=(10, 4)).astype(np.float32)
        columns = {"embedding": [*rows], "kind": ["x", "y"] * 5}
        pq.write_table(pa.table(columns), tmp_path / f"p-{i}.parquet")
    options = ["--feature-columns", "embedding", "--label-column", "kind"]
    out = tmp_path / "features"
    assert run(capsys, "encode", tmp_path / "p-{0..1}.parquet", "-o", out, *options)[0] == 0
    found = FeatureFolder(out)
    assert found.labels == ["x", "y"] * 10
    assert found.names[11] == "p-1.parquet/1"
    members = []
    for i in range(6):
        pixels = rng.integers(0, 255, (4, 4, 3)).astype(np.uint8)
        label = json.dumps({"kind": "uv"[i % 2]}).encode()
        members += [(f"{i}.png", png(pixels)), (f"{i}.json", label)]
    tars.write_tar(tmp_path / "j.tar", members)
    scored_file = tmp_path / "s.safetensors"
    code, _, err = run(
        capsys, "score", tmp_path / "j.tar", "--label-column", "kind", "-o", scored_file, "-q"
    )
    assert (code, err) == (0, "")
    assert CGScores.load(scored_file).classes == (0, 1)
    assert CGScores.load(scored_file).class_names == ("u", "v")


@pytest.mark.slow
def test_a_killed_encoding_goes_on(images, small, capsys):
    """Encoding is killed when the first file is there; another run makes the others alone."""
    out = images / "features"
    command = ["encode", images / PATTERN, "--encoder", small, "-o", out]
    killed_at(images, f"{out}/in-01.tar.features", *command)
    (first,) = out.glob("in-*")
    made = first.stat().st_mtime_ns
    assert "19 examples of 2 shards encoded, 1 shard there before" in run(capsys, *command)[1]
    assert first.stat().st_mtime_ns == made
    assert len(FeatureFolder(out).places.codes) == sum(SIZES)
