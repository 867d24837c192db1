"""Wrong labels found beside methods that train, what is said of them, and of what is not there."""

import numpy as np
import pytest
import torch
from example_data import corrupted
from paper import figure15
from paper.claims import CLAIMS
from paper.data import Data
from paper.results import complete, rows_of
from paper.scale import SCALES
from paper.shown import no_figure, with_missing
from paper.trained import baseline
from paper.verdicts import FAILS, HOLDS, WEAKLY
from sklearn.metrics import roc_auc_score


@pytest.fixture
def data(tmp_path):
    return Data(SCALES["smoke"], cache=tmp_path / "cache")


def ours(name, share, **auroc):
    """Return a row of the scores without a training."""
    ways = ("cg", "partial", "posterior")
    found = {how: [1.0] * len(figure15.EXAMINED) for how in ways}
    auroc = {how: auroc.get(how, 0.9) for how in ways}
    return {"data": name, "noise": share, "seed": 0, "n": 10, "found": found, "auroc": auroc}


def test_a_method_ranks_the_labels_that_it_was_trained_on(data):
    examples = data.examples("digits")
    given = corrupted(examples.labels, 0.2, seed=3)
    wrong = (given != examples.labels).numpy()
    values = baseline(data, "digits", "aum", given, 3).numpy()
    found = figure15.measure(data, "digits", 0.2, 3, "aum")
    assert found["auroc"] == pytest.approx(roc_auc_score(wrong, values))
    for share, hits in zip(figure15.EXAMINED, found["found"], strict=True):
        first = np.argsort(-values, kind="stable")[: round(share * len(values))]
        assert hits == pytest.approx(wrong[first].sum() / wrong.sum(), abs=1e-4)


def test_seeds_share_a_line_and_what_is_not_there_has_none():
    row = {"data": "a", "noise": 0.2, "n": 10, "found": [], "auroc": 0.5}
    rows = [
        *({**row, "seed": seed, "method": "aum"} for seed in range(2)),
        {**row, "seed": 0, "method": "el2n", "noise": 0.5},
    ]
    found = figure15.rankings(rows, [ours("a", 0.2), ours("b", 0.2)], "a", 0.2)
    assert {how: len(these) for how, these in found.items()} == {
        "cg": 1,
        "partial": 1,
        "posterior": 1,
        "aum": 2,
    }
    assert [*figure15.rankings(rows, [], "a", 0.5)] == ["el2n"]


def test_the_section_shows_them_beside_the_scores(data, tmp_path):
    path = tmp_path / "figure15.jsonl"
    cells = [cell for cell in figure15.cells(data, tmp_path) if cell.key["noise"] == 0.5]
    complete(cells, path, "smoke")
    said = figure15.render(rows_of(path, "smoke"), data, tmp_path)
    (picture,) = (tmp_path / "pictures").iterdir()
    assert f"(pictures/{picture.name})" in said
    lines = {line.split(" | ")[0].strip("| "): line for line in said.splitlines()}
    assert lines["CG-score"].count("not run yet") == 6
    assert lines["AUM"].count("not run yet") == 4  # of two shares


def verdict(said, **rows):
    (claim,) = [claim for claim in CLAIMS if said in claim.said]
    none = {"table1": [], "table4": [], "noise": [], "figure15": []}
    return claim.seen(none | rows)


@pytest.mark.parametrize(
    ("auroc", "expected"),
    [
        (0.9, HOLDS),
        (0.7, "finds them, less well than the best training"),
        (0.69, "hardly finds them, less well than the best training"),
    ],
)
def test_the_claim_is_judged_by_the_best_method_that_trains(auroc, expected):
    rows = {"noise": [ours("cifar10", 0.2, cg=0.6, partial=auroc, posterior=1.0)]}
    assert verdict("wrong labels of CIFAR-10 without", **rows) is None
    rows["figure15"] = [
        {"data": "cifar10", "noise": 0.2, "method": method, "auroc": value}
        for method, value in (("aum", 0.91), ("el2n", 0.5), ("aum", 0.87))
    ]
    seen, found = verdict("wrong labels of CIFAR-10 without", **rows)
    assert found == expected
    assert "aum 0.890" in seen
    assert "el2n" not in seen


@pytest.mark.parametrize(("cg", "expected"), [(0.5, HOLDS), (0.1, WEAKLY), (0.04, FAILS)])
def test_correlations_are_judged_by_the_lowest(cg, expected):
    about = {"data": "cifar10"}
    rows = [{**about, "other": "forgetting", "cg": 0.6}]
    assert verdict("forgetting and EL2N (CIFAR-10)", table1=rows) is None
    rows.append({**about, "other": "el2n", "cg": cg})
    assert verdict("forgetting and EL2N (CIFAR-10)", table1=rows)[1] == expected


@pytest.mark.parametrize(("taken", "expected"), [(3, HOLDS), (9, FAILS)])
def test_time_is_judged_against_a_training(taken, expected):
    row = {"data": "cifar10", "n": 10, "seconds": {"1:4, a draw": taken, "forgetting, AUM": 5}}
    assert verdict("takes less time", table4=[row])[1] == expected


def test_what_waits_is_told_from_what_is_not_here(tmp_path):
    here = Data(SCALES["small"], {"cifar10": tmp_path, "cifar100-c-scores": tmp_path / "none"})
    said = with_missing(["part"], ["cifar10", "mnist", "cifar100-c-scores", "digits"], here)
    assert said == (
        "part\n\nNot run yet: cifar10, digits.\n\n"
        "Not run here: `--data mnist=FOLDER cifar100-c-scores=FILE`."
    )
    assert with_missing(["part"], [], here) == "part"
    assert with_missing([], [], here) == "Not run here."
    assert no_figure(here) == no_figure(here, "cifar10", "digits") == "not run yet"
    assert no_figure(here, "cifar10", "mnist") == "not run here"


def test_tensors_of_labels_are_not_changed(data):
    labels = data.examples("digits").labels.clone()
    figure15.measure(data, "digits", 0.8, 0, "grand-last")
    assert torch.equal(data.examples("digits").labels, labels)
