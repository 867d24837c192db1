"""A cleaned dataset on disk: read again, it is exactly what the list keeps."""

import csv
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from shell import run

from torch_cgprune import CGScores
from torch_cgprune.cli import main
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.skipping import without_bad
from torch_cgprune.cli.source import open_source
from torch_cgprune.inputs.names import find_names
from torch_cgprune.lists import FORMATS, listed
from torch_cgprune.lists.copying import OWN

ODD = ("two words", 'a "quoted" one', "bücher-猫", "comma, 'more'", "-o", "50%", "sub/deep")
CLASSES = ("ant", "bee, or wasp", "cät")


def refused(capsys, *argv):
    code, out, err = run(capsys, "apply", *argv)
    assert code in (1, 2)
    assert out == ""
    assert err.count("\n") == 1
    return err


@pytest.fixture
def source(tmp_path):
    """Three classes of seven images with odd names, one of a subfolder, some of the same name."""
    for code, name in enumerate(CLASSES):
        for i, stem in enumerate(ODD):
            path = tmp_path / "source" / name / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(7 * code + i).integers(0, 99, (4, 4, 3), dtype=np.uint8)
            pixels[code] += 150
            Image.fromarray(pixels).save(path)
    return tmp_path / "source"


@pytest.fixture
def scores(source, tmp_path):
    assert main(["score", str(source), "-o", str(tmp_path / "s.safetensors"), "-q"]) == 0
    return CGScores.load(tmp_path / "s.safetensors")


def contents(folder):
    """What files of a source hold, with their labels, in order."""
    dataset = open_source(str(folder), progress=False).dataset
    return [(Path(path).read_bytes(), dataset.classes[c]) for path, c in dataset.samples]


def snapshot(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.lstat().st_mtime_ns, path.read_bytes()) for path in files}


KEPT = torch.tensor([0, 2, 5, 7, 8, 13, 14, 19])


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("options", [[], ["--link"]])
def test_read_again_a_folder_is_exactly_the_list(source, scores, tmp_path, capsys, form, options):
    kept, clean = tmp_path / f"kept.{form}", tmp_path / "clean"
    kept.write_bytes(listed(KEPT, scores, form))
    before = snapshot(source)
    code, out, err = run(capsys, "apply", kept, source, "-o", clean, *options)
    assert (code, err == "") == (0, form != "npy")
    assert out.endswith(f"8 files {'linked' if options else 'copied'}\n")
    names = find_names(open_source(str(clean)).dataset)
    assert [*names] == [scores.names[i] for i in KEPT.tolist()]
    assert contents(clean) == [contents(source)[i] for i in KEPT.tolist()]
    assert [path.name for path in clean.iterdir() if path.name.startswith(".")] == []
    assert snapshot(source) == before
    code, out, _ = run(capsys, "apply", kept, source, "-o", clean, *options)
    assert (code, out.splitlines()[-1]) == (0, f"{clean}: was there, all of it")


@pytest.mark.usefixtures("scores")
def test_what_select_lists_by_way_of_the_shell(source, tmp_path, capsys):
    kept, clean = tmp_path / "kept.csv", tmp_path / "clean"
    options = ["--keep", 0.5, "--policy", "random"]
    assert run(capsys, "select", tmp_path / "s.safetensors", *options, "-o", kept)[0] == 0
    code, out, _ = run(capsys, "apply", kept, source, "-o", clean, "--json")
    found = json.loads(out)
    with kept.open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert code == 0
    assert (found["examples"], found["kept"], found["relabelled"]) == (21, len(rows), 0)
    assert [row["kept"] for row in found["per_class"]] == [
        sum(row["label"] == name for row in rows) for name in CLASSES
    ]
    assert {*find_names(open_source(str(clean)).dataset)} == {row["path"] for row in rows}


def relabels(path, scores, new):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "path", "label", "new_label"])
        for i, label in new.items():
            given = scores.class_names[int(scores.labels[i])]
            writer.writerow([i, scores.names[i], given, label])
    return path


