"""The command that regenerates the paper: resumed, written, and told what is missing."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def paper(monkeypatch):
    """Return a function that imports a module of the paper."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return lambda name: importlib.import_module(f"paper.{name}")


@pytest.fixture
def cell(paper):
    return paper("results").Cell


def counted(cell, calls, keys, fails=()):
    """Yield cells that note that they were measured."""

    def measure(key):
        if key in fails:
            raise RuntimeError(key)
        calls.append(key)
        return {"found": key.upper()}

    for key in keys:
        yield cell({"name": key}, lambda key=key: measure(key))


def test_what_is_known_is_not_measured_again(paper, cell, tmp_path, capsys):
    results, calls, path = paper("results"), [], tmp_path / "some" / "x.jsonl"
    with pytest.raises(RuntimeError):
        results.complete(counted(cell, calls, "abc", fails="c"), path, "smoke")
    results.complete(counted(cell, calls, "abcd"), path, "smoke")
    assert calls == ["a", "b", "c", "d"]
    assert [row["found"] for row in results.rows_of(path, "smoke")] == ["A", "B", "C", "D"]
    results.complete(counted(cell, calls, "a"), path, "small")  # another scale is another key
    assert calls[-1] == "a"
    assert len(calls) == 5
    assert capsys.readouterr().out.count("\n") == 5  # a line each


def test_a_line_cut_short_is_measured_again(paper, cell, tmp_path):
    results, calls, path = paper("results"), [], tmp_path / "x.jsonl"
    results.complete(counted(cell, calls, "ab"), path, "smoke")
    path.write_text(path.read_text()[:-5])
    results.complete(counted(cell, calls, "ab"), path, "smoke")
    assert calls == ["a", "b", "b"]
    assert len(results.rows_of(path, "smoke")) == 2


def test_missing_data_are_said_and_asked_for_again(paper, cell, tmp_path, capsys):
    results, path = paper("results"), tmp_path / "x.jsonl"

    def absent():
        raise paper("data").MissingError("mnist (--data mnist=FOLDER)")

    results.complete([cell({"data": "mnist"}, absent)], path, "small")
    assert "not run here, without mnist (--data mnist=FOLDER)" in capsys.readouterr().out
    assert results.rows_of(path, "small") == []


def test_tables_and_spread(paper):
    shown = paper("shown")
    assert shown.table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"
    assert shown.mean([0.25, 0.75], ".2f") == "0.50 ± 0.35"
    assert shown.mean([]) == "not run yet"
    assert shown.mean([], absent="none") == "none"


def test_prose_is_wrapped_and_nothing_else(paper):
    wrapped = paper("page").wrapped
    words = ["word"] * 30
    lines = wrapped(" ".join(words)).splitlines()
    assert [len(line) for line in lines] == [99, 49]
    assert " ".join(lines).split() == words
    command = "`" + " ".join(words[:10]) + "`"
    assert command in wrapped(" ".join([*words[:15], command, *words])).splitlines()[1]
    for block in ("| a | " + "b " * 80, "![" + "c " * 80, "# " + "d " * 80):
        assert wrapped(block) == block


def test_the_page_is_in_the_papers_order(paper, tmp_path):
    """Of ours, the equation stands behind the figures, and the claims at the end."""
    page = paper("page")
    assert sorted(page.SHOWN) == sorted(page.MODULES)
    paper("command").main(["--tables", "--results", str(tmp_path)])
    lines = (tmp_path / "RESULTS.md").read_text().splitlines()
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    tables = [f"Table {number}" for number in range(1, 6)]
    assert headings[:5] == tables
    firsts = [int(heading.split()[1].strip(",")) for heading in headings[5:-2]]
    assert firsts == sorted(firsts) == [1, 2, 3, 4, 5, 6, 7, 10, 15, 16]
    assert headings[-2:] == ["Equation 8", "Claims"]
    assert not [line for line in lines if len(line) > 100 and line[0] not in "|!"]


@pytest.fixture
def c_scores(tmp_path):
    """Return a function that writes C-scores for digits of these labels."""

    def write(labels):
        path = tmp_path / "c-scores.npz"
        names = [f"train/{label}/{i}.png" for i, label in enumerate(labels)]
        np.savez(path, path=names, c_score=np.linspace(0, 1, len(labels), dtype=np.float32))
        return path

    return write


