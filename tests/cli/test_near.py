"""What a test set has in common with a training set, in the shell."""

import csv
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from shell import run
from torch.utils.data import TensorDataset

from torch_cgprune import CGScores, PrunedSampler, near_copies
from torch_cgprune.cli.source import KNOWN


@pytest.fixture
def sources(tmp_path):
    """Of TRAIN, 3 and 4 are in TEST as 0 and 1, the latter with another label, 7 nearly as 2."""
    rng = np.random.default_rng(0)
    x, other = rng.normal(size=(40, 8)), rng.normal(size=(20, 8))
    other[0], other[1], other[2] = x[3], 2 * x[4], x[7] + 0.05
    labels = np.array(["ant", "bee"])[np.arange(40) % 2]
    theirs = np.array(["bee", "bee", "bee", *["ant"] * 17])
    np.savez(tmp_path / "train.npz", features=x, labels=labels)
    np.savez(tmp_path / "test.npz", features=other, labels=theirs)
    return tmp_path / "train.npz", tmp_path / "test.npz"


@pytest.fixture
def folders(tmp_path):
    """Two folders of images; a training image is in the test set under another name and class."""
    rng = np.random.default_rng(0)
    for part, n in (("train", 6), ("test", 3)):
        for name in ("ä, b", 'c"d'):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{i}.png")
    image = Image.open(tmp_path / "train" / "ä, b" / "4.png")
    image.save(tmp_path / "test" / 'c"d' / "line\nbreak.png")
    return tmp_path / "train", tmp_path / "test"


def test_near_is_the_librarys(sources, capsys):
    train, test = (np.load(path)["features"] for path in sources)
    copies = near_copies(train, test, near=0.9, progress=False)
    code, said, err = run(capsys, "near", *sources, "--near", 0.9, "--json")
    assert (code, err) == (0, "")
    assert json.loads(said) == {
        "train": 40,
        "test": 20,
        "pairs": len(copies.pairs),
        "train_examples": len(copies.pairs[:, 0].unique()),
        "test_examples": len(copies.pairs[:, 1].unique()),
        "different_labels": 1,
        "near": 0.9,
        "output": None,
    }
    assert len(copies.pairs) == 3
    _, said, _ = run(capsys, "near", *sources, "--near", 0.9)
    first, second, _, head, *rows = said.splitlines()
    assert first == (
        "3 pairs of cosine 0.9 or more: 3 of 40 training examples, 3 of 20 test examples"
    )
    assert second == "1 pair with different labels"
    assert head.split() == ["the", "closest", "of", "the", "test", "set", "cosine"]
    assert [row.split() for row in rows[:2]] == [
        ["3", "(bee)", "0", "(bee)", "1.000000"],
        ["4", "(ant)", "1", "(bee)", "1.000000"],
    ]
    assert run(capsys, "near", *sources, "-q") == (0, "", "")


def test_none_is_an_answer_too(sources, capsys, tmp_path):
    path = tmp_path / "leaked.csv"
    code, said, _ = run(capsys, "near", sources[0], sources[0], "--near", 1, "-o", path)
    assert (code, said.splitlines()[0][:8]) == (0, "40 pairs")
    np.savez(tmp_path / "far.npz", features=-np.ones((1, 8)), labels=["ant"])
    code, said, _ = run(capsys, "near", sources[0], tmp_path / "far.npz", "-o", path)
    assert (code, said.splitlines()[0][:8]) == (0, "0 pairs ")
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_pairs_are_a_list_of_what_to_exclude(folders, form, capsys, tmp_path):
    path, scored = tmp_path / f"leaked.{form}", tmp_path / "s.safetensors"
    code, said, err = run(capsys, "near", *folders, "-o", path)
    assert (code, err) == (0, "")
    assert said.endswith(f"{path}: written\n")
    assert "line break.png" in said
    expected = {
        "index": 10,
        "path": "ä, b/4.png",
        "label": "ä, b",
        "test_index": 3,
        "test_path": 'c"d/line\nbreak.png',
        "test_label": 'c"d',
        "cosine": 1.0,
    }
    if form == "csv":
        with path.open(newline="", encoding="utf-8") as file:
            (row,) = csv.DictReader(file)
        assert row == {name: str(value) for name, value in expected.items()}
    else:
        (row,) = json.loads(path.read_text())["pairs"]
        assert row == expected
    assert run(capsys, "score", folders[0], "-o", scored, "-q")[0] == 0
    code, said, err = run(capsys, "select", scored, "--keep", 1, "--exclude", path, "--json")
    assert (code, err) == (0, "")
    assert json.loads(said)["indices"] == [i for i in range(12) if i != 10]
    sampler = PrunedSampler(CGScores.load(scored), 1, exclude=path, policy="low-first")
    assert sampler.selection.tolist() == [i for i in range(12) if i != 10]


