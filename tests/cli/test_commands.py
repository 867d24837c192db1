"""The commands, in this process; test_processes.py runs them as a shell does."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from shell import run
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import ToTensor

from torch_cgprune import CGScoredDataset, CGScores, PrunedSampler, WindowSampler, cg_scores
from torch_cgprune.cli import main
from torch_cgprune.cli.parser import build_parser

N = 40


@pytest.fixture
def arrays(tmp_path):
    """An .npz file of 40 examples of three classes, a scored one beside it."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(N, 6)).astype(np.float32)
    labels = np.array(["ant", "bee", "cat"])[np.arange(N) % 3]
    features[:, 0] += 2 * (np.arange(N) % 3)
    np.savez(tmp_path / "data.npz", features=features, labels=labels)
    return tmp_path / "data.npz"


@pytest.fixture
def scored(arrays):
    path = arrays.with_name("s.safetensors")
    assert main(["score", str(arrays), "-o", str(path), "-q"]) == 0
    return path


def usage(capsys, *argv):
    with pytest.raises(SystemExit) as stop:
        main([*map(str, argv)])
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_near_copies_are_asked_for_and_left_out(tmp_path, capsys):
    """Row 12 is nearly row 3, of the same class: files without pairs are of other options."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(N, 6)).astype(np.float32)
    features[12] = features[3] + 0.01
    np.savez(tmp_path / "data.npz", features=features, labels=np.arange(N) % 3)
    path = tmp_path / "s.safetensors"
    argv = ["score", tmp_path / "data.npz", "-o", path]
    assert run(capsys, *argv, "-q")[0] == 0
    code, _, err = run(capsys, *argv, "--near", 0.999)
    assert (code, "near is None there and 0.999 here" in err) == (1, True)
    code, said, _ = run(capsys, *argv, "--near", 0.999, "--overwrite", "--json")
    assert json.loads(said)["near_copies"]["pairs"] == 1
    assert CGScores.load(path).near_copies.tolist() == [[3, 12]]
    code, said, _ = run(capsys, "select", path, "--keep", 1, "--exclude", "copies")
    assert (code, len(said.splitlines())) == (0, N - 1)
    code, _, err = run(capsys, *argv, "--near", 0.9, "--method", "stochastic", "--overwrite")
    assert code == 1
    assert "option --near must be None for the method 'stochastic'" in err
    assert "--method exact, iterative or local" in err


def test_score_is_the_librarys(arrays, capsys):
    out = arrays.with_name("s.safetensors")
    options = ["--method", "local", "--runs", 2, "--block-size", 16, "--seed", 3, "--ridge", 0.1]
    code, said, err = run(capsys, "score", arrays, "-o", out, *options, "--dtype", "float64")
    assert (code, err) == (0, "")
    assert "40 examples of 3 classes" in said
    assert re.search(r"suspects +\d+ labels look wrong", said)
    with np.load(arrays) as archive:
        expected = cg_scores(
            archive["features"],
            archive["labels"],
            method="local",
            runs=2,
            block_size=16,
            seed=3,
            ridge=0.1,
            dtype=torch.float64,
            progress=False,
        )
    found = CGScores.load(out)
    assert torch.equal(found.values, expected.values)
    assert found.metadata["options"] == expected.metadata["options"]
    assert found.classes == ("ant", "bee", "cat")


def test_stochastic_from_the_shell(arrays, capsys):
    out = arrays.with_name("st.safetensors")
    method = ["--method", "stochastic", "--ratio", 1.5, "--runs", 2]
    code, said, _ = run(capsys, "score", arrays, "-o", out, *method)
    assert code == 0
    assert "partial-sign" in said
    assert CGScores.load(out).metadata["options"]["ratio"] == 1.5
    assert run(capsys, "select", out, "--policy", "noise-filter", "--dry-run")[0] == 0
    code, _, err = run(capsys, "select", out, "--policy", "noise-filter", "--rule", "margin")
    assert code == 1
    assert "Score with --method exact or local." in err


def test_json_is_all_there_is_on_stdout(arrays, capsys):
    out = arrays.with_name("s.safetensors")
    code, said, _ = run(capsys, "score", arrays, "-o", out, "--json")
    found = json.loads(said)
    assert code == 0
    assert (found["examples"], found["classes"]) == (N, 3)
    assert found["output"] == str(out)
    again = json.loads(run(capsys, "info", out, "--json")[1])
    assert again == {name: found[name] for name in again}
    assert sum(row["suspects"] for row in again["per_class"]) == again["suspects"]["count"]
    kept = json.loads(run(capsys, "select", out, "--keep", 0.5, "--dry-run", "--json")[1])
    assert kept["kept"] == sum(row["kept"] for row in kept["per_class"]) == 20


def test_quiet_says_nothing(arrays, capsys):
    out = arrays.with_name("s.safetensors")
    assert run(capsys, "score", arrays, "-o", out, "-q") == (0, "", "")
    assert run(capsys, "info", out, "-q") == (0, "", "")
    kept = ["-o", arrays.with_name("k.txt"), "-q"]
    assert run(capsys, "select", out, "--keep", 0.5, *kept) == (0, "", "")
    page = ["-o", arrays.with_name("r.html"), "-q"]
    assert run(capsys, "report", out, *page) == (0, "", "")


def test_the_same_file_by_another_path_is_not_said_to_be_scored(arrays, scored, capsys):
    other = f"{arrays.parent}/./{arrays.name}"
    code, said, _ = run(capsys, "score", other, "-o", scored)
    assert code == 0
    assert said.endswith("was there, of the same data and options\n")
    assert CGScores.load(scored).metadata["source"]["source"] == other


def test_scoring_again_finds_the_scores(arrays, scored, capsys, monkeypatch):
    before = scored.read_bytes()
    monkeypatch.setattr("torch_cgprune.dataset.obtain.cg_scores", None)
    code, said, _ = run(capsys, "score", arrays, "-o", scored)
    assert code == 0
    assert said.endswith("was there, of the same data and options\n")
    assert scored.read_bytes() == before


def test_scores_are_written_as_what_they_are(arrays, capsys):
    for name in ("x.csv", "x.npy", "x"):
        out = arrays.with_name(name)
        code, said, err = run(capsys, "score", arrays.with_name("gone.npz"), "-o", out)
        assert (code, said) == (2, "")
        assert f"Scores are written as .safetensors. Got '{out}' instead" in err
        assert not out.exists()


def test_an_input_is_never_the_output(arrays, scored, tmp_path, capsys):
    before = {path: path.read_bytes() for path in (arrays, scored)}
    ticked = tmp_path / "ticked.csv"
    ticked.write_text("index\n0\n")
    (tmp_path / "link.npz").symlink_to(arrays)
    for argv in (
        ["select", scored, "--keep", 0.5, "-o", scored],
        ["select", scored, "--keep", 0.5, "--exclude", ticked, "-o", ticked],
        ["report", scored, "-o", scored],
        ["report", scored, arrays, "-o", arrays],
        ["score", arrays, "-o", arrays, "--overwrite"],
        ["score", arrays, "-o", tmp_path / "link.npz", "--overwrite"],
    ):
        code, said, err = run(capsys, *argv)
        assert (code, said) == (2, "")
        assert "is an input too" in err or "must end as its format says" in err
    assert {path: path.read_bytes() for path in before} == before
    assert ticked.read_text() == "index\n0\n"


def test_a_link_is_followed_and_a_device_is_written_to(scored, tmp_path, capsys):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("before")
    link.symlink_to(real)
    assert run(capsys, "select", scored, "--keep", 0.5, "-o", link)[0] == 0
    assert link.is_symlink()
    assert len(real.read_text().split()) == 20
    assert run(capsys, "select", scored, "--keep", 0.5, "-o", "/dev/null")[0] == 0
    assert Path("/dev/null").is_char_device()
    code, _, err = run(capsys, "report", scored, "-o", "/dev/null")
    assert (code, Path("/dev/null").is_char_device()) == (1, True)
    assert "is no regular file" in err


@pytest.mark.parametrize(
    "options",
    [["-o", "kept.lst"], ["-o", "kept.txt", "--format", "csv"], ["-o", "k", "--format", "npy"]],
)
def test_a_list_that_could_not_be_read_back_is_not_written(scored, capsys, monkeypatch, options):
    monkeypatch.chdir(scored.parent)
    code, _, err = run(capsys, "select", scored, "--keep", 0.5, *options)
    assert code == 2
    assert "must end as its format says" in err
    assert run(capsys, "select", scored, "--keep", 0.5, "-o", "kept")[0] == 0
    assert run(capsys, "select", scored, "--keep", 1, "--exclude", "kept")[0] == 0


def test_other_options_need_overwrite(arrays, scored, capsys):
    before = scored.read_bytes()
    code, said, err = run(capsys, "score", arrays, "-o", scored, "--ridge", 1)
    assert (code, said) == (1, "")
    assert "ridge is 'auto' there and 1.0 here. Name another file, or pass --overwrite.\n" in err
    assert err.count("\n") == 1
    assert scored.read_bytes() == before
    code, _, err = run(capsys, "score", arrays, "-o", scored, "--ridge", 1, "--overwrite")
    assert code == 0
    assert CGScores.load(scored).metadata["options"]["ridge"] == 1


@pytest.mark.parametrize("kind", ["npy", "npz", "safetensors", "text labels", "csv"])
def test_every_kind_of_source(folder, tmp_path, capsys, kind):
    pixels = np.stack([np.asarray(image) for image, _ in folder])
    labels = np.array(folder.targets)
    source, options = tmp_path / f"x.{kind}", []
    if kind == "npz":
        np.savez(source, x_train=pixels, y_train=labels[:, None])
        options = ["--keys", "x_train", "y_train"]
    elif kind == "safetensors":
        tensors = {"features": torch.from_numpy(pixels), "labels": torch.from_numpy(labels)}
        save_file(tensors, source)
    elif kind == "csv":
        rows = [
            f"images/{'ant' if y == 0 else 'bee'}/{i % 2}.png,{y}" for i, y in enumerate(labels)
        ]
        source.write_text("\n".join(["path,label", *rows]))
    else:
        source = tmp_path / "x.npy"
        np.save(source, pixels)
        options = ["--labels", tmp_path / "y.npy"]
        np.save(options[1], labels)
        if kind == "text labels":
            options[1] = tmp_path / "y.txt"
            options[1].write_text("\n".join(map(str, labels)))
    out = tmp_path / "s.safetensors"
    code, _, err = run(capsys, "score", source, "-o", out, *options)
    assert (code, err) == (0, "")
    expected = cg_scores(pixels, labels, progress=False)
    assert torch.allclose(CGScores.load(out).values, expected.values)
    page = tmp_path / "r.html"
    assert run(capsys, "report", out, source, "-o", page)[0] == 0
    assert page.read_text().count("UklGR") >= 4


def test_a_list_with_a_wrong_base_says_so(tmp_path, capsys):
    source = tmp_path / "list.csv"
    source.write_text("path,label\ngone/0.png,a\ngone/1.png,b\n")
    code, _, err = run(capsys, "score", source, "-o", tmp_path / "s.safetensors")
    assert code == 1
    assert "no such file: paths in a list start at the list's folder" in err


def test_the_report_finds_features_from_another_folder(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("f.npy", np.random.default_rng(0).normal(size=(4, 7)))
    out = tmp_path / "s.safetensors"
    assert run(capsys, "score", folder.root, "--features", "f.npy", "-o", out)[0] == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run(capsys, "report", out, folder.root, "-o", "r.html")[0] == 0


def test_scores_made_in_python_say_where_their_page_is(folder, tmp_path, capsys):
    out = tmp_path / "s.safetensors"
    CGScoredDataset(folder, features=np.eye(4), progress=False).scores.save(out)
    code, _, err = run(capsys, "report", out, folder.root, "-o", tmp_path / "r.html")
    assert code == 1
    assert "torch_cgprune.report.write_report" in err


def test_features_of_ones_own_with_the_pictures_of_a_folder(folder, tmp_path, capsys):
    np.save(tmp_path / "f.npy", np.random.default_rng(0).normal(size=(4, 7)))
    out, page = tmp_path / "s.safetensors", tmp_path / "r.html"
    options = ["--features", tmp_path / "f.npy", "-o", out]
    assert run(capsys, "score", folder.root, *options)[0] == 0
    scores = CGScores.load(out)
    assert scores.names == ("ant/0.png", "ant/1.png", "bee/0.png", "bee/1.png")
    assert torch.equal(
        scores.values, cg_scores(np.load(tmp_path / "f.npy"), [0, 0, 1, 1], progress=False).values
    )
    assert run(capsys, "report", out, folder.root, "-o", page)[0] == 0
    assert "UklGR" in page.read_text()


def test_the_scores_file_is_a_cache_of_the_users_own_dataset(folder, tmp_path, capsys):
    out = tmp_path / "s.safetensors"
    assert run(capsys, "score", folder.root, "-o", out)[0] == 0
    train = CGScoredDataset(ImageFolder(folder.root, transform=ToTensor()), cache=out)
    assert train.scores.class_names == ("ant", "bee")
    assert train.scores.classes == (0, 1)
    assert train[2][1] == 1


@pytest.mark.parametrize("form", ["txt", "csv", "json", "npy"])
def test_select_is_the_sampler_and_goes_back_into_it(folder, tmp_path, capsys, form):
    out, kept = tmp_path / "s.safetensors", tmp_path / f"kept.{form}"
    assert run(capsys, "score", folder.root, "-o", out)[0] == 0
    assert run(capsys, "select", out, "--keep", 0.5, "-o", kept)[0] == 0
    train = CGScoredDataset(ImageFolder(folder.root, transform=ToTensor()), cache=out)
    expected = PrunedSampler(train, keep=0.5, policy="stratified").selection
    assert torch.equal(PrunedSampler(train, keep=kept).selection, expected)
    loader = DataLoader(train, sampler=PrunedSampler(train, keep=kept))
    assert len(loader) == 2
    if form == "txt":
        names = [train.scores.names[i] for i in expected]
        assert kept.read_text().splitlines() == names


@pytest.mark.parametrize("policy", ["low-first", "high-first", "random", "stratified", "soft"])
@pytest.mark.parametrize("balanced", [True, False])
def test_every_policy(scored, capsys, policy, balanced):
    flags = ["--balanced" if balanced else "--no-balanced", "--seed", 2]
    code, said, _ = run(capsys, "select", scored, "--policy", policy, "--keep", 0.3, *flags)
    assert code == 0
    scores = CGScores.load(scored)
    expected = PrunedSampler(scores, 0.3, policy, balanced=balanced, seed=2).selection
    assert [int(line) for line in said.split()] == expected.tolist()


def test_windows_filters_and_exclusions(scored, tmp_path, capsys):
    scores = CGScores.load(scored)

    def selected(*options):
        code, said, err = run(capsys, "select", scored, *options)
        assert (code, err) == (0, "")
        return [int(line) for line in said.split()]

    window = WindowSampler(scores, 0.2, 0.5)
    assert (
        selected("--policy", "window", "--start", 0.2, "--keep", 0.5) == window.selection.tolist()
    )
    margin = PrunedSampler(scores, policy="noise-filter", rule="margin", fraction=0.1)
    flags = ["--policy", "noise-filter", "--rule", "margin", "--fraction", 0.1]
    assert selected(*flags) == margin.selection.tolist()
    out = tmp_path / "out.txt"
    out.write_text("0\n1\n2\n")
    left = PrunedSampler(
        scores, keep=0.5, exclude=[0, 1, 2], policy="stratified"
    ).selection.tolist()
    assert selected("--keep", 0.5, "--exclude", out) == left


def test_a_dry_run_shows_the_classes_and_writes_nothing(scored, capsys):
    kept = scored.with_name("kept.txt")
    code, said, _ = run(capsys, "select", scored, "--keep", 0.5, "--dry-run", "-o", kept)
    assert code == 0
    assert not kept.exists()
    lines = [line.split() for line in said.splitlines()]
    assert lines[0] == ["class", "examples", "kept", "share", "suspects", "kept"]
    scores = CGScores.load(scored)
    selection = PrunedSampler(scores, keep=0.5, policy="stratified").selection
    counts = scores.labels[selection].bincount().tolist()
    assert [line[2] for line in lines[1:4]] == [*map(str, counts)]
    flagged = int(scores.suspects[selection].sum())
    assert lines[4] == ["all", "40", "20", "50.0%", str(flagged)]


def test_a_list_as_json_on_stdout(scored, capsys):
    code, said, _ = run(capsys, "select", scored, "--keep", 0.5, "--json")
    assert code == 0
    assert len(json.loads(said)["indices"]) == 20


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["select", "s", "--keep", "1.5"], r"--keep: must be in \(0, 1\], got '1.5'"),
        (["select", "s", "--keep", "nan"], r"--keep: must be in"),
        (["select", "s", "--keep", "a"], r"--keep: must be in \(0, 1\], got 'a'"),
        (["score", "s", "-o", "o", "--runs", "0"], "--runs: must be an integer of at least 1"),
        (["score", "s", "-o", "o", "--ridge", "-1"], r"--ridge: must be in \[0, inf\)"),
        (["score", "s"], "required: -o"),
        (["select", "s", "--policy", "best"], "invalid choice: 'best'"),
        ([], "required: COMMAND"),
    ],
)
def test_bad_usage_exits_with_2(capsys, argv, said):
    assert re.search(said, usage(capsys, *argv))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "The policy stratified needs --keep."),
        (["--policy", "window", "--keep", "0.5"], "The policy window needs --start."),
        (["--policy", "noise-filter", "--keep", "0.5"], "does not take --keep."),
        (["--keep", "0.5", "--rule", "margin"], "--rule is for --policy noise-filter."),
        (["--keep", "0.5", "--start", "0.1"], "does not take --start."),
    ],
)
def test_options_that_do_not_go_together_exit_with_2(scored, capsys, options, said):
    code, out, err = run(capsys, "select", scored, *options)
    assert (code, out) == (2, "")
    assert said in err


def test_failures_are_one_line_and_exit_with_1(scored, tmp_path, capsys):
    for argv in (
        ["info", tmp_path / "gone.safetensors"],
        ["info", tmp_path / "data.npz"],
        ["select", scored, "--keep", 0.5, "-o", tmp_path / "no folder" / "k.txt"],
        ["report", scored, "-o", tmp_path],
        ["report", scored, tmp_path / "gone", "-o", tmp_path / "r.html"],
        ["score", tmp_path / "gone", "-o", tmp_path / "o.safetensors"],
        ["score", tmp_path / "data.npz", "-o", tmp_path / "o.safetensors", "--resize", 8],
        ["score", f"mnist:{tmp_path}", "-o", tmp_path / "o.safetensors"],
        ["select", scored, "--keep", 0.5, "--exclude", tmp_path / "gone.txt"],
    ):
        code, said, err = run(capsys, *argv)
        assert (code, said) == (1, "")
        assert re.fullmatch(r"torch-cgprune: error: .+\n", err)
        assert "Traceback" not in err
    assert not (tmp_path / "o.safetensors").exists()


def test_debug_shows_the_traceback(tmp_path, capsys):
    code, _, err = run(capsys, "info", tmp_path / "gone", "--debug")
    assert code == 1
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("torch-cgprune: error: There is no")


def test_a_bug_is_one_line_too(scored, capsys, monkeypatch):
    monkeypatch.setattr("torch_cgprune.cli.info.facts", lambda _: 1 / 0)
    assert run(capsys, "info", scored) == (1, "", "torch-cgprune: error: division by zero\n")


def test_warnings_are_lines_and_quiet_ones_are_not_there(folder, tmp_path, capsys):
    (tmp_path / "images" / "empty").mkdir()
    argv = ["score", folder.root, "-o", tmp_path / "s.safetensors"]
    code, _, err = run(capsys, *argv)
    said = "torch-cgprune: warning: The class folder 'empty' has no image: it is left out.\n"
    assert (code, err) == (0, said)
    assert run(capsys, *argv, "-q") == (0, "", "")


def test_warnings_are_in_the_words_of_the_shell(tmp_path, capsys):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 4)), np.array(["ant", "bee", "cat"])[np.arange(60) % 3]
    np.savez(tmp_path / "noise.npz", features=features, labels=labels)
    out = tmp_path / "s.safetensors"
    assert run(capsys, "score", tmp_path / "noise.npz", "-o", out)[0] == 0
    code, _, err = run(capsys, "select", out, "--policy", "noise-filter", "--rule", "margin")
    assert code == 0
    assert err.startswith("torch-cgprune: warning: The noise filter drops ")
    assert "pass another --rule, a --fraction or --balanced.\n" in err


def test_columns_of_different_units_are_standardised(tmp_path, capsys):
    features = np.random.default_rng(0).normal(size=(60, 2)) * [20_000, 10] + [40_000, 1990]
    np.savez(tmp_path / "people.npz", features=features, labels=np.arange(60) % 2)
    out = tmp_path / "s.safetensors"
    code, _, err = run(capsys, "score", tmp_path / "people.npz", "-o", out)
    assert code == 0
    assert "of different units" in err
    assert "Pass --standardise to bring all to the same.\n" in err
    argv = ["score", tmp_path / "people.npz", "-o", out, "--standardise"]
    assert run(capsys, *argv)[0] == 1  # another option than the file's
    code, _, err = run(capsys, *argv, "--overwrite")
    assert code == 0
    assert "of different units" not in err
    expected = cg_scores(features, np.arange(60) % 2, standardise=True, progress=False)
    assert torch.equal(CGScores.load(out).values, expected.values)


def test_unreadable_files_are_all_named_or_skipped(folder, tmp_path, capsys):
    images = Path(folder.root)
    (images / "ant" / "zero.png").touch()
    whole = (images / "bee" / "0.png").read_bytes()
    (images / "bee" / "half.png").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "s.safetensors"
    code, _, err = run(capsys, "score", images, "-o", out)
    assert code == 1
    assert re.search(r"2 of 6 images cannot be read: '.*zero.png', '.*half.png'", err)
    assert "zero.png' cannot be read: it is no image. Delete or mend them, or pass --skip-" in err
    assert not out.exists()
    code, said, _ = run(capsys, "score", images, "-o", out, "--skip-unreadable")
    assert code == 0
    assert "2 examples not to be read or scored" in said
    assert CGScores.load(out).names == ("ant/0.png", "ant/1.png", "bee/0.png", "bee/1.png")
    page = tmp_path / "r.html"
    assert run(capsys, "report", out, images, "-o", page)[0] == 0
    assert "bee/half.png" in page.read_text()


def test_images_of_different_sizes_need_resize(folder, tmp_path, capsys):
    images, out = Path(folder.root), tmp_path / "s.safetensors"
    Image.new("RGB", (9, 7), "red").save(images / "bee" / "large.png")
    code, _, err = run(capsys, "score", images, "-o", out)
    assert code == 1
    assert "(4, 5, 3) and (7, 9, 3). Pass --resize N, as --resize 32, or an --encoder." in err
    assert run(capsys, "score", images, "-o", out, "--resize", 6)[0] == 0
    assert run(capsys, "report", out, images, "-o", tmp_path / "r.html")[0] == 0


def test_images_that_cannot_be_scored_are_all_named_or_skipped(folder, tmp_path, capsys):
    images, out = Path(folder.root), tmp_path / "s.safetensors"
    Image.new("RGB", (5, 4)).save(images / "bee" / "black.png")
    code, _, err = run(capsys, "score", images, "-o", out)
    assert code == 1
    assert "The image 'bee/black.png' cannot be scored. Row 4 of the 'features' is all zero" in err
    for i in range(6):
        Image.new("L", (5, 4)).save(images / "ant" / f"dark{i}.png")
    Image.fromarray(np.full((4, 5), np.nan, dtype=np.float32)).save(images / "bee" / "nan.tif")
    (images / "bee" / "none.png").touch()
    code, _, err = run(capsys, "score", images, "-o", out, "--skip-unreadable", "--json")
    assert code == 0, err
    assert CGScores.load(out).names == ("ant/0.png", "ant/1.png", "bee/0.png", "bee/1.png")
    assert run(capsys, "report", out, images, "-o", tmp_path / "r.html")[0] == 0
    (images / "bee" / "none.png").unlink()
    code, _, err = run(capsys, "score", images, "-o", tmp_path / "t.safetensors")
    assert "'ant/dark0.png', 'ant/dark1.png', " in err
    assert " and 3 more cannot be scored. Row 11 of the 'features' holds NaN or infinity. " in err
    assert (
        "7 rows of the 'features' are all zeros and have no direction: 2, 3, 4, 5, 6 and 2" in err
    )
    assert err.endswith("Repair or delete them, or pass --skip-unreadable.\n")


@pytest.mark.parametrize("where", ["npz", "npy", "features"])
def test_rows_that_cannot_be_scored_are_all_told_or_skipped(folder, tmp_path, capsys, where):
    x = np.random.default_rng(0).normal(size=(4 if where == "features" else 20, 3))
    labels, out = np.arange(len(x)) % 2, tmp_path / "s.safetensors"
    x[1, 2], x[3] = np.nan, 0
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", labels)
    np.savez(tmp_path / "x.npz", features=x, labels=labels)
    argv = {
        "npz": [tmp_path / "x.npz"],
        "npy": [tmp_path / "x.npy", "--labels", tmp_path / "y.npy"],
        "features": [folder.root, "--features", tmp_path / "x.npy"],
    }[where]
    code, _, err = run(capsys, "score", *argv, "-o", out)
    assert code == 1
    assert "Row 1 of the 'features' holds NaN or infinity. Row 3 of the 'features' is all z" in err
    code, said, err = run(capsys, "score", *argv, "-o", out, "--skip-unreadable")
    assert code == 0, err
    assert "2 examples not to be read or scored" in said
    assert len(CGScores.load(out)) == len(x) - 2
    assert run(capsys, "report", out, argv[0], "-o", tmp_path / "r.html")[0] == 0


def test_nothing_is_scored_where_nothing_can_be(tmp_path, capsys):
    np.savez(tmp_path / "x.npz", features=np.zeros((4, 2)), labels=[0, 1, 0, 1])
    argv = ["score", tmp_path / "x.npz", "-o", tmp_path / "s.safetensors", "--skip-unreadable"]
    assert run(capsys, *argv)[2].endswith("None of the 4 rows can be read and scored.\n")


@pytest.mark.parametrize("change", ["one more", "renamed", "other pixels", "other label"])
def test_a_source_that_is_not_what_was_scored_any_more(folder, tmp_path, capsys, change):
    images, out = Path(folder.root), tmp_path / "s.safetensors"
    assert run(capsys, "score", images, "-o", out)[0] == 0
    first = images / "ant" / "0.png"
    if change == "one more":
        Image.new("RGB", (5, 4)).save(images / "bee" / "new.png")
    elif change == "renamed":
        first.rename(images / "ant" / "00.png")
    elif change == "other pixels":
        Image.new("RGB", (5, 4)).save(first)
    else:
        first.rename(images / "bee" / "2.png")
    page = tmp_path / "r.html"
    code, _, err = run(capsys, "report", out, images, "-o", page)
    assert code == 1
    assert "Score it again, or name what these scores are of." in err
    assert err.count("\n") == 1
    assert not page.exists()


def test_decisions_on_the_page_reach_the_training(folder, tmp_path, capsys):
    """The page's own download is tested in a browser: tests/report/test_page_in_browser.py."""
    out, ticked = tmp_path / "s.safetensors", tmp_path / "relabel.csv"
    assert run(capsys, "score", folder.root, "-o", out)[0] == 0
    with ticked.open("w", newline="") as file:
        rows = csv.writer(file)
        columns = ["index", "path", "label", "new_label", "decision", "wrong_probability"]
        rows.writerow(columns)
        rows.writerow([2, "bee/0.png", "bee", "ant", "wrong", 0.97])
        rows.writerow([3, "bee/1.png", "bee", "", "fine", 0.91])
    train = CGScoredDataset(folder, cache=out, relabel=ticked)
    assert [y for _, y in train] == [0, 0, 0, 1]
    every = {"keep": 1.0, "exclude": ticked, "policy": "stratified"}
    assert PrunedSampler(train, **every).selection.tolist() == [0, 1, 2, 3]  # it has its new label
    assert PrunedSampler(train.scores, **every).selection.tolist() == [0, 1, 3]
    code, said, _ = run(capsys, "select", out, "--keep", 1, "--exclude", ticked)
    assert (code, said.split()) == (0, ["ant/0.png", "ant/1.png", "bee/1.png"])


