"""What ``datasets`` has saved, as hf:NAME_OR_FOLDER: read as Python reads it, and never fetched."""

import io
import socket
import sys

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from cached_datasets import in_cache
from PIL import Image

from torch_cgprune import CGScoredDataset, CGScores
from torch_cgprune.cli import main
from torch_cgprune.cli.source import open_source

N = 12
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (N, 4, 5, 3), dtype=np.uint8)
KINDS = datasets.ClassLabel(names=["zebra", "ant", "bee"])
CODES = [i % 3 for i in range(N)]
TABLE = datasets.Dataset.from_dict(
    {
        "picture": [Image.fromarray(pixels) for pixels in PIXELS],
        "kind": CODES,
        "text": [f"text {i}" for i in range(N)],
        "emb": RNG.normal(size=(N, 3)).tolist(),
    },
    datasets.Features(
        {
            "picture": datasets.Image(),
            "kind": KINDS,
            "text": datasets.Value("string"),
            "emb": [datasets.Value("float32")],
        }
    ),
)
OTHER = TABLE.select(range(6, 12)).remove_columns("text")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def forbidden(*_, **__):
        pytest.fail("a connection was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)


def on_disk(folder):
    TABLE.save_to_disk(folder)


def with_indices(folder):
    twice = datasets.concatenate_datasets([TABLE, TABLE])
    twice.select([*range(N, 2 * N)]).save_to_disk(folder)


def in_shards(folder):
    for i in range(2):
        part = TABLE.shard(2, i, contiguous=True)
        part.to_parquet(folder / "data" / f"train-0000{i}-of-00002.parquet")
    OTHER.to_parquet(folder / "data" / "test-00000-of-00001.parquet")


def in_folders(folder):
    TABLE.to_parquet(folder / "train" / "0000.parquet")
    OTHER.to_parquet(folder / "test" / "0000.parquet")


def nameless(folder):
    for i in range(2):
        TABLE.shard(2, i, contiguous=True).to_parquet(folder / f"part{i}.parquet")


def with_train(folder):
    datasets.DatasetDict(test=OTHER, train=TABLE).save_to_disk(folder)


def of_one_split(folder):
    datasets.DatasetDict(validation=TABLE).save_to_disk(folder)


def of_two_splits(folder):
    datasets.DatasetDict(dev=TABLE, test=OTHER).save_to_disk(folder)


def as_file(folder):
    TABLE.to_parquet(folder)


# How TABLE is saved, and by which name it is read.
FORMS = {
    "disk": (on_disk, "hf:{}"),
    "indices": (with_indices, "hf:{}"),
    "train": (with_train, "hf:{}"),
    "one split": (of_one_split, "hf:{}"),
    "split": (of_two_splits, "hf:{}/dev"),
    "file": (as_file, "hf:{}"),
    "plain file": (as_file, "{}"),
    "shards": (in_shards, "hf:{}"),
    "folders": (in_folders, "hf:{}"),
    "nameless": (nameless, "hf:{}"),
}


def saved(folder, form):
    save, source = FORMS[form]
    folder = folder.with_suffix(".parquet") if save is as_file else folder
    save(folder)
    return source.format(folder)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_as_python_reads_it(tmp_path, form):
    opened = open_source(saved(tmp_path / "saved", form))
    assert len(opened.dataset) == N
    assert [*opened.rows] == [*range(N)]
    got = CGScoredDataset(opened.dataset, transform=opened.transform, progress=False).scores
    expected = CGScoredDataset(TABLE, features="picture", labels="kind", progress=False).scores
    assert torch.equal(got.terms, expected.terms)
    assert torch.equal(got.labels, expected.labels)
    assert got.class_names == ("zebra", "ant", "bee")
    assert np.array_equal(np.asarray(opened.dataset[7][0]), PIXELS[7])


@pytest.mark.parametrize("form", ["disk", "file"])
def test_other_columns_by_name(tmp_path, form):
    source = saved(tmp_path / "saved", form)
    texts = open_source(source, text_column="text")
    assert texts.dataset[4] == ("text 4", 1)
    assert texts.dataset.classes == ["zebra", "ant", "bee"]
    numbers = open_source(source, feature_columns=["emb"], label_column="text")
    np.testing.assert_allclose(numbers.features, np.array(TABLE["emb"]), rtol=1e-6)
    assert numbers.labels == [f"text {i}" for i in range(N)]
    assert open_source(source, feature_columns=["emb"]).labels[:2] == ["zebra", "ant"]


@pytest.mark.parametrize("form", ["disk", "file"])
def test_labels_that_are_missing_are_told(tmp_path, form):
    codes = {"kind": [0, -1, 2, None]}
    features = datasets.Features({"kind": KINDS, "x": datasets.Value("float32")})
    table = datasets.Dataset.from_dict(codes | {"x": [0.5] * 4}, features)
    source = tmp_path / "t.parquet"
    if form == "disk":
        table.save_to_disk(tmp_path / "t")
        source = tmp_path / "t"
    else:
        table.to_parquet(source)
    with pytest.raises(ValueError, match=r"no label \(column 'kind'\) in row 1, row 3"):
        open_source(f"hf:{source}")


def test_arrays_of_datasets(tmp_path):
    features = datasets.Features({"x": datasets.Array2D((2, 3), "float32"), "label": KINDS})
    rows = RNG.normal(size=(4, 2, 3)).astype(np.float32)
    table = datasets.Dataset.from_dict({"x": rows.tolist(), "label": CODES[:4]}, features)
    table.save_to_disk(tmp_path / "disk")
    table.to_parquet(tmp_path / "t.parquet")
    for source in ("disk", "t.parquet"):
        found = open_source(f"hf:{tmp_path / source}")
        assert np.array_equal(found.features, rows.reshape(4, 6))


def test_folders_that_are_none_and_splits_that_are_not_chosen(tmp_path):
    with pytest.raises(ValueError, match=r"save_to_disk has written, or hold .parquet files"):
        open_source(f"hf:{tmp_path}")
    datasets.DatasetDict(a=TABLE, b=OTHER).save_to_disk(tmp_path / "ab")
    with pytest.raises(ValueError, match=r"splits a, b, and no train.*, as hf:.*ab/a\.$"):
        open_source(f"hf:{tmp_path / 'ab'}")
    for split in ("test", "validation"):
        TABLE.to_parquet(tmp_path / "two" / f"{split}.parquet")
    with pytest.raises(ValueError, match=r"splits test, validation, and no train"):
        open_source(f"hf:{tmp_path / 'two'}")
    TABLE.to_parquet(tmp_path / "mix" / "a.parquet")
    OTHER.to_parquet(tmp_path / "mix" / "b.parquet")
    with pytest.raises(ValueError, match=r"mix' differ in their columns"):
        open_source(f"hf:{tmp_path / 'mix'}")
    with pytest.raises(ValueError, match="no column 'label'"):
        open_source(f"hf:{saved(tmp_path / 'disk', 'disk')[3:]}", label_column="label")


@pytest.mark.parametrize("name", ["squad", "nobody/nothing", "/gone/away"])
def test_a_name_is_looked_up_in_the_cache_alone(tmp_path, monkeypatch, name):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path))
    before = datasets.config.HF_HUB_OFFLINE
    with pytest.raises(FileNotFoundError, match=rf"no folder '{name}'.* or pass --download\.$"):
        open_source(f"hf:{name}")
    assert datasets.config.HF_HUB_OFFLINE is before


