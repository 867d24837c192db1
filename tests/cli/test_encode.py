"""Encoders on the command line: ``encode``, and ``score`` with ``--encoder`` and ``--features``."""

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from shell import run

from torch_cgprune import CGScores, encoders
from torch_cgprune.cli.source import open_source
from torch_cgprune.encoders import encode_dataset
from torch_cgprune.utils.files import read_safetensors, write_safetensors

LITE = "efficientnet_lite:lite0"


@pytest.fixture
def photographs(tmp_path):
    """A folder of two classes of photographs of different sizes; one of them is all black."""
    rng = np.random.default_rng(0)
    for i in range(12):
        pixels = rng.integers(0, 156, (20 + i, 40 - i, 3)) + 100 * (i % 2)
        path = tmp_path / "photographs" / ("Ä, b" if i % 2 else "cat") / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * (i > 0)).astype(np.uint8)).save(path)
    return tmp_path / "photographs"


def test_features_are_the_library_s_and_score_takes_them(photographs, small, tmp_path, capsys):
    out, scored, other = (
        tmp_path / name for name in ("f.features", "s.safetensors", "t.safetensors")
    )
    code, said, err = run(capsys, "encode", photographs, "--encoder", small, "-o", out)
    assert (code, err) == (0, "")
    assert re.fullmatch(rf"{out}: 16 features of 12 examples, in \S+ s\n", said)
    opened = open_source(str(photographs))
    encoder = encoders.load(small)
    expected, _ = encode_dataset(
        opened.dataset, encoder, transform=opened.transform, progress=False
    )
    assert torch.equal(load_file(out)["features"], expected.features)
    assert run(capsys, "score", photographs, "--encoder", small, "-o", scored, "-q")[0] == 0
    kept = load_file(f"{scored}.features")
    assert torch.equal(kept["features"], expected.features)
    for features in (out, f"{scored}.features"):
        options = ["--features", features, "-o", other, "--overwrite", "-q"]
        assert run(capsys, "score", photographs, *options) == (0, "", "")
        assert torch.equal(CGScores.load(other).values, CGScores.load(scored).values)


def test_a_black_image_counts_where_it_was_encoded(photographs, small, tmp_path, capsys):
    scored, kept = tmp_path / "s.safetensors", tmp_path / "kept.npy"
    assert run(capsys, "score", photographs, "--encoder", small, "-o", scored, "-q")[0] == 0
    assert run(capsys, "select", scored, "--keep", 0.5, "-o", kept, "-q")[0] == 0
    command = ["apply", kept, photographs, "-o", tmp_path / "clean"]
    assert "1 of the source cannot be read or scored" in run(capsys, *command)[2]
    assert run(capsys, *command, "--encoder", small)[1].endswith("6 files copied\n")


def test_the_page_needs_no_encoder(photographs, small, tmp_path, capsys, monkeypatch):
    scored, page = tmp_path / "s.safetensors", tmp_path / "s.html"
    assert run(capsys, "score", photographs, "--encoder", small, "-o", scored, "-q")[0] == 0
    monkeypatch.setattr("torch_cgprune.encoders.load", None)
    assert run(capsys, "report", scored, photographs, "-o", page)[0] == 0
    Image.new("RGB", (9, 9), "red").save(photographs / "cat" / "02.png")
    code, _, err = run(capsys, "report", scored, photographs, "-o", page)
    assert code == 1
    assert "is of other features" in err


def test_a_complete_file_is_taken_up_and_another_s_refused(photographs, small, tmp_path, capsys):
    out = tmp_path / "f.safetensors"
    command = ["encode", photographs, "--encoder", small, "-o", out, "--json"]
    found = json.loads(run(capsys, *command)[1])
    assert found.pop("seconds") > 0
    assert found == {
        "output": str(out),
        "encoder": small,
        "examples": 12,
        "features": 16,
        "skipped": [],
    }
    before = out.stat().st_mtime_ns
    assert run(capsys, *command)[0] == 0
    assert out.stat().st_mtime_ns == before
    code, _, err = run(capsys, *command, "--resize", 8)
    assert code == 1
    assert "Name another file, or pass --overwrite." in err
    assert run(capsys, *command, "--resize", 8, "--overwrite")[0] == 0
    assert out.stat().st_mtime_ns > before


def test_an_interrupted_run_goes_on(photographs, small, tmp_path, capsys):
    out = tmp_path / "f.features"
    assert run(capsys, "encode", photographs, "--encoder", small, "-o", out, "-q")[0] == 0
    whole = out.read_bytes()
    tensors = load_file(out)
    _, metadata = read_safetensors(out)
    write_safetensors(out, {name: value[:5] for name, value in tensors.items()}, metadata)
    code, _, err = run(
        capsys, "score", photographs, "--features", out, "-o", tmp_path / "s.safetensors"
    )
    assert code == 1
    assert "Got 5 for 12" in err
    assert run(capsys, "encode", photographs, "--encoder", small, "-o", out, "-q")[0] == 0
    torch.testing.assert_close(load_file(out), tensors)
    assert len(out.read_bytes()) == len(whole)