def test_true_labels_add_a_plot(scored, tmp_path, capsys):
    true = tmp_path / "true.txt"
    names = [CGScores.load(scored).class_names[i % 2] for i in range(N)]
    true.write_text("\n".join(names))
    page = tmp_path / "r.html"
    assert run(capsys, "report", scored, "--true-labels", true, "-o", page)[0] == 0
    assert "Which share of the wrong labels is found" in page.read_text()
    true.write_text("\n".join(CGScores.load(scored).class_names[i % 3] for i in range(N)))
    assert run(capsys, "report", scored, "--true-labels", true, "-o", page)[0] == 0
    assert "Which share of the wrong labels is found" not in page.read_text()
    true.write_text("Ant\n" * N)
    code, _, err = run(capsys, "report", scored, "--true-labels", true, "-o", page)
    assert code == 1
    assert "--true-labels are of other classes: 'Ant' is none of ['ant', 'bee', 'cat']" in err
    true.write_text("ant\n")
    code, _, err = run(capsys, "report", scored, "--true-labels", true, "-o", page)
    assert code == 1
    assert "one per example. Got 1 for 40" in err


def test_without_the_extra_the_cure_is_named(scored, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    code, _, err = run(capsys, "report", scored, "-o", tmp_path / "r.html")
    assert code == 1
    assert "pip install 'torch-cgprune[report]'" in err
    assert not (tmp_path / "r.html").exists()


def test_every_command_has_an_example_in_its_help(capsys):
    commands = build_parser()._subparsers._group_actions[0].choices
    assert {*commands} == {
        "score",
        "advise",
        "encode",
        "select",
        "suspects",
        "apply",
        "report",
        "review",
        "info",
        "near",
        "export",
    }
    for name in commands:
        with pytest.raises(SystemExit) as stop:
            main([name, "--help"])
        assert stop.value.code == 0
        assert re.search(rf"examples?:\n +torch-cgprune {name} ", capsys.readouterr().out)


def test_letters_that_the_terminal_lacks(tmp_path, monkeypatch):
    import io  # noqa: PLC0415
    import sys  # noqa: PLC0415

    features, labels = np.random.default_rng(0).normal(size=(6, 3)), ["猫", "犬"] * 3
    np.savez(tmp_path / "x.npz", features=features, labels=labels)
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["score", str(tmp_path / "x.npz"), "-o", str(tmp_path / "s.safetensors")]) == 0
    assert b"\\u732b" in terminal.buffer.getvalue()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_export_writes_the_data_frame(scored, tmp_path, capsys, form):
    out = tmp_path / f"table.{form}"
    code, said, err = run(capsys, "export", scored, "-o", out)
    assert (code, said, err) == (0, f"{out}: {N} examples\n", "")
    frame = CGScores.load(scored).to_pandas()
    if form == "csv":
        with out.open(newline="") as file:
            assert [*csv.DictReader(file)] == [
                {name: "" if pd.isna(value) else str(value) for name, value in row.items()}
                for row in frame.to_dict("records")
            ]
    else:
        read = pd.read_parquet(out, dtype_backend="numpy_nullable")
        pd.testing.assert_frame_equal(read, frame, check_dtype=False, check_exact=True)
    again = run(capsys, "select", scored, "--keep", 1, "--exclude", out)
    assert again[0] == 1  # the table is a list of all: none is left
    assert "leaves none" in again[2]


def test_export_refuses_another_kind_of_file_and_its_input(scored, tmp_path, capsys):
    code, _, err = run(capsys, "export", scored, "-o", tmp_path / "t.xlsx")
    assert code == 2
    assert "must end in .csv or .parquet" in err
    copy = tmp_path / "s.csv"
    copy.write_bytes(scored.read_bytes())
    code, _, err = run(capsys, "export", copy, "-o", copy)
    assert code == 2
    assert "is an input too" in err
