"""From a file to a cleaned copy on disk, as the recipes of examples/README.md go there."""

import dataclasses
import gzip
import re
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images
from tiny_texts import write_texts

from torch_cgprune import CGScoredDataset, CGScores, PrunedSampler, encoders
from torch_cgprune.cli import main
from torch_cgprune.cli.source import open_source
from torch_cgprune.inputs.names import find_names

LITE = "efficientnet_lite:lite0"
RNG = np.random.default_rng(0)
N = 40
# Two classes that numbers tell apart; the third example is in the wrong one, the sixth a near copy.
CODES = np.arange(N) % 2
ROWS = RNG.normal(size=(N, 12)).astype(np.float32) / 4 + CODES[:, None]
ROWS[6] = ROWS[4] + 0.001 * np.arange(12)
GIVEN = ["bee" if code else "ant" for code in np.where(np.arange(N) == 3, 0, CODES)]
FRAME = pd.DataFrame(ROWS, columns=[*"abcdefghijkl"]).assign(kind=GIVEN)
README = Path(__file__).parents[1] / "examples/README.md"


def recipe(source):
    """Return the commands of the recipes' block that scores this source, without the program."""
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if f" score {source} " in block]
    return [line.removeprefix("torch-cgprune ") for line in block.splitlines()]


@pytest.fixture
def walk(tmp_path, monkeypatch, capsys):
    """Run commands in an empty folder, as they are typed; return what the last one said."""
    monkeypatch.chdir(tmp_path)

    def run(*commands, code=0):
        for command in commands:
            assert main(command.split()) == code, capsys.readouterr().err
            said = capsys.readouterr()
        return said.out + said.err

    return run


def indices_in(path):
    return pd.read_csv(path)["index"].tolist()


def names_in(folder):
    return [*find_names(open_source(folder, progress=False).dataset)]


