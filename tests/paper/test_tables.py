"""The tables with methods that train beside the scores, on digits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from paper import table1, table3, table4
from paper.data import Data
from paper.results import complete, rows_of
from paper.scale import SCALES
from paper.trained import baseline
from scipy.stats import rankdata

from torch_cgprune import cg_scores


@pytest.fixture
def data(tmp_path):
    return Data(SCALES["smoke"], cache=tmp_path)


def measured(module, data, folder, *, only=lambda _key: True):
    """Return the rows of a module's cells."""
    path = folder / "rows.jsonl"
    complete([cell for cell in module.cells(data, folder) if only(cell.key)], path, "smoke")
    return rows_of(path, "smoke")


def section(module, rows, data):
    return module.render(rows, data, Path())


@pytest.mark.parametrize("other", ["forgetting", "el2n"])
def test_correlations_with_methods_that_train(data, tmp_path, other):
    def first(key):
        return key["other"] == other and key["prepared"] == "pixels" and key["ratio"] is None

    (row,) = measured(table1, data, tmp_path, only=first)
    examples = data.examples("digits")
    scores = cg_scores(examples.pixels, examples.labels, method="exact", ridge=0, progress=False)
    ranks = [torch.tensor(rankdata(v)) for v in (scores.values, baseline(data, "digits", other))]
    expected = torch.corrcoef(torch.stack(ranks))[0, 1]
    assert row["cg"] == pytest.approx(float(expected), abs=1e-6)
    assert f"{row['cg']:.3f}" in section(table1, [row], data)


@pytest.fixture
def published(tmp_path):
    """Digits at scale smoke, with C-scores of all of them, that are 1 - i / n."""
    whole = Data(SCALES["paper"]).examples("digits").labels
    path = tmp_path / "c-scores.npz"
    names = [f"train/{label}/{i}.png" for i, label in enumerate(whole.tolist())]
    np.savez(path, path=names, c_score=np.linspace(1, 0, len(names), dtype=np.float32))
    return Data(SCALES["smoke"], {"digits-c-scores": path}, cache=tmp_path)


def test_every_draw_scores_other_crops(data):
    examples = data.examples("digits")
    how = {"method": "stochastic", "ratio": 4, "runs": 1, "ridge": 0, "progress": False}
    crops = {draw: table1.cropped(examples.pixels, draw) for draw in (2, 3)}
    assert (crops[2] - crops[3]).abs().mean() > 0.1
    draws = [cg_scores(crops[draw], examples.labels, seed=draw, **how) for draw in crops]
    found = table1.scored(data, "digits", table1.Variant("crops and flips", 4, 2), seed=1)
    torch.testing.assert_close(found[0], (draws[0].values + draws[1].values) / 2)
    torch.testing.assert_close(found[1], (draws[0].cg_prime + draws[1].cg_prime) / 2)


def test_c_scores_are_also_compared_with_scores_of_all_examples(published, tmp_path):
    rows = measured(table1, published, tmp_path, only=lambda key: key["other"] == "c-score")
    whole = len(Data(SCALES["paper"]).examples("digits"))
    assert {row["n"] for row in rows if "whole" in row} == {whole}
    assert {row["n"] for row in rows if "whole" not in row} == {200}
    said = section(table1, rows, published)
    (row,) = [row for row in rows if "whole" in row and row["ratio"] is None]
    assert f"| pixels, exact, all {whole:,} examples | {row['cg']:.3f} | " in said
    assert "| digits, 200 examples |" in said
    assert not any(cell.key.get("whole") for cell in table1.cells(Data(SCALES["paper"]), tmp_path))


def test_times_of_a_training_are_of_as_much_as_a_method_needs(data, tmp_path):
    (row,) = measured(table4, data, tmp_path)
    assert [*row["seconds"]] == [*table4.TIMED, *table4.TRAINED]
    early, whole, *influence = (row["seconds"][method] for method in table4.TRAINED)
    assert 0 < early < whole < min(influence)
    said = section(table4, [row], data)
    assert all(f"| {method} |" in said for method in row["seconds"])


def test_el2n_is_timed_to_its_epoch(data, monkeypatch):
    steps = []
    train = table4.watched

    def noted(*about, seed):
        found = train(*about, seed)
        advance = found.run._advance

        def counted(*batch):
            steps.append(found.run.step)
            advance(*batch)

        found.run._advance = counted
        return found

    times = iter([*range(100)])
    monkeypatch.setattr(table4, "watched", noted)
    monkeypatch.setattr(table4, "_clock", lambda: next(times) * 10 + len(steps))
    early, whole, value, itself = table4._trained(data, "digits")
    # Ten a look at the clock, and one a step: 7 of 12 for EL2N.
    assert (early, whole) == (10 + 7, 20 + 12)
    assert (value, itself) == (whole + 10, whole + 10)


def test_the_rates_are_those_of_the_trainings(tmp_path):
    rows = measured(table3, Data(SCALES["paper"]), tmp_path)  # no data are needed
    by_network = {row["network"]: row for row in rows}
    assert by_network["resnet18"]["rate"] == 0.1
    assert by_network["resnet18"]["epochs"] == 200
    assert by_network["vit"]["rate"] == 0.003
    assert by_network["fast"]["schedule"] == "one cycle"
    said = section(table3, rows, Data(SCALES["paper"]))
    assert "| resnet18 | fashion-mnist, cifar10 | see paper | 0.1 | cosine | 200 | 128 |" in said
    assert "What trains at this scale is 'resnet18'" in said
