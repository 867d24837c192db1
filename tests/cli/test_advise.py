"""Advice in the shell: what is said, what is kept with the scores, and what select makes of it."""

import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from shell import run
from torch import nn

from torch_cgprune import CGScores, PrunedSampler, WindowSampler, advise, cg_scores, policies
from torch_cgprune.advice import Advice, Candidate, Grade
from torch_cgprune.advice.compare import saved_advice
from torch_cgprune.cli import main
from torch_cgprune.encoders import Encoder

N = 240


@pytest.fixture
def scored(tmp_path, monkeypatch):
    """A file of scores, beside what they are of: four clusters, every sixth label wrong."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    true = np.arange(N) % 4
    rows = 2 * rng.normal(size=(4, 12))[true] + rng.normal(size=(N, 12))
    labels = np.where(np.arange(N) % 6, true, (true + 1) % 4)
    np.savez("data.npz", features=rows.astype(np.float32), labels=labels)
    assert main(["score", "data.npz", "-o", "s.safetensors", "-q"]) == 0
    return tmp_path / "s.safetensors"


def rows_of(path):
    return torch.from_numpy(np.load(path)["features"])


def test_advice_is_the_librarys_and_is_kept_with_the_scores(scored, capsys):
    scores = CGScores.load(scored)
    expected = advise((rows_of("data.npz"), scores), keep=[0.3, 0.6], progress=False)
    code, said, err = run(capsys, "advise", scored, "--keep", 0.3, 0.6)
    assert (code, err) == (0, "")
    assert str(expected) in said
    assert re.search(rf"^{N} examples, all of them graded", said)
    assert re.search(rf"^{scored}: advice written in \d+\.\d s$", said, re.MULTILINE)
    assert len(said.splitlines()) < 15
    assert saved_advice(CGScores.load(scored)) == expected
    assert torch.equal(CGScores.load(scored).values, scores.values)


def test_json_has_all_of_it_and_what_is_best(scored, capsys):
    code, said, _ = run(capsys, "advise", scored, "--keep", 0.5, "--json")
    found = json.loads(said)
    advice = saved_advice(CGScores.load(scored))
    assert (code, found["output"], found["verdict"]) == (0, None, advice.verdict)
    assert found["lossless"] == advice.lossless
    assert found["best"] == [dataclasses.asdict(advice.best(0.5))]
    names = {field.name for field in dataclasses.fields(Advice)}
    assert Advice.from_json({name: found[name] for name in names}) == advice
    assert run(capsys, "advise", scored, "--keep", 0.5, "-q") == (0, "", "")


def test_advice_that_is_there_is_not_computed_again(scored, capsys):
    assert run(capsys, "advise", scored, "--keep", 0.3, 0.6, "-q")[0] == 0
    scored.with_name("data.npz").rename("gone.npz")
    code, said, _ = run(capsys, "advise", scored, "--keep", 0.6, "-o", "plot.svg")
    assert (code, said.splitlines()[-2]) == (0, f"{scored}: advice was there")
    assert "nothing lost" in scored.with_name("plot.svg").read_text() or "loses" in said
    code, _, err = run(capsys, "advise", scored, "--keep", 0.6, 0.7)
    assert code == 1
    assert "There is no file 'data.npz'. It was there when " in err
    assert err.endswith(f"where it is now: torch-cgprune advise {scored} SOURCE.\n")
    code, said, _ = run(capsys, "advise", scored, "gone.npz", "--keep", 0.7)
    assert (code, "advice written" in said) == (0, True)
    assert saved_advice(CGScores.load(scored)).shares == (0.3, 0.6, 0.7)
    assert CGScores.load(scored).metadata["source"]["source"] == "gone.npz"  # from now on


@pytest.mark.parametrize(("form", "begins"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_the_plot_is_a_file(scored, capsys, form, begins):
    path = scored.with_name(f"plot.{form}")
    code, said, _ = run(capsys, "advise", scored, "--keep", 0.5, "-o", path)
    assert (code, said.splitlines()[-1]) == (0, f"{path}: the plot")
    assert path.read_bytes().startswith(begins)


def test_bad_usage_is_found_before_anything_is_read(scored, capsys, monkeypatch):
    for argv, message in (
        ((scored, "-o", "plot.html"), r"'plot.html' must end in .svg, .png or .pdf: name it so"),
        ((scored, "data.npz", "-o", "data.npz"), "must end in"),
        ((".",), r"'\.' is a folder, not a file of scores\. Score it first: torch-cgprune score"),
        ((scored, "--weights", "w.pth"), "Name it with --encoder"),
    ):
        code, out, err = run(capsys, "advise", *argv)
        assert (code, out) == (2, "")
        assert re.search(message, err), err
    for keep in ("0", "1", "1.5", "x"):
        with pytest.raises(SystemExit) as stop:
            main(["advise", str(scored), "--keep", keep])
        assert stop.value.code == 2
    capsys.readouterr()
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    code, _, err = run(capsys, "advise", scored, "--keep", 0.5, "-o", "plot.svg")
    assert (code, "pip install 'torch-cgprune[report]'" in err) == (1, True)
    assert "advice" not in CGScores.load(scored).metadata


def test_other_data_than_were_scored_are_refused(scored, capsys):
    np.savez("other.npz", features=rows_of("data.npz").numpy() + 1, labels=np.arange(N) % 4)
    code, _, err = run(capsys, "advise", scored, "other.npz", "--keep", 0.5)
    assert code == 1
    assert err.endswith(". Score it again, or name what these scores are of.\n")
    assert CGScores.load(scored).metadata["source"]["source"] == "data.npz"


@pytest.mark.usefixtures("scored")
def test_scores_made_in_python_need_their_source_once(capsys):
    archive = np.load("data.npz")
    cg_scores(archive["features"], archive["labels"], progress=False).save("p.safetensors")
    code, _, err = run(capsys, "advise", "p.safetensors", "--keep", 0.5)
    assert code == 2
    assert "Name it: torch-cgprune advise p.safetensors SOURCE" in err
    assert run(capsys, "advise", "p.safetensors", "data.npz", "--keep", 0.5, "-q")[0] == 0
    assert run(capsys, "advise", "p.safetensors", "--keep", 0.4, "-q")[0] == 0
    assert saved_advice(CGScores.load("p.safetensors")).shares == (0.4, 0.5)


@pytest.mark.usefixtures("scored")
def test_standardised_columns_are_graded_as_they_were_scored(capsys):
    rows = rows_of("data.npz")
    rows[:, 0] *= 1e4
    labels = np.load("data.npz")["labels"]
    np.savez("spoilt.npz", features=rows.numpy(), labels=labels)
    assert run(capsys, "score", "spoilt.npz", "-o", "t.safetensors", "--standardise", "-q")[0] == 0
    _, said, _ = run(capsys, "advise", "t.safetensors", "--keep", 0.5, "--json")
    assert json.loads(said)["accuracy"] > 0.7


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """A folder of noise of two brightnesses."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, brightness in (("dark", 80), ("light", 170)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(30):
            pixels = rng.normal(brightness, 30, (32, 32, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


@pytest.mark.usefixtures("photographs")
def test_photographs_as_pixels_are_cautioned_of_at_once(capsys):
    assert run(capsys, "score", "photos", "-o", "s.safetensors", "-q")[0] == 0
    scores = CGScores.load("s.safetensors")
    scores.metadata["photographs_as_pixels"] = True  # these are small and few
    scores.save("s.safetensors")
    code, said, err = run(capsys, "advise", "s.safetensors", "--keep", 0.5)
    assert code == 0
    assert "a random choice. Score them with an --encoder, and ask again.\n" in err
    assert "take an encoder" in said
    code, _, err = run(capsys, "select", "s.safetensors", "--policy", "auto", "--keep", 0.3)
    assert code == 0
    assert err.endswith("what a network needs. Score them with an --encoder.\n")
    assert run(capsys, "advise", "s.safetensors", "--keep", 0.4, "-q") == (0, "", "")


@pytest.mark.usefixtures("photographs")
def test_an_encoders_file_is_read_not_the_photographs_again(capsys, monkeypatch):
    for command in ("score", "scored"):
        monkeypatch.setattr(f"torch_cgprune.cli.{command}.encoder_of", lambda *_: pooled())
    argv = ["score", "photos", "-o", "s.safetensors", "--encoder", "mine", "--weights", "w", "-q"]
    assert run(capsys, *argv) == (0, "", "")
    assert CGScores.load("s.safetensors").metadata["source"]["weights"].endswith("/w")
    monkeypatch.setattr("torch_cgprune.encoders.encode.read_images", None)  # would read them
    code, said, err = run(capsys, "advise", "s.safetensors", "--keep", 0.5)
    assert (code, err) == (0, "")
    assert "take an encoder" not in said


def pooled():
    return Encoder(nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten()))


def test_select_auto_takes_the_advice(scored, capsys):
    options = ["--policy", "auto", "--keep", 0.4]
    code, out, err = run(capsys, "select", scored, *options)
    assert (code, out) == (1, "")
    assert err.endswith(f"Ask for it: torch-cgprune advise {scored} --keep 0.4\n")
    best = Candidate("window", start=0.3)
    grades = [
        Grade(0.4, one, 0.5 + gain, gain, 0.01, 0.2, 0.01)
        for one, gain in ((Candidate("random"), 0.0), (best, 0.1))
    ]
    scores = CGScores.load(scored)
    scores.metadata["advice"] = Advice(tuple(grades), 0.8, N, N, 5, pixels=False).as_json()
    scores.save(scored)
    expected = WindowSampler(scores, 0.3, 0.4).selection
    _, out, _ = run(capsys, "select", scored, *options)
    assert [*map(int, out.split())] == expected.tolist()
    _, out, _ = run(capsys, "select", scored, *options, "--dry-run")
    assert out.splitlines()[0] == "auto takes window from 30%"
    _, out, _ = run(capsys, "select", scored, *options, "--dry-run", "--json")
    assert json.loads(out)["taken"] == "window from 30%"
    code, _, err = run(capsys, "select", scored, "--policy", "auto")
    assert (code, "The policy auto needs --keep" in err) == (2, True)


@pytest.mark.parametrize("kind", ["one class", "copies"])
def test_select_auto_asks_for_no_advice_that_advise_refuses(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    codes = np.arange(40) % 2
    rows, labels = {
        "one class": (np.random.default_rng(0).normal(size=(40, 3)), np.zeros(40, int)),
        "copies": (np.eye(4)[codes], codes),
    }[kind]
    np.savez("few.npz", features=rows.astype(np.float32), labels=labels)
    assert main(["score", "few.npz", "-o", "s.safetensors", "-q"]) == 0
    capsys.readouterr()
    assert run(capsys, "advise", "s.safetensors", "--keep", 0.4)[0] == 1
    options = ["--policy", "auto", "--keep", 0.4, "--seed", 3]
    code, out, err = run(capsys, "select", "s.safetensors", *options)
    assert (code, err) == (0, "")
    assert [*map(int, out.split())] == policies.random(labels, 0.4, seed=3).tolist()


def test_select_herding_reads_what_was_scored(scored, capsys):
    code, out, err = run(capsys, "select", scored, "--policy", "herding", "--keep", 0.25)
    assert (code, err) == (0, "")
    scores = CGScores.load(scored)

    class Both:
        rows = staticmethod(lambda: rows_of("data.npz"))

    both = Both()
    both.scores = scores
    expected = PrunedSampler(both, 0.25, "herding").selection
    assert [*map(int, out.split())] == expected.tolist()


@pytest.mark.parametrize(("options", "seen"), [([], True), (["-q"], False)])
def test_select_auto_shows_a_bar_to_who_looks_but_not_if_quiet(
    scored, capsys, monkeypatch, options, seen
):
    monkeypatch.setattr("torch_cgprune.utils.progress._DELAY", 0)
    argv = ["--policy", "auto", "--keep", 0.4, "--no-balanced", *options]
    assert run(capsys, "select", scored, *argv)[2] == ""  # a file
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, _, err = run(capsys, "select", scored, *argv)
    assert (code, "Advice" in err) == (0, seen)
    assert seen or err == ""


def test_select_auto_grades_what_is_left_of_the_source(scored, capsys):
    assert run(capsys, "advise", scored, "--keep", 0.4, "-q")[0] == 0
    options = ["--policy", "auto", "--keep", 0.4, "--exclude", "suspects"]
    code, out, _ = run(capsys, "select", scored, *options)
    scores = CGScores.load(scored)
    assert code == 0
    assert not {*map(int, out.split())} & {*scores.suspects.nonzero().flatten().tolist()}
    scored.with_name("data.npz").rename("gone.npz")
    code, _, err = run(capsys, "select", scored, *options)
    assert (code, "There is no file 'data.npz'" in err) == (1, True)
