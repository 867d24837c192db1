"""What is said of scores: as values, as text, as HTML."""

import dataclasses
import json
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from noisy_data import blobs

from torch_cgprune import cg_scores
from torch_cgprune.report.summary import facts, in_words, table
from torch_cgprune.scores.histogram import bins_of, histogram
from torch_cgprune.scores.said import suspicion_rule


def data(n=60, k=3):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(n, 8, generator=rng), torch.arange(n) % k


def plain(**options):
    return cg_scores(*data(), progress=False, **options)


def one_class():
    return cg_scores(data(20)[0], [7] * 20, progress=False)


def with_copies():
    """Rows 5 and 6 are copies of row 2 with its label, row 9 of row 4 with another one."""
    x, y = data()
    x[[5, 6, 9]], y[[5, 6]] = x[[2, 2, 4]], y[2].clone()
    assert y[9] != y[4]
    return cg_scores(x, y, progress=False)


def with_metadata(known=None, **metadata):
    known = known or plain()
    return dataclasses.replace(known, metadata={**known.metadata, **metadata})


KINDS = {
    "exact": plain,
    "float64": lambda: plain(dtype=torch.float64),
    "local": lambda: plain(method="local", block_size=20, runs=2),
    "stochastic": lambda: plain(method="stochastic", ratio=1),
    "one class": one_class,
    "ridge of one's own": lambda: plain(ridge=0.3),
    "ridge auto": lambda: plain(ridge="auto"),
    "copies": with_copies,
    "a class of one": lambda: cg_scores(data()[0], [*[0] * 59, 1], progress=False),
    "names": lambda: cg_scores(data()[0], ["ant", "bee"] * 30, progress=False),
    "another program's": lambda: dataclasses.replace(plain(), metadata={}),
}
kinds = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def middle(values):
    """The lower one of two."""
    return sorted(values)[(len(values) - 1) // 2]


@kinds
def test_facts_are_naive_counts(make):
    known = make()
    found, n, k = facts(known), len(known), len(known.classes)
    values, labels = known.values.tolist(), known.labels.tolist()
    suspects = [s > 0 for s in known.suspicion.tolist()]
    assert (found["examples"], found["classes"]) == (n, k)
    assert found["scores"] == {
        "lowest": min(values),
        "median": middle(values),
        "highest": max(values),
    }
    assert found["suspects"]["count"] == sum(suspects)
    assert found["suspects"]["share"] == sum(suspects) / n
    for c, row in enumerate(found["per_class"]):
        inside = [v for v, y in zip(values, labels, strict=True) if y == c]
        assert row["class"] == str(known.classes[c])
        assert row["examples"] == len(inside)
        assert row["mean"] == pytest.approx(np.mean(inside))
        assert row["deviation"] == pytest.approx(np.std(inside), abs=1e-12)
        assert row["suspects"] == sum(s for s, y in zip(suspects, labels, strict=True) if y == c)
        assert row["complexity"] == float(known.complexity[c])
        assert row["bound"] == float(known.bound[c])
    assert sum(row["examples"] for row in found["per_class"]) == n


@kinds
def test_facts_are_json_values(make):
    found = facts(make())
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_facts_say_how_it_was_scored():
    found = facts(plain(ridge="auto"))
    assert found["options"] == {"method": "exact", "ridge": "auto", "dtype": "float32"}
    assert found["ridge"] in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    assert found["library_version"]
    assert re.fullmatch("[0-9a-f]{64}", found["fingerprint"])
    assert facts(plain(ridge=0.3))["ridge"] == 0.3
    assert found["source"] is None
    assert found["skipped"] == []
    noted = facts(with_metadata(source={"source": "animals/train", "skipped": ["a.jpg"]}))
    assert (noted["source"], noted["skipped"]) == ("animals/train", ["a.jpg"])


@pytest.mark.parametrize("method", ["exact", "local", "stochastic"])
def test_the_rule_of_the_suspects_is_named(method):
    known = plain(method=method)
    by_partial = known.partial > 0
    assert torch.equal(known.suspects, by_partial) == (method == "stochastic")
    rule = "partial-sign" if method == "stochastic" else "posterior"
    assert suspicion_rule(known) == facts(known)["suspects"]["rule"] == rule


def test_wrong_labels_are_estimated_where_classes_are_predicted():
    x, labels, _ = blobs(n=600)
    enough = facts(cg_scores(x, labels, ridge=0.1, progress=False))["wrong_labels"]
    assert abs(enough["estimate"] - 0.2) <= 2 * enough["error"]
    assert 0 < enough["error"] < 0.1
    assert facts(plain())["wrong_labels"] is None  # labels at random are not predicted
    assert facts(plain(method="stochastic"))["wrong_labels"] is None
    assert facts(one_class())["wrong_labels"] is None


def test_copies_and_conflicts_are_counted():
    found = facts(with_copies())
    assert (found["duplicates"], found["conflicts"]) == (2, 2)
    assert (facts(plain())["duplicates"], facts(plain())["conflicts"]) == (0, 0)


def test_near_copies_are_counted_where_somebody_looked_for_them():
    assert facts(with_copies())["near_copies"] is None
    assert "near copies" not in in_words(facts(with_copies()))
    x = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    x[[5, 6, 9]] = x[[2, 2, 4]] * (1 + 1e-3 * torch.arange(5))
    found = facts(cg_scores(x, torch.arange(60) % 3, near=0.999, progress=False))
    counts = {"cosine": 0.999, "pairs": 3, "groups": 2, "groups_of_several_labels": 2}
    assert found["near_copies"] == counts
    line = (
        "near copies  3 pairs of cosine 0.999 or more; in all 2 groups of copies, 2 of them with "
        "different labels"
    )
    assert line in in_words(found).splitlines()


def test_the_text_has_the_counts_in_it():
    known = with_metadata(
        with_copies(), source={"source": "animals/train", "skipped": ["a.jpg", "b.jpg"]}
    )
    text = in_words(facts(known))
    suspects = int(known.suspects.sum())
    for line in (
        "60 examples of 3 classes from animals/train",
        "scored by exact (ridge 3.0, dtype float32), torch-cgprune ",
        f"suspects     {suspects} labels look wrong ({suspects / 60:.1%}) by the rule posterior",
        "copies       2 exact duplicates, 2 examples with a copy of another label",
        "left out     2 examples not to be read or scored",
    ):
        assert line in text
    assert f"median {float(known.values.median()):.4g}" in text
    text = in_words(facts(cg_scores(*blobs(n=600)[:2], ridge=0.1, progress=False)))
    assert re.search(r"estimate +about \d+\.\d% ± \d+\.\d% of all labels are wrong", text)


@kinds
def test_the_text_says_nothing_of_what_is_not_there(make):
    text = in_words(facts(make()))
    assert "None" not in text
    assert "nan" not in text
    assert "left out" not in text
    assert text == text.strip()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"method": "local", "ridge": 0, "runs": 3},
            "local (ridge 0.0, dtype float32, block_size 2048, runs 3",
        ),
        (
            {"method": "stochastic", "runs": 2},
            "stochastic (ridge 0.0, dtype float32, ratio 4.0, runs 2",
        ),
        ({"ridge": "auto"}, "exact (ridge "),
    ],
)
def test_the_text_says_how_it_was_scored(options, said):
    text = in_words(facts(plain(**options)))
    assert f"scored by {said}" in text
    assert "auto" not in text  # but the ridge that was taken


