"""What ``select`` warns of: on standard error, in the words of the shell, beside a list or JSON."""

import json

import numpy as np
import pytest
import torch
from noisy_data import noisy_digits

from torch_cgprune import CGScores, PrunedSampler, noise_report
from torch_cgprune.cli import main
from torch_cgprune.lists import read_examples
from torch_cgprune.noise.rules import _RULES
from torch_cgprune.samplers import arguments


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Files of scores of the digits, by the share of wrong labels."""
    folder, found = tmp_path_factory.mktemp("digits"), {}
    for share in (0, 0.15):
        x, labels, _ = noisy_digits(share)
        source, found[share] = folder / f"{share}.npz", folder / f"{share}.safetensors"
        np.savez(source, features=x, labels=labels)
        assert main(["score", str(source), "-o", str(found[share]), "-q", "--ridge", "0.1"]) == 0
    return found


def select(capsys, *argv):
    assert main(["select", *map(str, argv)]) == 0
    said = capsys.readouterr()
    return said.out, said.err


def gathered(path):
    scores = CGScores.load(path)
    with pytest.warns(UserWarning, match="low-first keeps"):
        kept = PrunedSampler(scores, keep=0.6, policy="low-first").selection
    of_kept, of_all = (flags.double().mean() for flags in (scores.suspects[kept], scores.suspects))
    return (
        f"torch-cgprune: warning: low-first keeps {of_kept:.1%} suspects, of all examples "
        f"{of_all:.1%} are: pass --exclude suspects. The report's page shows them, --dry-run how "
        "many there are of each class.\n"
    ), kept.tolist()


def test_suspects_that_are_kept_are_a_line_beside_the_list(scored, capsys):
    said, kept = gathered(scored[0.15])
    options = ("--keep", 0.6, "--policy", "low-first")
    out, err = select(capsys, scored[0.15], *options)
    assert [int(line) for line in out.split()] == kept
    assert err == said
    out, err = select(capsys, scored[0.15], *options, "--json")
    assert json.loads(out)["indices"] == kept
    assert err == said
    out, err = select(capsys, scored[0.15], *options, "--dry-run", "--json")
    assert json.loads(out)["kept"] == len(kept)
    assert err == said
    out, err = select(capsys, scored[0.15], *options, "--dry-run")
    assert out.splitlines()[-1].split()[:3] == ["all", "1797", str(len(kept))]
    assert err == said
    assert select(capsys, scored[0.15], *options, "-q")[1] == ""


def test_its_cure_cures(scored, capsys):
    for options in (["--exclude", "suspects"], ["--policy", "random"], ["--policy", "high-first"]):
        assert select(capsys, scored[0.15], "--keep", 0.6, *options)[1] == ""
    assert select(capsys, scored[0.15], "--policy", "noise-filter")[1] == ""


def test_a_window_is_called_by_its_name(scored, capsys):
    window = ["--policy", "window", "--start", 0.4, "--keep", 0.6]
    assert "warning: window keeps " in select(capsys, scored[0.15], *window)[1]


@pytest.mark.parametrize("policy", ["low-first", "soft", "stratified", "high-first"])
def test_clean_data_have_no_warning(scored, capsys, policy):
    assert select(capsys, scored[0], "--keep", 0.6, "--policy", policy)[1] == ""
    assert select(capsys, scored[0], "--policy", "noise-filter")[1] == ""
    assert select(capsys, scored[0], "--keep", 0.6, "--exclude", "suspects")[1] == ""


def test_a_rule_that_drops_too_much_is_told_with_the_cure(scored, capsys, monkeypatch):
    """A rule that calls four in ten of clean labels wrong."""

    def zealous(scores):
        return (torch.arange(len(scores)) % 5 < 2).double() - 0.5

    monkeypatch.setitem(_RULES, "margin", zealous)
    report = noise_report(CGScores.load(scored[0]), "margin")
    out, err = select(capsys, scored[0], "--policy", "noise-filter", "--rule", "margin")
    assert len(out.split()) == len(report.selection)
    share = f"{int(report.dropped.sum()) / 1797:.1%}"
    assert err.startswith(
        f"torch-cgprune: warning: The noise filter drops {share} of all examples (estimated wrong: "
        f"{report.rate}), "
    )
    assert err.endswith(
        " Look at --dry-run and the report's page, and pass another --rule, a --fraction or "
        "--balanced.\n"
    )
    monkeypatch.setattr("torch_cgprune.noise.report.evidence", lambda scores, _: zealous(scores))
    _, err = select(capsys, scored[0], "--keep", 0.6, "--exclude", "suspects")
    assert err.startswith(f"torch-cgprune: warning: --exclude suspects leaves out {share} of all ")
    assert err.endswith("or pass --policy noise-filter with another --rule or a --fraction.\n")
    assert err.count("\n") == 1


def test_of_several_lists_all_is_left_out(scored, tmp_path, capsys):
    out, suspects = {0, 5, 17}, CGScores.load(scored[0.15]).suspects.nonzero().flatten().tolist()
    assert not out <= {*suspects}
    (tmp_path / "one.txt").write_text("0\n5\n")
    (tmp_path / "other.txt").write_text("5\n17\n")
    lists = [tmp_path / "one.txt", "suspects", tmp_path / "other.txt"]
    options = [word for one in lists for word in ("--exclude", one)]
    said, _ = select(capsys, scored[0.15], "--keep", 1, *options)
    assert {*map(int, said.split())} == {*range(1797)} - out - {*suspects}
    kept = PrunedSampler(CGScores.load(scored[0.15]), keep=1, exclude=tuple(lists)).selection
    assert kept.tolist() == sorted(map(int, said.split()))


@pytest.mark.parametrize("word", ["suspects", "copies"])
def test_who_leaves_out_suspects_among_others_is_not_told_to(scored, monkeypatch, word):
    told = []
    monkeypatch.setattr(arguments, "warn_of_suspects", lambda *of: told.append(of))
    scores = CGScores.load(scored[0])
    PrunedSampler(scores, keep=0.6, policy="low-first", exclude=["copies", word])
    assert len(told) == (word == "copies")


@pytest.mark.parametrize("form", ["txt", "npy"])
def test_what_is_dropped_is_the_rest(scored, tmp_path, capsys, form):
    lists = {name: tmp_path / f"{name}.{form}" for name in ("kept", "dropped")}
    for name, path in lists.items():
        options = ["--dropped"] * (name == "dropped") + ["-o", path]
        said, _ = select(capsys, scored[0], "--keep", 0.6, *options)
        assert said.splitlines()[-1].split()[:3] == ["all", "1797", "1078"]  # of what is kept
    kept, dropped = (read_examples(path, 1797).tolist() for path in lists.values())
    assert sorted(kept + dropped) == [*range(1797)]
    assert (
        kept
        == PrunedSampler(CGScores.load(scored[0]), keep=0.6, policy="stratified").selection.tolist()
    )


def test_nothing_dropped_is_an_empty_list(scored, capsys):
    assert select(capsys, scored[0], "--keep", 1, "--dropped") == ("", "")
