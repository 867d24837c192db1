"""``suspects``: the labels that look wrong, the most suspicious first, in the formats of select."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from noisy_data import blobs

from torch_cgprune import CGScores, cg_scores, noise_report
from torch_cgprune.cli import main
from torch_cgprune.lists import FORMATS, read_examples
from torch_cgprune.noise import RULES, evidence


@pytest.fixture(scope="module")
def scores():
    x, labels, _ = blobs()
    found = cg_scores(x, labels, progress=False)
    assert found.suspects.sum() > 20  # more than a table shows
    return found


@pytest.fixture
def scored(scores, tmp_path):
    scores.save(tmp_path / "s.safetensors")
    return tmp_path / "s.safetensors"


def run(capsys, *argv):
    code = main(["suspects", *map(str, argv)])
    said = capsys.readouterr()
    return code, said.out, said.err


def by_doubt(scores, flagged):
    """Indices of the flagged examples, the one most probably wrong first."""
    wrong = scores.wrong_probability
    return sorted(flagged.nonzero().flatten().tolist(), key=lambda i: -float(wrong[i]))


@pytest.mark.parametrize("form", FORMATS)
def test_a_list_in_every_format_is_read_back(scores, scored, tmp_path, capsys, form):
    out = tmp_path / f"x.{form}"
    code, said, err = run(capsys, scored, "-o", out)
    count = int(scores.suspects.sum())
    assert (code, err) == (0, "")
    assert said == f"{out}: {count} labels of 120 look wrong (posterior)\n"
    assert read_examples(out, 120, scores).tolist() == scores.suspects.nonzero().flatten().tolist()


def test_the_most_suspicious_come_first(scores, scored, tmp_path, capsys):
    assert run(capsys, scored, "-o", tmp_path / "x.npy", "-q") == (0, "", "")
    assert np.load(tmp_path / "x.npy").tolist() == by_doubt(scores, scores.suspects)
    said = run(capsys, scored, "--format", "txt")[1]
    assert [int(line) for line in said.split()] == by_doubt(scores, scores.suspects)
    assert json.loads(run(capsys, scored, "--json")[1])["indices"] == by_doubt(
        scores, scores.suspects
    )
    found = json.loads(run(capsys, scored, "--json", "-o", tmp_path / "x.csv")[1])
    assert (found["examples"], found["rule"]) == (120, "posterior")
    assert found["suspects"] == int(scores.suspects.sum())


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "cleanlab"])
def test_a_rule(scores, scored, capsys, rule):
    code, said, _ = run(capsys, scored, "--rule", rule, "--format", "txt")
    assert code == 0
    assert [int(line) for line in said.split()] == by_doubt(scores, evidence(scores, rule) > 0)


def test_they_are_what_the_filter_drops(scores, scored, tmp_path, capsys):
    run(capsys, scored, "-o", tmp_path / "x.txt")
    kept = noise_report(scores).selection.tolist()
    found = read_examples(tmp_path / "x.txt", 120).tolist()
    assert sorted(kept + found) == [*range(120)]
    dropped = ["--policy", "noise-filter", "--dropped", "-o", str(tmp_path / "y.txt")]
    assert main(["select", str(scored), *dropped]) == 0
    assert read_examples(tmp_path / "y.txt", 120).tolist() == found


def test_a_table_of_the_first_ones(scores, scored, capsys):
    code, said, _ = run(capsys, scored)
    title, blank, head, *rows, more = said.splitlines()
    assert title.endswith("labels of 120 look wrong (posterior)")
    assert (code, blank, len(rows)) == (0, "", 20)
    assert head.split() == ["example", "label", "suggested", "probably", "wrong"]
    for row, i in zip(rows, by_doubt(scores, scores.suspects), strict=False):
        given, suggested = (
            scores.class_names[int(codes[i])] for codes in (scores.labels, scores.suggested_labels)
        )
        doubt = f"{float(scores.wrong_probability[i]):.1%}"
        assert row.split() == ["example", str(i), given, suggested, doubt]
    assert more == f"and {int(scores.suspects.sum()) - 20} more: list them all with -o FILE"
    assert run(capsys, scored, "-q") == (0, "", "")


def test_names_that_would_break_the_table(scores, tmp_path, capsys):
    names = tuple(f"a\n\x1b[{i} 'ü'.png" for i in range(120))
    dataclasses.replace(scores, names=names).save(tmp_path / "s.safetensors")
    code, said, _ = run(capsys, tmp_path / "s.safetensors")
    assert (code, len(said.splitlines())) == (0, 24)
    assert "\x1b" not in said
    assert "'ü'.png" in said
    code, said, err = run(capsys, tmp_path / "s.safetensors", "--format", "txt")
    assert (code, said) == (1, "")
    assert "Pass --format csv or json." in err


def test_scores_without_predictions(tmp_path, capsys):
    x, labels, _ = blobs()
    scores = cg_scores(x, labels, method="stochastic", progress=False)
    scores.save(tmp_path / "s.safetensors")
    code, said, _ = run(capsys, tmp_path / "s.safetensors")
    assert code == 0
    title, _, head, first, *_ = said.splitlines()
    assert title.endswith("(partial-sign)")
    assert head.split() == ["example", "label", "partial", "score"]
    assert int(first.split()[1]) == int(scores.first_partial.argmax())
    code, said, err = run(capsys, tmp_path / "s.safetensors", "--rule", "margin")
    assert (code, said) == (1, "")
    assert "Score with --method exact or local." in err


@pytest.mark.parametrize("labels", [["ant"] * 9, ["ant", "bee"] * 5])
def test_where_there_are_none(tmp_path, capsys, labels):
    x = torch.eye(len(labels)) + torch.tensor([[name == "ant"] for name in labels])
    cg_scores(x, labels, progress=False).save(tmp_path / "s.safetensors")
    code, said, _ = run(capsys, tmp_path / "s.safetensors")
    assert (code, said) == (0, f"0 labels of {len(labels)} look wrong (posterior)\n")
    assert run(capsys, tmp_path / "s.safetensors", "-o", tmp_path / "x.csv")[0] == 0
    assert read_examples(tmp_path / "x.csv", len(labels)).tolist() == []


def test_the_scores_are_not_overwritten_and_endings_are_formats(scored, tmp_path, capsys):
    before = scored.read_bytes()
    link = tmp_path / "s.txt"
    link.symlink_to(scored)
    assert run(capsys, scored, "-o", link)[0] == 2
    assert scored.read_bytes() == before
    code, _, err = run(capsys, scored, "-o", tmp_path / "x.doc")
    assert code == 2
    assert "must end as its format says" in err
    assert CGScores.load(scored).suspects.any()