def test_new_labels_move_files_and_names_that_are_taken_are_numbered(
    source, scores, tmp_path, capsys
):
    kept, clean = tmp_path / "kept.txt", tmp_path / "clean"
    kept.write_bytes(listed(KEPT, scores, "txt"))
    # Of KEPT, 0 goes to a folder where its name is taken by 7, and 14 too; 1 is not kept.
    new = {0: CLASSES[1], 14: CLASSES[1], 19: CLASSES[0], 1: CLASSES[2], 5: CLASSES[0]}
    relabel = relabels(tmp_path / "relabel.csv", scores, new)
    code, out, _ = run(capsys, "apply", kept, source, "-o", clean, "--relabel", relabel)
    assert code == 0
    assert out.splitlines()[4].split() == ["all", "21", "8", "3"]
    before = contents(source)
    expected = [(before[i][0], new.get(i, before[i][1])) for i in KEPT.tolist()]
    assert sorted(contents(clean)) == sorted(expected)
    names = find_names(open_source(str(clean)).dataset)
    taken = scores.names[7].removeprefix(f"{CLASSES[1]}/").removesuffix(".png")
    assert {f"{CLASSES[1]}/{taken}{end}.png" for end in ("", "-2", "-3")} <= {*names}


def test_a_list_of_new_labels_that_cannot_be(source, scores, tmp_path, capsys):
    kept, relabel = tmp_path / "kept.txt", tmp_path / "relabel.csv"
    kept.write_bytes(listed(KEPT, scores, "txt"))
    argv = [kept, source, "-o", tmp_path / "clean", "--relabel", relabel]
    assert "There is no list" in refused(capsys, *argv)
    for row, message in {
        "0,ant/-o.png,ant,": "or leave these examples out with --exclude instead",
        "0,ant/-o.png,ant,wolf": "must be one of the classes 'ant'",
        "0,ant/gone.png,ant,cät": "'ant/gone.png' is none of the examples",
    }.items():
        relabel.write_text(f"index,path,label,new_label\n{row}\n")
        assert message in refused(capsys, *argv)
    assert not (tmp_path / "clean").exists()


def a_list(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["note", "path", "label"])
        writer.writerows(rows)
    return path


@pytest.fixture
def table(source, tmp_path):
    """A list beside the images: relative and absolute paths, one file twice, equal names."""
    rows = [
        ("", "source/ant/two words.png", "ant"),
        ("a,b", "source/cät/two words.png", "ant"),
        ("", source / "ant" / "50%.png", "bee"),
        ("x", "source/bee, or wasp/bücher-猫.png", "bee"),
        ("x", "source/bee, or wasp/bücher-猫.png", "bee"),
        ("line\nbreak", "source/../source/ant/-o.png", "ant"),
    ]
    return a_list(tmp_path / "list.csv", rows)


def test_a_list_becomes_a_folder(table, tmp_path, capsys):
    (tmp_path / "kept.txt").write_text("0\n1\n3\n4\n5\n")  # one file twice: there are no names
    options = ["-o", tmp_path / "clean"]
    assert run(capsys, "apply", tmp_path / "kept.txt", table, *options)[0] == 0
    assert sorted(contents(tmp_path / "clean")) == sorted(
        contents(table)[i] for i in (0, 1, 3, 4, 5)
    )
    names = find_names(open_source(str(tmp_path / "clean")).dataset)
    assert {*names} == {
        "ant/two words.png",
        "ant/two words-2.png",
        "ant/-o.png",
        "bee/bücher-猫.png",
        "bee/bücher-猫-2.png",
    }


@pytest.mark.parametrize("place", ["clean.csv", "deep/er/clean.csv"])
def test_a_list_becomes_a_list(table, tmp_path, capsys, place):
    (tmp_path / "kept.txt").write_text("0\n2\n3\n5\n")
    (tmp_path / "relabel.csv").write_text("index,new_label\n3,ant\n")
    clean = tmp_path / place
    clean.parent.mkdir(parents=True, exist_ok=True)
    options = ["--relabel", tmp_path / "relabel.csv"]
    argv = ["apply", tmp_path / "kept.txt", table, "-o", clean, *options]
    assert run(capsys, *argv, "--dry-run")[0] == 0
    assert not clean.exists()
    assert run(capsys, *argv)[0] == 0
    before = contents(table)
    assert contents(clean) == [before[0], before[2], (before[3][0], "ant"), before[5]]
    with clean.open(newline="", encoding="utf-8") as file:
        assert [row["note"] for row in csv.DictReader(file)] == ["", "", "x", "line\nbreak"]
    content = clean.read_bytes()
    assert "is there already" in refused(capsys, *argv[1:])
    assert clean.read_bytes() == content