def test_labels_need_not_be_there_or_alike(sources, tmp_path, capsys):
    arrays = [tmp_path / "train.npy", tmp_path / "test.npy"]
    for path, source in zip(arrays, sources, strict=True):
        np.save(path, np.load(source)["features"])
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"{i % 2}\n" for i in range(40)))
    _, said, _ = run(capsys, "near", *arrays, "--json")
    assert json.loads(said)["different_labels"] is None
    _, said, _ = run(capsys, "near", arrays[0], sources[1], "--labels", labels, "--json")
    assert json.loads(said)["different_labels"] is None  # 0 and 1 beside ant and bee
    theirs = tmp_path / "theirs.txt"
    theirs.write_text("1\n0\n" + "1\n" * 18)
    options = ["--labels", labels, "--test-labels", theirs, "--json"]
    _, said, _ = run(capsys, "near", *arrays, *options)
    assert json.loads(said)["different_labels"] == 0


def test_features_take_the_place_of_the_images(folders, tmp_path, capsys):
    torch.manual_seed(0)
    train, test = torch.randn(12, 4), torch.randn(7, 4)
    test[2] = train[11]
    np.save(tmp_path / "a.npy", train.numpy())
    np.save(tmp_path / "b.npy", test.numpy())
    options = ["--features", tmp_path / "a.npy", "--test-features", tmp_path / "b.npy"]
    path = tmp_path / "pairs.csv"
    assert run(capsys, "near", *folders, *options, "--near", 1, "-o", path, "-q")[0] == 0
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["path"], row["test_path"]) == ("ä, b/5.png", 'c"d/2.png')


def test_of_a_dataset_of_torchvision_the_parts_are_compared(monkeypatch, capsys):
    opened = []

    def dataset(root, train, download):
        opened.append((root, train, download))
        images = torch.rand(6, 4, generator=torch.Generator().manual_seed(int(train)))
        return TensorDataset(images, torch.arange(6) % 2)

    monkeypatch.setitem(KNOWN, "mnist", dataset)
    code, said, err = run(capsys, "near", "mnist:data", "mnist:data", "--near", 1, "--json")
    assert (code, err) == (0, "")
    assert json.loads(said)["pairs"] == 0
    assert opened == [("data", True, False), ("data", False, False)]


def test_what_cannot_be_compared_says_so(sources, folders, tmp_path, capsys):
    rows = np.load(sources[1])["features"]
    rows[[3, 5], 2] = np.nan
    np.savez(tmp_path / "nan.npz", features=rows, labels=np.arange(20) % 2)
    Image.new("RGB", (5, 5)).save(folders[1] / 'c"d' / "black.png")
    for argv, message in (
        ((sources[0], folders[1]), "are 8 numbers each, those of .* 75. .* pass --resize N"),
        ((sources[0], tmp_path / "nan.npz"), "nan.npz: 2 rows of the 'others' hold NaN or inf"),
        ((tmp_path / "nan.npz", sources[0]), "nan.npz: 2 rows of the 'features' hold NaN"),
        (folders, r"test: The image 'c\"d/black.png' cannot be scored"),
        ((sources[0], tmp_path / "gone"), "There is no source .*gone"),
    ):
        code, out, err = run(capsys, "near", *argv)
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        assert re.search(message, err), err
    code, said, err = run(capsys, "near", *folders, "--skip-unreadable", "--json")
    assert (code, json.loads(said)["test"]) == (0, 7)


def test_an_output_is_no_input_and_has_a_known_ending(sources, capsys, tmp_path):
    assert run(capsys, "near", *sources, "-o", sources[1])[0] == 2
    code, _, err = run(capsys, "near", *sources, "-o", tmp_path / "leaked.txt")
    assert code == 2
    assert "must end as its format says, in .csv or .json" in err
    assert not (tmp_path / "leaked.txt").exists()


@pytest.mark.parametrize("named", [False, True])
def test_a_table_needs_labels_only_where_they_are_named(named, tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = [",".join(map(str, row)) for row in rng.normal(size=(12, 4)).round(3)]
    kinds = [f"{row},{'ab'[i % 2]}" for i, row in enumerate(rows)]
    (tmp_path / "train.csv").write_text("\n".join(["a,b,c,d,label", *kinds]) + "\n")
    (tmp_path / "test.csv").write_text("\n".join(["a,b,c,d", *rows[3:5]]) + "\n")
    options = ["--label-column", "label"] if named else []
    code, out, err = run(
        capsys, "near", tmp_path / "train.csv", tmp_path / "test.csv", "--json", *options
    )
    if named:
        assert code == 1
        assert "has no column 'label'" in err
    else:
        assert json.loads(out)["pairs"] == 2