@pytest.fixture
def labels():
    from sklearn.datasets import load_digits  # noqa: PLC0415

    target = load_digits().target
    return target[np.arange(len(target)) % 4 != 0]


def test_c_scores_of_another_order_are_refused(paper, c_scores, labels):
    data, scale = paper("data"), paper("scale").SCALES["smoke"]
    good = data.Data(scale, {"digits-c-scores": c_scores(labels)})
    indices = good.examples("digits").indices
    assert len(indices) == scale.examples
    expected = np.linspace(0, 1, len(labels), dtype=np.float32)[indices]
    assert np.array_equal(good.c_scores("digits").numpy(), expected)
    bad = data.Data(scale, {"digits-c-scores": c_scores(labels[::-1])})
    with pytest.raises(ValueError, match="not those of digits in its order"):
        bad.c_scores("digits")
    with pytest.raises(data.MissingError, match="digits-c-scores=FILE"):
        data.Data(scale).c_scores("digits")


def test_all_at_smoke_scale_then_nothing_is_left(paper, c_scores, labels, tmp_path, capsys):
    command, folder = paper("command"), tmp_path / "out"
    arguments = ["--all", "--scale", "smoke", "--results", str(folder)]
    arguments += ["--cache", str(tmp_path / "cache")]
    arguments += ["--data", f"digits-c-scores={c_scores(labels)}"]
    command.main(arguments)
    modules = paper("page").MODULES
    lines = {name: (folder / "results" / f"{name}.jsonl").read_text() for name in modules}
    for name in modules:
        rows = [json.loads(line) for line in lines[name].splitlines()]
        assert rows, name
        assert {row["key"]["scale"] for row in rows} == {"smoke"}
    page = (folder / "RESULTS.md").read_text()
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert len(headings) == len({*headings}) >= len(modules)
    for shown in (folder / "pictures").iterdir():
        assert f"(pictures/{shown.name})" in page
    assert page.count("(pictures/") == len([*(folder / "pictures").iterdir()]) >= 6
    assert capsys.readouterr().out.count("\n") > len(modules)
    command.main(arguments)
    assert capsys.readouterr().out.count("\n") == 1  # nothing but what it runs on
    assert all(
        (folder / "results" / f"{name}.jsonl").read_text() == lines[name] for name in modules
    )


def test_without_data_every_section_says_so(paper, tmp_path):
    paper("command").main(["--tables", "--results", str(tmp_path)])
    page = (tmp_path / "RESULTS.md").read_text()
    for heading in ("Table 1", "Table 2", "Figure 1", "Figure 5"):
        section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
        said = "ot run yet" if heading == "Figure 1" else "ot run here"
        assert said in section, heading
    assert "`--data cifar10=FOLDER cifar10-c-scores=FILE" in page
    claims = paper("claims").CLAIMS
    waiting = [claim for claim in claims if not claim.needs]  # of Gaussians
    assert page.count("| not run yet | not tested yet |") == len(waiting) == 2
    assert page.count("| not run here | not tested at this scale |") == len(claims) - 2


def test_photographs_are_not_drawn_into_the_repository(paper, tmp_path):
    allowed = paper("figure7").may_be_shown
    assert allowed("digits", EXAMPLES / "paper")
    assert not allowed("cifar10", EXAMPLES / "paper")
    assert not allowed("cifar10", EXAMPLES.parent)
    assert allowed("cifar10", tmp_path)


def test_what_is_not_a_module_is_refused(paper, capsys):
    with pytest.raises(SystemExit):
        paper("command").main(["table9"])
    assert "there is no module 'table9', but table1" in capsys.readouterr().err


def test_it_starts_as_a_folder(tmp_path, monkeypatch):
    import runpy  # noqa: PLC0415

    monkeypatch.setattr(sys, "argv", ["paper", "--tables", "--results", str(tmp_path)])
    monkeypatch.setattr(sys, "path", [str(EXAMPLES / "paper"), *sys.path])
    runpy.run_path(str(EXAMPLES / "paper"), run_name="__main__")
    assert (tmp_path / "RESULTS.md").is_file()


def test_only_the_small_scale_writes_beside_the_code(paper):
    command = paper("command")
    assert command.parse(["--all"]).results == EXAMPLES / "paper"
    assert command.parse(["--all", "--scale", "smoke"]).results == Path("data/paper-smoke")