@pytest.mark.parametrize("name", ["noending", "x.dat", ".hidden.png"])
def test_a_file_that_no_folder_is_read_with(source, tmp_path, capsys, name):
    shutil.copy(source / "ant" / "50%.png", source / name)
    rows = [("", f"source/{name}", "a"), ("", "source/ant/-o.png", "b")]
    table = a_list(tmp_path / "list.csv", rows)
    (tmp_path / "kept.txt").write_text(f"source/{name}\n")
    said = refused(capsys, tmp_path / "kept.txt", table, "-o", tmp_path / "clean")
    assert "is left out where a folder is read" in said
    assert not (tmp_path / "clean").exists()
    assert run(capsys, "apply", tmp_path / "kept.txt", table, "-o", tmp_path / "clean.csv")[0] == 0


@pytest.mark.parametrize("label", ["../up", "/abs", "..", ".hidden", "__MACOSX"])
@pytest.mark.usefixtures("source")
def test_a_label_never_leads_out_of_the_folder(tmp_path, capsys, label):
    rows = [("", "source/ant/50%.png", label), ("", "source/ant/-o.png", "b")]
    table = a_list(tmp_path / "list.csv", rows)
    (tmp_path / "kept.txt").write_text("source/ant/50%.png\n")
    refused(capsys, tmp_path / "kept.txt", table, "-o", tmp_path / "deep" / "clean")
    assert {path.name for path in tmp_path.iterdir()} == {"source", "list.csv", "kept.txt"}


def test_nothing_is_written_on_trial(source, scores, tmp_path, capsys):
    (tmp_path / "kept.txt").write_bytes(listed(KEPT, scores, "txt"))
    code, out, _ = run(
        capsys, "apply", tmp_path / "kept.txt", source, "-o", tmp_path / "clean", "--dry-run"
    )
    assert code == 0
    assert re.search(r"^ant +7 +3 +0$", out, re.MULTILINE)
    assert out.endswith("nothing is written (--dry-run)\n")
    assert not (tmp_path / "clean").exists()


def test_a_class_of_which_nothing_is_left_is_named(source, scores, tmp_path, capsys):
    (tmp_path / "kept.txt").write_bytes(listed(KEPT[KEPT < 14], scores, "txt"))
    code, _, err = run(capsys, "apply", tmp_path / "kept.txt", source, "-o", tmp_path / "clean")
    assert code == 0
    assert err == f"torch-cgprune: warning: Nothing is kept of the class {CLASSES[2]!r}.\n"
    assert {path.name for path in (tmp_path / "clean").iterdir()} == {*CLASSES[:2]}


