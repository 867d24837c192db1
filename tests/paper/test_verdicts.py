"""Verdicts on the paper's claims, from rows made by hand."""

import collections

import pytest
from paper.claims import render_claims
from paper.figure2 import HIGH, LOW
from paper.figure4 import RELATIVE, measures, over_epochs
from paper.verdicts import FAILS, HOLDS, featured, grouped, high, low, noisy_windows, windows


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
        ({"chance": 79.7}, FAILS, HOLDS),  # no better than random choice
        ({"highest": 76.0}, HOLDS, FAILS),
    ],
)
def test_pruning_is_judged_beside_all_and_random(figures, of_low, of_high):
    rows = pruned(**figures)
    assert low("cifar10")(rows)[1] == of_low
    assert high("cifar10")(rows)[1] == of_high
    assert low("fashion-mnist")(rows) is None
    assert "at random 75.0 %, nothing 80.0 %" in low("cifar10")(pruned())[0]


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
    assert noisy_windows(rows) == ("best from 25% on, 58.0 %; the highest 40.0 %, CIFAR-10", HOLDS)
    down = window_rows(0.0, [(0.0, 70.0), (0.5, 60.0)]) + window_rows(0.2, [(0.0, 5.0), (0.5, 9.0)])
    assert windows(rows_of(figure6=down))[1] == FAILS
    assert noisy_windows(rows_of(figure6=down))[1] == FAILS
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


def test_without_rows_nothing_is_claimed():
    lines = render_claims(rows_of()).splitlines()[4:]
    assert all("not tested at this scale" in line for line in lines)
