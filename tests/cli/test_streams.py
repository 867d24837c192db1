"""`encode hf:NAME` to a folder: the samples of a stream, as Python and as the whole has them."""

import json
import socket

import datasets
import numpy as np
import pytest
import tiny_images
import tiny_texts
import torch
from cached_datasets import in_cache
from PIL import Image
from processes import killed_at
from safetensors.torch import load_file
from shell import run

from torch_cgprune import CGScores, KeepList
from torch_cgprune.streams.features import FeatureFolder

N = 24
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 156, (N, 20, 24, 3)) + 100 * (np.arange(N) % 2)[:, None, None, None]
IMAGES = [Image.fromarray(pixels.astype(np.uint8)) for pixels in PIXELS]
IMAGES[3] = IMAGES[3].convert("L")
KINDS = datasets.ClassLabel(names=["zebra", "ant"])
FEATURES = {"picture": datasets.Image(), "kind": KINDS, "id": datasets.Value("string")}
COLUMNS = {
    "picture": IMAGES,
    "kind": [i % 2 for i in range(N)],
    "id": [f"n{i:02d}" for i in range(N)],
}
TABLE = datasets.Dataset.from_dict(COLUMNS, datasets.Features(FEATURES))
OTHER = TABLE.select(range(5))
KEYLESS = TABLE.remove_columns("id")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    datasets.disable_progress_bars()

    def forbidden(*_, **__):
        pytest.fail("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", forbidden)
    yield
    datasets.enable_progress_bars()


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    """A small model of images, of transformers."""
    return tiny_images.saved_in(tmp_path_factory.mktemp("vit"))


def on_disk(folder):
    datasets.DatasetDict(train=TABLE, test=OTHER).save_to_disk(folder)


def in_parquet(folder):
    for i in range(2):
        TABLE.shard(2, i, contiguous=True).to_parquet(folder / f"train-0000{i}-of-00002.parquet")
    OTHER.to_parquet(folder / "test-00000-of-00001.parquet")


@pytest.mark.parametrize("save", [on_disk, in_parquet])
def test_features_of_a_stream_are_those_of_the_whole(tmp_path, capsys, vit, save):
    save(tmp_path / "saved")
    source, whole, out = f"hf:{tmp_path / 'saved'}", tmp_path / "f.features", tmp_path / "features"
    assert run(capsys, "encode", source, "--encoder", vit, "-o", whole, "-q") == (0, "", "")
    code, said, err = run(capsys, "encode", source, "--encoder", vit, "-o", out)
    assert (code, err) == (0, "")
    assert said.startswith(f"{out}: {N} examples encoded, in ")
    found = FeatureFolder(out)
    assert torch.equal(found.rows[:N], load_file(whole)["features"].half())
    assert found.labels == [("zebra", "ant")[i % 2] for i in range(N)]
    assert [name.rpartition("/")[2] for name in found.names] == COLUMNS["id"]
    assert run(capsys, "encode", source, "--encoder", vit, "-o", out)[1].startswith(
        f"{out}: 0 examples encoded, in "
    )


@pytest.mark.parametrize("table", [TABLE, KEYLESS])
def test_a_list_of_a_stream_filters_it(tmp_path, capsys, vit, table):
    table.to_parquet(tmp_path / "t.parquet")
    out, scores, kept = (tmp_path / name for name in ("features", "s.safetensors", "kept.parquet"))
    source = f"hf:{tmp_path / 't.parquet'}"
    assert run(capsys, "encode", source, "--encoder", vit, "-o", out, "-q")[0] == 0
    assert run(capsys, "score", out, "-o", scores, "-q")[0] == 0
    assert run(capsys, "select", scores, "--keep", "0.5", "-o", kept, "-q")[0] == 0
    names = [*CGScores.load(scores).names]
    keep = KeepList.load(kept, key="id")
    stream = table.to_iterable_dataset()
    if table is KEYLESS:
        chosen = [*stream.filter(lambda _, i: keep({"id": i}), with_indices=True)]
        numbers = [i for i in range(N) if keep({"id": i})]
        assert [name.rpartition("/")[2] for name in names] == [*map(str, range(N))]
    else:
        chosen = [*stream.filter(keep)]
        numbers = [i for i, key in enumerate(COLUMNS["id"]) if keep({"id": key})]
    assert len(chosen) == len(keep) == N // 2
    assert [np.asarray(row["picture"]).tolist() for row in chosen] == [
        np.asarray(IMAGES[i]).tolist() for i in numbers
    ]


def test_a_name_is_streamed_from_the_cache_or_from_where_it_is(tmp_path, capsys, vit, monkeypatch):
    in_cache(tmp_path, TABLE, monkeypatch)
    local, remote = tmp_path / "local", tmp_path / "remote"
    options = ["encode", "hf:me/mine", "--encoder", vit, "-q", "-o"]
    assert run(capsys, *options, local) == (0, "", "")
    assert [path.name for path in local.iterdir()] == ["me-mine-000000.features"]
    asked = []

    def load_dataset(name, **how):
        asked.append((name, how))
        parts = {"train": TABLE.to_iterable_dataset(), "test": OTHER.to_iterable_dataset()}
        return datasets.IterableDatasetDict(parts)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert run(capsys, *options, remote, "--download") == (0, "", "")
    assert asked == [("me/mine", {"streaming": True})]
    files = [load_file(folder / "me-mine-000000.features") for folder in (local, remote)]
    assert all(torch.equal(files[0][name], files[1][name]) for name in files[0])


