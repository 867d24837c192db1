"""Verdicts on the paper's claims, from rows made by hand."""

import collections
from pathlib import Path

import pytest
from paper.claims import CLAIMS, render_claims
from paper.data import Data
from paper.figure2 import HIGH, LOW
from paper.figure4 import RELATIVE, measures, over_epochs
from paper.scale import SCALES
from paper.verdicts import (
    AS_RANDOM,
    FAILS,
    HOLDS,
    WEAKLY,
    featured,
    grouped,
    high,
    low,
    noisy_windows,
    windows,
)
from paper.verdicts_of_scores import c_scores, noise_found, sign


def rows_of(**modules):
    return collections.defaultdict(list, modules)


def pruned(whole=80.0, chance=75.0, lowest=79.5, highest=70.0):
    """Return rows of Figure 2: two seeds where there are several."""
    made = [
        ("all", "", 0.0, whole),
        ("random", "", 0.3, chance - 1),
        ("random", "", 0.3, chance + 1),
    ]
    made += [("CG-score", LOW, 0.3, lowest), ("CG-score", HIGH, 0.3, highest)]
    names = ("method", "order", "pruned", "accuracy")
    rows = [{"data": "cifar10", **dict(zip(names, row, strict=True))} for row in made]
    return rows_of(figure2=rows)


@pytest.mark.parametrize(
    ("figures", "of_low", "of_high"),
    [
        ({}, HOLDS, HOLDS),
        ({"lowest": 78.5}, FAILS, HOLDS),  # more than a point is lost
        ({"chance": 79.7}, AS_RANDOM, HOLDS),
        ({"chance": 76.6}, HOLDS, HOLDS),  # 2.9 below, where two deviations are 2.83
        ({"chance": 76.8}, AS_RANDOM, HOLDS),
        ({"chance": 82.4}, FAILS, HOLDS),  # worse than random choice
        ({"highest": 76.0}, HOLDS, FAILS),
        ({"highest": 72.5}, HOLDS, FAILS),  # within two deviations
    ],
)
def test_pruning_is_judged_beside_all_and_random(figures, of_low, of_high):
    rows = pruned(**figures)
    assert low("cifar10")(rows)[1] == of_low
    assert high("cifar10")(rows)[1] == of_high
    assert low("fashion-mnist")(rows) is None
    said = "30% pruned: 79.5 %, at random 75.0 ± 1.4 %; nothing pruned: 80.0 %"
    assert low("cifar10")(pruned())[0] == said


def test_random_choice_of_one_seed_is_better_by_a_point():
    rows = pruned()
    del rows["figure2"][1]  # one is left, of 76
    for lowest, verdict in ((77.1, HOLDS), (76.9, AS_RANDOM)):
        rows["figure2"][0]["accuracy"], rows["figure2"][2]["accuracy"] = lowest, lowest
        assert low("cifar10")(rows)[1] == verdict


def test_half_of_the_data_is_shown_too():
    rows = pruned()
    rows["figure2"] += [
        {"data": "cifar10", "method": method, "order": order, "pruned": 0.5, "accuracy": accuracy}
        for method, order, accuracy in (("CG-score", LOW, 61.0), ("random", "", 62.0))
    ]
    said, verdict = low("cifar10")(rows)
    assert "; 50% pruned: 61.0 %, at random 62.0 %; " in said
    assert verdict == HOLDS  # of 30 %


def test_groups_are_judged_by_their_order_in_the_epochs():
    rising = [[1 + 0.1 * i for i in range(10)], [1 + 0.3 * i for i in range(10)]]
    # The first epoch, a hundred times the others, falls; six others rise.
    mostly = [[100 * (2 - 0.1 * i) for i in range(10)], *6 * [[(2 + i) ** 2 for i in range(10)]]]
    row = {"data": "cifar10", "loss": rising, "accuracy": mostly[:2], "velocity": mostly}
    rows = rows_of(figure4=[row])
    assert grouped("loss")(rows)[1] == HOLDS
    assert "loss 1 of the lowest tenth, 2.8 of the highest" in grouped("loss")(rows)[0]
    assert grouped("accuracy")(rows)[1] == FAILS
    assert grouped("velocity")(rows)[1] == HOLDS
    assert "over the ten 0.71, mean" in grouped("velocity")(rows)[0]
    assert grouped("velocity")(rows_of(figure4=[row | {"velocity": []}])) is None
    # 200 of a median of 155, and six times 4 of one between 36 and 49
    lowest = (200 / 155 + 6 * 4 / 42.5) / 7
    assert over_epochs(measures(row)[RELATIVE])[0] == pytest.approx(lowest)


def window_rows(noise, figures):
    return [{"data": "cifar10", "noise": noise, "start": s, "accuracy": a} for s, a in figures]