def test_unreadable_files_are_named_or_left_out_and_black_images_stay(
    photographs, small, tmp_path, capsys
):
    (photographs / "cat" / "04.png").write_text("no image")
    out, scored = tmp_path / "f.features", tmp_path / "s.safetensors"
    command = ["encode", photographs, "--encoder", small, "-o", out]
    code, _, err = run(capsys, *command)
    assert code == 1
    assert re.search(r"1 of 12 images cannot be read: .*04.png.*pass --skip-unreadable", err)
    code, said, _ = run(capsys, *command, "--skip-unreadable")
    assert code == 0
    assert "of 11 examples, 1 left out" in said
    options = ["--features", out, "--skip-unreadable", "-o", scored, "-q"]
    assert run(capsys, "score", photographs, *options)[0] == 0
    assert len(CGScores.load(scored)) == 11


@pytest.mark.parametrize(
    ("argv", "match"),
    [
        (["score", "--encoder", LITE, "--features", "f.npy"], "--encoder and --features exclude"),
        (["score", "--weights", "w.pt"], "--weights is of an encoder. Name it with --encoder"),
        (["encode"], "What makes the features"),
    ],
)
def test_options_that_do_not_go_together_are_bad_usage(argv, match, photographs, tmp_path, capsys):
    command, *options = argv
    out = ["-o", tmp_path / "x.safetensors"]
    code, _, err = run(capsys, command, photographs, *options, *out)
    assert code == 2
    assert re.search(match, err)


@pytest.mark.parametrize("option", ["--features", "--labels", "--keys"])
def test_encode_has_no_options_of_what_is_scored(option, photographs, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run(capsys, "encode", photographs, "--encoder", LITE, "-o", tmp_path / "x", option, "a")
    assert stop.value.code == 2
    with pytest.raises(SystemExit):
        run(capsys, "encode", "--help")
    assert not re.search(rf"^  {option}", capsys.readouterr().out, re.MULTILINE)


def test_features_are_written_as_what_they_are(photographs, tmp_path, capsys):
    for name in ("f.npy", "f", "f.csv"):
        out = tmp_path / name
        code, _, err = run(capsys, "encode", photographs, "--encoder", LITE, "-o", out)
        assert code == 2
        assert f"as .features or .safetensors. Got '{out}' instead" in err


def test_the_cures_are_the_shell_s(photographs, tmp_path, capsys):
    out = ["-o", tmp_path / "s.safetensors"]
    for name in ("timm:resnet18", "transformers:nobody/nothing"):
        code, _, err = run(capsys, "score", photographs, "--encoder", name, *out)
        assert code == 1
        assert "Pass --download to fetch it" in err
        assert ("pass --weights FILE" in err) == (name == "timm:resnet18")
    code, _, err = run(capsys, "score", photographs, *out)
    assert code == 1
    assert "Pass --resize N, as --resize 32, or an --encoder." in err
    np.savez(tmp_path / "data.npz", features=np.eye(4), labels=np.arange(4) % 2)
    code, _, err = run(capsys, "score", tmp_path / "data.npz", "--encoder", LITE, *out)
    assert code == 1
    assert "--encoder is for images or texts" in err


def test_pixels_of_photographs_are_told_and_those_of_grey_images_or_features_not(
    photographs, small, tmp_path, capsys
):
    hint = "photographs are scored as pixels: an encoder sees more (--encoder NAME"
    out = tmp_path / "s.safetensors"
    score = ["score", photographs, "-o", out, "--overwrite"]
    code, said, _ = run(capsys, *score, "--resize", 16, "--skip-unreadable")
    assert (code, hint in said) == (0, True)
    assert hint in run(capsys, "info", out)[1]
    assert json.loads(run(capsys, "info", out, "--json")[1])["photographs_as_pixels"]
    assert run(capsys, "report", out, photographs, "-o", tmp_path / "s.html")[0] == 0
    assert hint[1:] in (tmp_path / "s.html").read_text(encoding="utf-8")
    assert hint not in run(capsys, *score, "--encoder", small)[1]
    assert hint not in run(capsys, *score, "--features", f"{out}.features")[1]
    for path in photographs.glob("*/*.png"):
        Image.open(path).convert("L").save(path)
    assert hint not in run(capsys, *score, "--resize", 16, "--skip-unreadable")[1]