def test_a_dataset_in_the_cache_is_found_by_its_name(tmp_path, monkeypatch):
    in_cache(tmp_path, TABLE, monkeypatch)
    opened = open_source("hf:me/mine")
    assert len(opened.dataset) == N
    assert opened.dataset.classes == ["zebra", "ant", "bee"]


def test_a_download_is_made_on_request_alone(monkeypatch):
    asked = []
    monkeypatch.setattr(
        datasets,
        "load_dataset",
        lambda name: asked.append((name, datasets.config.HF_HUB_OFFLINE)) or {"train": TABLE},
    )
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    open_source("hf:me/mine")
    open_source("hf:me/mine", download=True)
    assert asked == [("me/mine", True), ("me/mine", False)]


def test_without_datasets_there_is_a_cure(tmp_path, monkeypatch):
    source = saved(tmp_path / "saved", "disk")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match=r"need datasets: pip install .torch-cgprune\[hf\]"):
        open_source(source)


def test_from_the_shell_to_the_page(tmp_path, capsys):
    broken = TABLE.cast_column("picture", datasets.Image(decode=False)).map(
        lambda row, i: {"picture": {"bytes": b"no" if i == 3 else row["picture"]["bytes"]}},
        with_indices=True,
    )
    broken.save_to_disk(tmp_path / "disk")
    source, out = f"hf:{tmp_path / 'disk'}", str(tmp_path / "s.safetensors")
    assert main(["score", source, "-o", out, "-q", "--resize", "4"]) == 1
    assert "1 of 12 images cannot be read: 'row 3 of " in capsys.readouterr().err
    assert main(["score", source, "-o", out, "-q", "--resize", "4", "--skip-unreadable"]) == 0
    assert len(CGScores.load(out)) == N - 1
    assert main(["report", out, source, "-o", str(tmp_path / "p.html"), "-q"]) == 0
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "zebra" in page
    assert "UklGR" in page  # a WebP picture