def test_windows_are_judged_by_their_ends():
    up = window_rows(0.0, [(None, 60.0), (0.0, 60.0), (0.25, 66.0), (0.5, 70.0)])
    rows = rows_of(figure6=up + window_rows(0.2, [(0.0, 55.0), (0.25, 58.0), (0.5, 40.0)]))
    assert windows(rows)[1] == HOLDS
    ends = "from the lowest half of CIFAR-10 to the highest"
    assert windows(rows)[0] == f"60.0, 66.0, 70.0 % {ends}, at random 60.0 %"
    assert noisy_windows(rows) == (f"55.0, 58.0, 40.0 % {ends}", HOLDS)
    down = window_rows(0.0, [(0.0, 70.0), (0.5, 60.0)]) + window_rows(0.2, [(0.0, 5.0), (0.5, 9.0)])
    assert windows(rows_of(figure6=down))[1] == FAILS
    assert noisy_windows(rows_of(figure6=down))[1] == FAILS
    ours = window_rows(0.0, [(0.0, 73.7), (0.25, 75.8), (0.4, 77.3), (0.5, 75.0)])
    assert windows(rows_of(figure6=ours))[1] == FAILS  # the highest falls back
    flat = window_rows(0.0, [(0.0, 70.0), (0.5, 70.5)])
    assert windows(rows_of(figure6=flat))[1] == FAILS
    near = window_rows(0.2, [(0.0, 58.5), (0.5, 58.0)])  # half a point apart
    assert noisy_windows(rows_of(figure6=near))[1] == FAILS
    assert windows(rows_of(figure6=window_rows(0.0, [(0.0, 70.0)]))) is None


def test_features_are_judged_beside_pixels():
    rows = pruned()
    assert featured(rows) is None
    for accuracy, verdict in ((79.0, HOLDS), (78.0, FAILS)):
        row = {"data": "cifar10", "order": LOW, "pruned": 0.3, "accuracy": accuracy}
        rows["figure16"] = [row]
        assert featured(rows)[1] == verdict
    rows["figure16"] = [{**row, "accuracy": 79.0}, {**row, "pruned": 0.7, "accuracy": 50.0}]
    assert featured(rows)[1] == HOLDS  # the others are of no pixels
    ours = {**row, "method": "CG-score", "pruned": 0.7, "accuracy": 60.0}
    rows["figure2"].append(ours)
    said = "by features (by pixels) in %, of CIFAR-10 pruned: 30% 79.0 (79.5), 70% 50.0 (60.0)"
    assert featured(rows) == (said, "holds below 70% pruned")


def test_without_rows_nothing_is_claimed():
    data = Data(SCALES["small"], {"cifar10": Path(), "cifar100": Path("no such")})
    said = render_claims(rows_of(), data)
    lines = {line for line in said.splitlines() if line.startswith(("| Table ", "| Fig"))}
    here = {line for line in lines if line.endswith("| not run yet | not tested yet |")}
    ended = {line for line in lines if line.endswith("| not run here | not tested at this scale |")}
    assert len(lines) == len(here) + len(ended) == len(CLAIMS)
    assert ended == {
        line for line in lines if any(part in line for part in ("Fashion", "CIFAR-100", "0.557"))
    }


def test_c_scores_are_judged_by_the_nearest_of_any_size():
    rows = [
        {"data": "cifar10", "other": "c-score", "cg": cg, "n": n}
        for cg, n in ((0.45, 100), (0.48, 100), (0.5, 500))
    ]
    said, found = c_scores(rows_of(table1=rows))
    assert (
        said == "0.450 to 0.480, 100 examples; 0.500 to 0.500, 500 examples, by the ways to score"
    )
    assert found == "correlates, by less than printed"
    rows.append({**rows[2], "cg": 0.551})
    assert c_scores(rows_of(table1=rows))[1] == "holds"


@pytest.mark.parametrize(("auroc", "expected"), [(0.8, HOLDS), (0.6, WEAKLY), (0.51, FAILS)])
def test_wrong_labels_are_judged_by_how_high_they_score(auroc, expected):
    row = {"data": "cifar10", "noise": 0.2, "auroc": {"cg": auroc}}
    seen = noise_found("cifar10")(rows_of(noise=[row]))
    assert seen == (f"AUROC {auroc:.3f} at 20 % noise", expected)


def test_flagged_shares_are_judged_within_five_points():
    row = {"data": "cifar10", "scored": "1:4", "n": 9, "shares": {"partial-sign": [0.74, 0.25]}}
    judge = sign("cifar10", "1:4", (0.71, 0.21))
    assert judge(rows_of(table2=[row])) == ("74.0% and 25.0%, 9 examples", "holds")
    row["shares"]["partial-sign"][1] = 0.27
    assert judge(rows_of(table2=[row]))[1] == "does not hold"