def test_a_folder_called_as_a_known_dataset(source, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(source.rename(tmp_path / "mnist").parent)
    (tmp_path / "kept.txt").write_text("ant/50%.png\n")
    assert run(capsys, "apply", "kept.txt", "mnist", "-o", "clean")[0] == 0
    assert (tmp_path / "clean" / "ant" / "50%.png").is_file()


def test_a_hard_link_that_cannot_be_names_the_option(source, tmp_path, capsys, monkeypatch):
    def refuses(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuses)
    (tmp_path / "kept.txt").write_text("ant/50%.png\n")
    argv = [tmp_path / "kept.txt", source, "-o", tmp_path / "clean"]
    said = refused(capsys, *argv, "--link")
    assert said.endswith("(Invalid cross-device link). Leave out --link to copy.\n")
    assert run(capsys, "apply", *argv)[0] == 0


def test_lists_of_other_data(source, tmp_path, capsys):
    kept, argv = tmp_path / "kept.txt", [source, "-o", tmp_path / "clean"]
    for content, message in {
        "ant/gone.png\n": "'ant/gone.png' is none of the examples",
        "21\n": "has the index 21, and there are 21 examples",
        "-1\n": "has the index -1",
        "": "keeps nothing",
        "../source/ant/50%.png\n": "is none of the examples",
    }.items():
        kept.write_text(content)
        assert message in refused(capsys, kept, *argv)
    table = tmp_path / "kept.csv"
    table.write_text("index,label\n0,ant\n7,ant\n")
    assert "example 7 is labelled 'ant' there" in refused(capsys, table, *argv)
    np.save(tmp_path / "kept.npy", [0, 99])
    assert "99" in refused(capsys, tmp_path / "kept.npy", *argv)
    assert "There is no list" in refused(capsys, tmp_path / "gone.txt", *argv)
    assert not (tmp_path / "clean").exists()


def spoil(source):
    """Let one file be none, one of the first."""
    path = source / "ant" / "-o.png"
    path.write_bytes(b"no image")
    return path


def test_numbers_count_only_what_was_scored(source, tmp_path, capsys):
    spoil(source)
    scored, kept = tmp_path / "s.safetensors", tmp_path / "kept.npy"
    assert run(capsys, "score", source, "-o", scored, "--skip-unreadable", "-q")[0] == 0
    scores = CGScores.load(scored)
    assert len(scores) == 20
    kept.write_bytes(listed(KEPT, scores, "npy"))
    said = refused(capsys, kept, source, "-o", tmp_path / "clean")
    assert "1 of the source cannot be read or scored, first 'ant/-o.png'" in said
    for i, options in enumerate((["--skip-unreadable"], ["--scores", scored])):
        clean = tmp_path / f"clean{i}"
        code, _, err = run(capsys, "apply", kept, source, "-o", clean, *options)
        assert code == 0
        assert ("pass --scores" in err) == (i == 0)
        names = find_names(open_source(str(clean)).dataset)
        assert [*names] == [scores.names[i] for i in KEPT.tolist()]


def test_names_need_not_be_counted(source, tmp_path, capsys):
    path = spoil(source)
    (tmp_path / "kept.txt").write_text("ant/50%.png\nant/-o.png\n")
    argv = ["apply", tmp_path / "kept.txt", source, "-o", tmp_path / "clean"]
    assert run(capsys, *argv)[0] == 0  # it is a copy of files: whoever lists this one, gets it
    assert (tmp_path / "clean" / "ant" / "-o.png").read_bytes() == path.read_bytes()


def test_scores_tell_a_source_that_has_changed(source, scores, tmp_path, capsys):
    kept, options = tmp_path / "kept.npy", ["--scores", tmp_path / "s.safetensors"]
    kept.write_bytes(listed(KEPT, scores, "npy"))
    argv = [kept, source, "-o", tmp_path / "clean", *options]
    assert run(capsys, "apply", *argv, "--dry-run")[2] == ""
    renamed = (source / "ant" / "50%.png").rename(source / "ant" / "51%.png")
    said = refused(capsys, *argv)
    assert "has 'ant/50%.png' where the data have 'ant/51%.png'" in said
    assert "make the list anew" in said
    renamed.unlink()
    assert "has 21 examples, the data 20" in refused(capsys, *argv)


def test_given_labels_are_what_the_folders_are_of(source, tmp_path, capsys):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"{'xy'[i % 2]}\n" for i in range(21)))
    kept = tmp_path / "kept.txt"
    kept.write_text("ant/50%.png\ncät/sub/deep.png\n")
    code, _, _ = run(capsys, "apply", kept, source, "-o", tmp_path / "clean", "--labels", labels)
    assert code == 0
    names = find_names(open_source(str(tmp_path / "clean")).dataset)
    every = find_names(open_source(str(source)).dataset)
    expected = {
        f"{'xy'[every.index(name) % 2]}/{name.partition('/')[2]}"
        for name in ("ant/50%.png", "cät/sub/deep.png")
    }
    assert {*names} == expected


def test_sources_without_files_are_refused_with_the_recipe(tmp_path, capsys):
    kept = tmp_path / "kept.txt"
    kept.write_text("0\n")
    for name in ("x.npz", "x.npy", "x.safetensors"):
        said = refused(capsys, kept, tmp_path / name, "-o", tmp_path / "clean")
        assert "numpy.savez('clean.npz', features=x[kept], labels=y[kept])" in said
    said = refused(capsys, kept, "fashion-mnist:data", "-o", tmp_path / "clean")
    assert f"PrunedSampler(train, keep='{kept}').subset(train)" in said