def test_runs_that_differ_by_class_are_a_span():
    x, _ = data(60)
    labels = [*[0] * 30, *[1] * 20, *[2] * 10]
    known = cg_scores(x, labels, method="stochastic", ratio=0.3, progress=False)
    low, *_, high = sorted(known.metadata["options"]["runs"])
    assert low < high
    assert f"runs {low} to {high}" in in_words(facts(known))


@pytest.mark.parametrize(("k", "note"), [(20, None), (21, "and 1 class"), (45, "and 25 classes")])
def test_at_most_twenty_classes_are_listed_the_most_suspect_first(k, note):
    found = facts(cg_scores(*data(5 * k, k), progress=False))
    _, _, lines = in_words(found).partition("class  ")
    _, *rows = lines.splitlines()
    rest = [row for row in rows if row.startswith("and ")]
    assert len(rows) - len(rest) == 20
    shares = [float(row.split()[-1].rstrip("%")) for row in rows[:20]]
    assert shares == sorted(shares, reverse=True)
    worst = max(row["suspects"] / row["examples"] for row in found["per_class"])
    assert shares[0] == pytest.approx(100 * worst, abs=0.06)
    assert bool(rest) == bool(note)
    assert not note or rest[0].startswith(note)


cells = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=12)


@given(rows=st.lists(st.tuples(cells, cells, cells), max_size=6))
def test_a_table_aligns_the_first_column_left_and_the_others_right(rows):
    head = ("class", "examples", "share")
    lines = table(head, rows).split("\n")
    assert len(lines) == len(rows) + 1
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(3)]
    second, third = widths[0] + 2 + widths[1], sum(widths) + 4
    for line, row in zip(lines, (head, *rows), strict=True):
        assert line.startswith(row[0] + " ")
        assert line[:second].endswith(" " + row[1])
        assert len(line) == third
        assert line.endswith(" " + row[2])