def test_columns_that_are_named(tmp_path, capsys):
    tiny_texts.write_texts(tmp_path / "bert")
    texts = datasets.Dataset.from_dict(
        {"a": ["good film", "bad"], "b": ["c d", "e"], "kind": ["x", "y"], "other": [0, 1]}
    )
    texts.save_to_disk(tmp_path / "texts")
    capsys.readouterr()
    options = ["encode", f"hf:{tmp_path / 'texts'}", "--encoder", f"transformers:{tmp_path}/bert"]
    found = {}
    for column in "ab":
        out = tmp_path / column
        named = ["--text-column", column, "--label-column", "kind", "-q", "-o", out]
        assert run(capsys, *options, *named) == (0, "", "")
        found[column] = FeatureFolder(out)
        assert found[column].labels == ["x", "y"]
    assert not torch.equal(found["a"].rows[:2], found["b"].rows[:2])
    assert run(capsys, *options, "--text-column", "a", "-q", "-o", tmp_path / "n") == (0, "", "")
    assert FeatureFolder(tmp_path / "n").labels is None


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--encoder", "V", "--resize", "4"], 2, "--resize is not for"),
        (["--encoder", "V", "--overwrite"], 2, "--overwrite is not for"),
        (["--encoder", "V", "--skip-unreadable"], 2, "--skip-unreadable is not for"),
        (["--encoder", "V", "--feature-columns", "id"], 2, "--feature-columns is not for"),
        ([], 2, "Name it with --encoder NAME"),
        (["--encoder", "V", "--label-column", "gone"], 1, "has no column 'gone', but ['picture'"),
        (["--encoder", "V", "--path-column", "gone"], 1, "name that of the images"),
    ],
)
def test_bad_usage(tmp_path, capsys, vit, options, code, said):
    TABLE.save_to_disk(tmp_path / "t")
    named = [vit if option == "V" else option for option in options]
    found = run(capsys, "encode", f"hf:{tmp_path / 't'}", "-o", tmp_path / "features", *named)
    assert found[0] == code
    assert said in found[2]
    assert not (tmp_path / "features").exists()


def test_features_do_not_go_to_a_file(tmp_path, capsys, vit):
    TABLE.save_to_disk(tmp_path / "t")
    (tmp_path / "there").write_text("mine")
    options = ["--encoder", vit, "-o", tmp_path / "there"]
    code, _, err = run(capsys, "encode", f"hf:{tmp_path / 't'}", *options)
    assert code == 2
    assert "go to a folder" in err
    assert (tmp_path / "there").read_text() == "mine"


def test_streams_that_are_not_encoded(tmp_path, capsys, vit, monkeypatch):
    options = ["--encoder", vit, "-q", "-o", tmp_path / "features"]
    TABLE.select([]).to_parquet(tmp_path / "empty.parquet")
    code, _, err = run(capsys, "encode", f"hf:{tmp_path / 'empty.parquet'}", *options)
    assert code == 1
    assert "has no samples" in err
    TABLE.save_to_disk(tmp_path / "t")
    assert run(capsys, "encode", f"hf:{tmp_path / 't'}", *options)[0] == 0
    code, _, err = run(capsys, "encode", f"hf:{tmp_path / 't'}", *options, "--label-column", "id")
    assert code == 1
    assert err.endswith("is of another options. Name another folder.\n")
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, _, err = run(capsys, "encode", f"hf:{tmp_path / 't'}", *options)
    assert code == 2
    assert "without torchrun" in err


@pytest.mark.slow
def test_a_killed_stream_goes_on(tmp_path, capsys):
    """It is killed with one part of three: that part is not made again."""
    tiny_texts.write_texts(tmp_path / "bert")
    texts = [" ".join(RNG.choice([*"abcdefgh"], 3)) for _ in range(4100)]
    table = datasets.Dataset.from_dict({"text": texts, "label": [i % 3 for i in range(4100)]})
    table.to_parquet(tmp_path / "t.parquet")
    out = tmp_path / "features"
    command = ["encode", f"hf:{tmp_path / 't.parquet'}", "--text-column", "text", "-o", out]
    command += ["--encoder", f"transformers:{tmp_path}/bert"]
    killed_at(tmp_path, f"{out}/*-000001.features", *command)
    (first,) = out.glob("*-*.features")
    made = first.stat().st_mtime_ns
    code, said, _ = run(capsys, *command, "--json")
    assert code == 0
    assert json.loads(said)["examples"] == 2100
    assert first.stat().st_mtime_ns == made
    found = FeatureFolder(out)
    assert [name.rpartition("/")[2] for name in found.names] == [*map(str, range(4100))]
    assert found.labels == [str(i % 3) for i in range(4100)]