def test_outputs_that_cannot_be(source, table, tmp_path, capsys):
    kept = tmp_path / "kept.txt"
    kept.write_text("0\n1\n")
    said = refused(capsys, kept, source, "-o", tmp_path / "clean.csv")
    assert "Of a folder comes a folder" in said
    assert "as the source does, in .csv" in refused(capsys, kept, table, "-o", "clean.parquet")
    assert "is an input too" in refused(capsys, kept, table, "-o", table)
    assert "--link is for a folder" in refused(capsys, kept, table, "-o", "clean.csv", "--link")
    labels = ["--labels", "labels.txt", "--relabel", "relabel.csv"]
    assert "leave out --relabel" in refused(capsys, kept, table, "-o", "clean.csv", *labels)
    names = tmp_path / "names.txt"
    names.write_text("ant/50%.png\n")
    for inside in (source, source / "clean", source / "ant" / "clean", tmp_path):
        said = refused(capsys, names, source, "-o", inside)
        assert "must not be in the source" in said
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    said = refused(capsys, names, source, "-o", tmp_path / "full")
    assert "holds other things, as 'mine'" in said


def test_rows_of_features_become_a_table(tmp_path, capsys, monkeypatch):
    """Of whatever is opened as rows, with one row left out as it cannot be scored."""
    (tmp_path / "x.csv").write_text("a,b,label\n1,2,x\n0,0,x\n\n3,1,y\n1.50,1,y\n")
    features = np.array([[1.0, 2], [0, 0], [3, 1], [1.5, 1]])
    opened = Opened(features, features, ["x", "x", "y", "y"], rows=range(4))

    def open_it(_, *, skip_unreadable, **__):
        return without_bad(opened, progress=False) if skip_unreadable else opened

    monkeypatch.setattr("torch_cgprune.cli.chosen.open_source", open_it)
    (tmp_path / "kept.csv").write_text("index,label\n0,x\n2,y\n")
    (tmp_path / "relabel.csv").write_text("index,new_label\n2,x\n")
    argv = [tmp_path / "kept.csv", tmp_path / "x.csv", "-o", tmp_path / "clean.csv"]
    assert "first 'row 1'" in refused(capsys, *argv)
    assert "name one with -o, as clean.csv" in refused(
        capsys, *argv[:2], "-o", tmp_path / "clean", "--skip-unreadable", "-q"
    )
    options = ["--skip-unreadable", "--relabel", tmp_path / "relabel.csv"]
    code, out, _ = run(capsys, "apply", *argv, *options)
    assert (code, out.splitlines()[-1]) == (0, f"{argv[-1]}: 2 rows written")
    assert (tmp_path / "clean.csv").read_text() == "a,b,label\n1,2,x\n1.50,1,x\n"


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--link"]])
def test_killed_at_any_moment_and_run_again(tmp_path, options):
    """By SIGKILL, after so many files: never half a file, and in the end all of them."""
    source, clean, n = tmp_path / "source", tmp_path / "clean", 600
    rng = np.random.default_rng(0)
    for name in "ab":
        (source / name).mkdir(parents=True)
        for i in range(n // 2):
            content = b"\x89PNG" + rng.bytes(200_000 + i)
            (source / name / f"{i:03}.png").write_bytes(content)
    names = sorted(path.relative_to(source).as_posix() for path in source.glob("*/*"))
    (tmp_path / "kept.txt").write_text("".join(f"{name}\n" for name in names))
    argv = [sys.executable, "-m", "torch_cgprune", "apply", tmp_path / "kept.txt", source]
    seen = set()
    for least in (0, 1, 200, 500):
        process = subprocess.Popen([*argv, "-o", clean, *options], stdout=subprocess.DEVNULL)
        while process.poll() is None and len([*clean.glob("[ab]/*")]) < max(least, 1):
            time.sleep(0.001)
            if not least and (clean / OWN).exists():
                break
        process.kill()
        process.wait()
        there = {path.relative_to(clean).as_posix() for path in clean.glob("[ab]/*")}
        seen.add(len(there))
        for name in there:
            assert (clean / name).read_bytes() == (source / name).read_bytes()
    assert len(seen) > 2  # it was stopped, and at different moments
    done = subprocess.run(
        [*argv, "-o", clean, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    there = [path for path in clean.rglob("*") if path.is_file()]
    assert sorted(path.relative_to(clean).as_posix() for path in there) == names
    for name in names:
        assert (clean / name).read_bytes() == (source / name).read_bytes()
        assert (clean / name).samefile(source / name) == bool(options)