def naive_bins(values, bins):
    low, high = min(values), float(np.quantile(values, 0.995, method="lower"))
    width = (high - low) / bins or 1.0
    counts = [0] * bins
    for value in values:
        counts[min(math.floor((value - low) / width), bins - 1)] += 1
    return counts


numbers = st.floats(0, 1e4, allow_subnormal=False)


@given(values=st.lists(numbers, min_size=1, max_size=300), bins=st.integers(1, 60))
def test_bins_count_every_value_once(values, bins):
    counts, low, high = bins_of(torch.tensor(values, dtype=torch.float64), bins)
    assert counts.tolist() == naive_bins(values, bins)
    assert counts.sum() == len(values)
    assert low == min(values)
    assert high > low


def test_bins_are_those_of_numpy_with_the_highest_in_the_last():
    values = torch.rand(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values[:4] *= 1e5
    counts, low, high = bins_of(values, 40)
    assert high < 2
    expected, _ = np.histogram(values.clamp(max=high), 40, (low, high))
    assert counts.tolist() == expected.tolist()
    assert int(counts[-1]) >= 4


def test_equal_values_are_in_one_bin():
    counts, low, high = bins_of(torch.full((7,), 3.0), 5)
    assert counts.tolist() == [7, 0, 0, 0, 0]
    assert (low, high) == (3, 8)


@pytest.mark.parametrize("highest", [1e12, 1e18, 1e30])
def test_values_however_high_are_in_the_last_bin(highest):
    """A nearly singular matrix has such scores."""
    values = torch.linspace(0, 1, 1000, dtype=torch.float64)
    values[3] = highest
    counts, _, _ = bins_of(values, 60)
    assert counts.sum() == 1000
    assert (counts > 10).all()


@given(values=st.lists(numbers, min_size=1, max_size=50))
def test_a_histogram_is_well_formed_and_says_of_how_many(values):
    root = ET.fromstring(histogram(torch.tensor(values, dtype=torch.float64)))
    assert root.tag == "svg"
    assert f"Histogram of {len(values)} scores" in root.get("aria-label")
    assert root.get("fill") == "currentColor"
    assert root.find("text").text == f"{min(values):.3g}"


def test_bars_are_as_high_as_there_are_values():
    values = torch.tensor([0.0] * 40 + [1.0] * 20 + [3.0] * 40, dtype=torch.float64)
    path = ET.fromstring(histogram(values)).find("path").get("d")
    bars = [tuple(map(float, bar)) for bar in re.findall(r"M([\d.]+) 80v-([\d.]+)h5", path)]
    assert bars == [(0, 80), (120, 40), (354, 80)]


def html_of(known):
    return ET.fromstring(known._repr_html_().replace("<br>", "<br/>"))


@kinds
def test_a_notebook_shows_the_same_as_the_repr(make):
    known = make()
    root = html_of(known)
    shown = " ".join("".join(root.itertext()).split())
    assert root.find("svg").get("aria-label").startswith(f"Histogram of {len(known)} ")
    for line in repr(known).removeprefix("CGScores(").removesuffix(")").splitlines():
        assert " ".join(line.split()) in shown


def test_a_notebook_shows_text_and_no_markup():
    odd = "<script>alert('&')</script>"
    known = with_metadata(options={"method": odd, odd: 1}, class_names=[odd, "b", "c"])
    assert "<script" not in known._repr_html_()
    assert odd in "".join(html_of(known).itertext())


def test_a_notebook_names_the_rule_and_the_conflicts():
    assert "partial-sign rule" in plain(method="stochastic")._repr_html_()
    assert "posterior rule; 2 in conflict" in with_copies()._repr_html_()
