"""The commands that show the page: `review`, `report --open`, and what reviewed lists change."""

import _thread
import json
import signal
import threading
import urllib.request
import webbrowser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from shell import run

from torch_cgprune import CGScores


@pytest.fixture
def images(tmp_path):
    """Folders of red and of blue images, every fifth in the wrong one."""
    rng = np.random.default_rng(0)
    for i in range(40):
        colour = [200, 40, 40] if i % 2 else [40, 40, 200]
        folder = tmp_path / "images" / ("red", "blue")[(i % 2 == 0) != (i % 5 == 0)]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(rng.normal(colour, 40, (8, 8, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    return tmp_path / "images"


@pytest.fixture
def scored(images, tmp_path, capsys):
    out = tmp_path / "s.safetensors"
    assert run(capsys, "score", images, "-o", out, "-q", "--ridge", 0.1)[0] == 0
    return out


@pytest.fixture
def interrupts():
    """As in a terminal: who runs tests in the background has SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_review_serves_the_page_until_it_is_interrupted(
    scored, images, tmp_path, capsys, monkeypatch
):
    found = []

    def visit(address):
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(address, timeout=60) as answer:
                found.append(answer.read())
            body = json.dumps([[3, "fine", -1], [4, "wrong", 0]]).encode()
            with direct.open(f"{address}decisions", body, timeout=60) as answer:
                found.append(answer.status)
        finally:
            _thread.interrupt_main()

    def opened(address):
        threading.Thread(target=visit, args=(address,)).start()

    monkeypatch.setattr(webbrowser, "open", opened)
    target = tmp_path / "decided.csv"
    code, said, err = run(capsys, "review", scored, images, "-o", target, "--open")
    assert (code, err) == (0, "")
    address, where, *_, last = said.splitlines()
    assert address.startswith("http://127.0.0.1:")
    assert str(target) in where
    assert last == f"{target}: 2 decisions"
    assert found[1] == 200
    assert b"What is in " in found[0]
    assert b"UklGR" in found[0]
    lines = target.read_text().splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == ["3", "4"]
    # What is fine is no suspect from then on.
    scores = CGScores.load(scored)
    suspect = int(scores.suspects.nonzero()[0])
    target.write_text(f"index,new_label,decision\n{suspect},,fine\n")
    command = ["select", scored, "--policy", "noise-filter", "--format", "npy"]
    for options, missing in (([], 1), (["--reviewed", target], 0)):
        assert run(capsys, *command, *options, "-o", tmp_path / "kept.npy")[0] == 0
        assert (suspect in np.load(tmp_path / "kept.npy")) == (not missing)


def test_a_report_is_opened(scored, tmp_path, capsys, monkeypatch):
    seen = []
    monkeypatch.setattr(webbrowser, "open", seen.append)
    page = tmp_path / "p.html"
    assert run(capsys, "report", scored, "-o", page)[0] == 0
    assert seen == []
    assert run(capsys, "report", scored, "-o", page, "--open")[0] == 0
    assert seen == [page.as_uri()]


def test_a_report_of_what_is_reviewed(scored, images, tmp_path, capsys):
    scores, page = CGScores.load(scored), tmp_path / "p.html"
    suspect = int(scores.suspects.nonzero()[0])
    decided = tmp_path / "relabel.csv"
    decided.write_text(f"index,new_label,decision\n{suspect},,fine\n")
    command = ["report", scored, images, "-o", page]
    assert run(capsys, *command, "--reviewed", decided)[0] == 0
    count = int(scores.suspects.sum()) - 1
    assert f'<p class="value">{count}</p>' in page.read_text()
    decided.write_text("index,new_label\n1,\n")
    code, _, err = run(capsys, *command, "--reviewed", decided)
    assert code == 1
    assert "--reviewed file" in err
    assert "must have a column 'decision'" in err


def test_what_cannot_be_reviewed_is_told(scored, tmp_path, capsys):
    code, _, err = run(capsys, "review", scored, "-o", tmp_path / "list.txt")
    assert (code, Path(tmp_path / "list.txt").exists()) == (1, False)
    assert "must be a .csv" in err
    assert run(capsys, "review", scored, "-o", scored)[0] == 2


def test_a_decision_without_a_label_is_left_out_of_the_copy(images, scored, tmp_path, capsys):
    kept, decided = tmp_path / "kept.txt", tmp_path / "relabel.csv"
    assert run(capsys, "select", scored, "--keep", 1, "-o", kept)[0] == 0
    names = CGScores.load(scored).names
    other = {"red": "blue", "blue": "red"}
    own = names[0].partition("/")[0]
    decided.write_text(
        "path,new_label,decision\n"
        f"{names[0]},{other[own]},wrong\n{names[1]},,wrong\n{names[2]},,fine\n"
    )
    clean = tmp_path / "clean"
    assert run(capsys, "apply", kept, images, "-o", clean, "--relabel", decided)[0] == 0
    there = {str(path.relative_to(clean)) for path in clean.glob("*/*.png")}
    moved = names[0].replace(own, other[own], 1)
    assert there == {*names[2:]} | {moved}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_chosen_columns_of_a_table_are_shown(tmp_path, capsys, form):
    rng = np.random.default_rng(0)
    kinds = ["ant", "bee"] * 20
    frame = pd.DataFrame({"name": [f"no. {i}" for i in range(40)], "size": rng.normal(size=40)})
    frame["legs"], frame["label"] = 6, kinds
    table, out, page = tmp_path / f"t.{form}", tmp_path / "s.safetensors", tmp_path / "p.html"
    getattr(frame, f"to_{form}")(table, index=False)
    scoring = ["score", table, "-o", out, "-q", "--feature-columns", "size", "legs"]
    assert run(capsys, *scoring)[0] == 0
    shown = ["report", out, table, "-o", page]
    assert run(capsys, *shown, "--rule", "margin", "--show-columns", "name", "legs")[0] == 0
    text = page.read_text()
    assert "name: no. 7; legs: 6" in text
    assert "size:" not in text.partition('id="data"')[2].partition("</script>")[0]
    code, _, err = run(capsys, *shown, "--show-columns", "weight")
    assert code == 1
    assert "has no column 'weight'" in err
    assert "--show-columns" in err
    assert run(capsys, "report", out, "-o", page, "--show-columns", "name")[0] == 2