@pytest.fixture
def photographs(tmp_path):
    """Parts of two photographs, in different sizes; of the test set one is of the training set."""
    for code, whole in enumerate(load_sample_images().images):
        for i in range(12):
            top, left = 130 * (i // 4), 150 * (i % 4)
            part = whole[top : top + 130 - i, left : left + 140 + code]
            name = ("roof", "flower")[code if (code, i) != (0, 7) else 1]  # one in the wrong class
            path = (
                tmp_path
                / ("test" if (code, i) == (0, 11) else "photos")
                / name
                / f"{code}-{i:02}.jpg"
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(part).save(path, quality=95)
    leak = Image.open(tmp_path / "photos" / "roof" / "0-05.jpg")
    leak.resize((200, 190)).save(tmp_path / "test" / "roof" / "leak.jpg", quality=80)


@pytest.mark.slow
@pytest.mark.usefixtures("photographs")
def test_a_folder_of_photographs(walk, tmp_path):
    score, suspects, report, near, select, apply = recipe("photos")
    assert "flower/0-07.jpg" in walk(score, suspects)
    walk(report, "select scores.safetensors --keep 1 -o all.txt")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("UklGR") >= 16
    ticked = "path,label,new_label\nflower/0-07.jpg,flower,roof\n"  # as the page writes it
    (tmp_path / "relabel.csv").write_text(ticked)
    assert "1 of 23 training examples, 1 of 2 test examples" in walk(near)
    walk(select, apply)
    kept, whole = ((tmp_path / f"{name}.txt").read_text().split() for name in ("kept", "all"))
    assert sorted({*whole} - {*kept}) == ["roof/0-05.jpg"]
    moved = {"flower/0-07.jpg": "roof/0-07.jpg"}
    assert names_in("clean") == sorted(moved.get(name, name) for name in kept)


def test_arrays(walk, tmp_path):
    np.savez(tmp_path / "train.npz", features=ROWS, labels=GIVEN)
    walk(*recipe("train.npz")[:2])
    said = walk("apply kept.npy train.npz -o clean.npz", code=2)
    cure = re.search(r"kept\.npy: (.*?), and (numpy.savez.*)\.$", " ".join(said.split()))
    x, y = (np.load("train.npz")[name] for name in ("features", "labels"))
    exec("\n".join(cure.groups()), {"numpy": np, "x": x, "y": y})
    clean, kept = np.load("clean.npz"), np.load("kept.npy")
    assert [*kept] == [i for i in range(N) if i != 3]
    assert np.array_equal(clean["features"], ROWS[kept])
    assert [*clean["labels"]] == [GIVEN[i] for i in kept]
    assert walk("score clean.npz -o clean.safetensors").startswith("39 examples of 2 classes")


@pytest.mark.parametrize("form", ["parquet", "csv.gz", "jsonl"])
def test_a_table_of_numbers(walk, form):
    if form == "parquet":
        FRAME.to_parquet("train.parquet")
    elif form == "jsonl":
        FRAME.to_json("train.jsonl", orient="records", lines=True)
    else:
        FRAME.to_csv(f"train.{form}", index=False)
    commands = [line.replace(".parquet", f".{form}") for line in recipe("train.parquet")]
    walk(*commands, "export scores.safetensors -o scores.parquet")
    table = pd.read_parquet("scores.parquet")
    for read in (table, pd.read_csv("scores.csv")):
        assert [*read["copy_group"].dropna().index] == [4, 6]
    assert table["suggested_label"][3] == "bee"
    kept = indices_in("kept.csv")
    assert [i for i in range(N) if i not in kept] == [6]
    opened = open_source(f"clean.{form}", label_column="kind", progress=False)
    np.testing.assert_allclose(opened.features, ROWS[kept], rtol=1e-5)
    assert opened.labels == [GIVEN[i] for i in kept]
    if form == "csv.gz":
        files = (Path(f"{name}.csv.gz").read_bytes() for name in ("train", "clean"))
        before, after = (gzip.decompress(file).splitlines() for file in files)
        assert after == [before[0], *(before[1 + i] for i in kept)]
    said = walk(f"near train.{form} clean.{form} --label-column kind --near 1")
    assert f"{N - 1} of {N} training examples" in said


@pytest.mark.parametrize("library", [pd, pl])
def test_a_frame(library, tmp_path):
    frame = FRAME if library is pd else pl.DataFrame(FRAME.to_dict(orient="list"))
    train = CGScoredDataset(frame, labels="kind", near=0.999, progress=False)
    assert train.scores.to_pandas()["suggested_label"][3] == "bee"
    sampler = PrunedSampler(train, keep=1, policy="random", exclude="suspects")
    kept = sampler.subset(frame)
    assert sampler.selection.tolist() == [i for i in range(N) if i != 3]
    if library is pd:
        kept.to_parquet(tmp_path / "clean.parquet")
        assert kept.equals(frame.drop(index=3))
    else:
        kept.write_parquet(tmp_path / "clean.parquet")
    read = library.read_parquet(tmp_path / "clean.parquet")
    assert read.equals(kept)
    copies = PrunedSampler(train, keep=1, policy="random", exclude="copies")
    assert len(copies.subset(frame)) == N - 1


TEXTS = [f"{('bad', 'good')[i % 2]} {'film ' * (i % 3)}{'abcdefgh'[i % 8]}" for i in range(N)]


def test_texts(walk, tmp_path):
    (tmp_path / "network").mkdir()
    write_texts(tmp_path / "network")
    frame = pd.DataFrame({"text": TEXTS, "label": GIVEN})
    frame.to_csv("train.csv", index=False)
    score, select, apply = recipe("train.csv")
    walk(score, "report scores.safetensors train.csv -o page.html", select, apply)
    assert ">good film b</span>" in (tmp_path / "page.html").read_text(encoding="utf-8")
    kept = indices_in("kept.csv")
    assert pd.read_csv("clean.csv").equals(frame.iloc[kept].reset_index(drop=True))
    said = walk("apply kept.csv train.csv --text-column text -o same.csv")
    assert "pass --scores" in said
    assert (tmp_path / "same.csv").read_bytes() == (tmp_path / "clean.csv").read_bytes()
    encoder = "--text-column text --encoder transformers:network"
    walk(f"encode train.csv {encoder} -o train.features")
    walk("score train.csv --text-column text --features train.features -o again.safetensors")
    scores = CGScores.load("scores.safetensors")
    assert CGScores.load("again.safetensors").terms.equal(scores.terms)
    assert "of 20 test examples" in walk(f"near train.csv clean.csv {encoder}")

    network = dataclasses.replace(encoders.load("transformers:network"), column="text")
    for table in (frame, datasets.Dataset.from_pandas(frame)):
        train = CGScoredDataset(table, features=network, labels="label", progress=False)
        np.testing.assert_allclose(train.scores.values, scores.values, rtol=1e-3, atol=1e-6)
        part = PrunedSampler(train, keep=0.5, policy="stratified").subset(table)
        assert [*part["text"]] == [TEXTS[i] for i in kept]


def test_what_datasets_has_saved(walk):
    kinds = datasets.Features(
        {"x": [datasets.Value("float32")], "kind": datasets.ClassLabel(names=["bee", "ant"])}
    )
    table = {"x": ROWS.tolist(), "kind": [int(name == "ant") for name in GIVEN]}
    saved = datasets.Dataset.from_dict(table, kinds)
    saved.save_to_disk("saved")
    walk(*recipe("hf:saved")[2:])
    Path("kept-of-saved.npy").rename("kept.npy")
    said = " ".join(walk("apply kept.npy hf:saved -o clean", code=2).split())
    lines = re.search(r"(kept = .*?), and (.*)\.$", said).groups()
    exec("\n".join(lines).replace("FOLDER", "'saved'"), {"numpy": np, "datasets": datasets})
    clean = datasets.load_from_disk("clean")
    assert clean.to_dict() == saved.select([i for i in range(N) if i != 3]).to_dict()
    assert walk("score hf:clean -o clean.safetensors").startswith("39 examples of 2 classes")
    train = CGScoredDataset(saved, features="x", labels="kind", progress=False)
    part = PrunedSampler(train, policy="noise-filter").subset(saved)
    assert part.to_dict() == clean.to_dict()