def test_an_image_that_is_a_file_beside(tmp_path):
    (tmp_path / "images").mkdir()
    Image.fromarray(PIXELS[0]).save(tmp_path / "images" / "a.png")
    buffer = io.BytesIO()
    Image.fromarray(PIXELS[1]).save(buffer, "png")
    rows = [{"path": str(tmp_path / "images" / "a.png"), "bytes": None}]
    rows += [{"path": None, "bytes": buffer.getvalue()}]
    features = datasets.Features({"picture": datasets.Image(decode=False), "kind": KINDS})
    table = datasets.Dataset.from_dict({"picture": rows, "kind": [0, 1]}, features)
    table.to_parquet(tmp_path / "t.parquet")
    opened = open_source(str(tmp_path / "t.parquet"))
    for i in range(2):
        assert np.array_equal(np.asarray(opened.dataset[i][0]), PIXELS[i])


def test_a_list_is_applied_to_a_file_and_to_a_folder_by_datasets(tmp_path, capsys):
    source, kept = saved(tmp_path / "saved", "file"), tmp_path / "kept.npy"
    source = source.removeprefix("hf:")
    np.save(kept, [0, 1, 5, 7])
    (tmp_path / "relabel.csv").write_text("index,new_label\n1,bee\n")
    clean = tmp_path / "clean.parquet"
    options = ["-o", clean, "--relabel", tmp_path / "relabel.csv", "-q"]
    assert main([*map(str, ["apply", kept, source, *options])]) == 0
    assert pq.read_schema(clean) == pq.read_schema(source)
    opened = open_source(f"hf:{clean}")
    assert [opened.dataset[i][1] for i in range(4)] == [0, 2, 2, 1]
    assert np.array_equal(np.asarray(opened.dataset[2][0]), PIXELS[5])
    on_disk(tmp_path / "folder")
    for out in ("clean.d", "clean.2.parquet"):
        argv = ["apply", kept, f"hf:{tmp_path / 'folder'}", "-o", tmp_path / out]
        assert main([*map(str, argv)]) == 2
        assert (
            "load_from_disk(FOLDER).select(kept).save_to_disk('clean')" in capsys.readouterr().err
        )
