"""The benchmarks run: what takes a machine of its own, here at small sizes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from sklearn.datasets import load_digits

FOLDER = Path(__file__).parents[1] / "examples" / "benchmarks"


def run(script, *arguments):
    command = [sys.executable, str(FOLDER / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_what_a_gpu_gives_is_tried_on_the_cpu():
    sizes = ["--sizes", 200, 300, 4200, "--most", 4300, "--features", 8]
    said = run("gpu.py", "--device", "cpu", "--no-tests", *sizes)
    assert "| high |" in said
    for method in ("exact", "local", "stochastic"):
        assert f"| 200 | {method} |" in said
    for n in ("4,200", "4,300"):
        assert f"| {n} | iterative, " in said
    assert "gloo carries a tensor of cpu" in said
    assert "not run" not in said
    assert "not run" in run("gpu.py", "--device", "cpu", "--no-tests", "--minutes", 0, *sizes)


@pytest.fixture
def digits(tmp_path):
    bunch = load_digits(n_class=3)
    for i, (image, name) in enumerate(zip(bunch.images[:90], bunch.target[:90], strict=True)):
        path = tmp_path / "digits" / "train" / str(name) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((16 * image).clip(0, 255).astype("uint8")).convert("RGB").save(path)
    return tmp_path / "digits"


def test_methods_are_compared_once_and_go_on(digits, tmp_path):
    results = tmp_path / "results.jsonl"
    options = [digits, "--results", results, "--cache", tmp_path / "exact"]
    said = run("methods.py", *options, "--sizes", 60, 200, "--methods", "exact", "local")
    assert said.count("| exact ") == 4  # when it was measured, and in the table
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [(row["n"], row["method"]) for row in rows] == [
        (60, "exact"),
        (60, "local"),
        (200, "exact"),
        (200, "local"),
    ]
    assert all(row["score"] > 0.99 for row in rows)  # one block
    again = run("methods.py", *options, "--sizes", 60, "--plot", tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000
    assert "| 200 | local |" in again
    assert len(results.read_text().splitlines()) == 4


def test_reading_is_compared_with_a_plain_loader():
    said = run("reading.py", 20)
    assert "| png of 32 x 32 |" in said
    assert "threads |" in said.splitlines()[-1]  # of photographs


def test_features_in_shards_are_scored_beside_those_in_memory():
    said = run("shards.py", 300, 400, 500, "--features", 8, "--in-memory", 300).splitlines()
    first, plain, *others = ([cell.strip() for cell in line.split("|")] for line in said[4:8])
    assert [first[1:3], plain[1:3]] == [["300", "from files"], ["300", "from memory"]]
    assert [other[1:3] for other in others] == [["400", "from files"], ["500", "from files"]]
    assert first[-2] == plain[-2]  # the mean score
    assert "300, 400 rows: 500 rows in" in said[-2]
    assert "300, 400, 500 rows: 100,000,000 rows in" in said[-1]


def test_a_filtered_stream_is_compared_with_the_bare_one():
    pytest.importorskip("webdataset")
    cells = [line.split(" | ") for line in run("stream.py", 20).splitlines()[-28:]]
    assert [(row[0], row[1]) for row in cells if row[2] == "bare"] == [
        (f"| {stream}", share)
        for share in ("90%", "50%")
        for stream in ("webdataset", "webdataset, decoded", "datasets")
    ]
    assert {float(row[4]) for row in cells if row[2] == "bare"} == {1.0}
