"""What a person has decided of labels, from the page's file to whatever reads it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from torch_cgprune import CGScoredDataset, CGScores, PrunedSampler, cg_scores, noise_report
from torch_cgprune.lists import read_decisions, read_excluded, read_relabels, reviewed
from torch_cgprune.noise import RULES, evidence

HEAD = "index,path,label,new_label,decision\n"


def noisy(n=60):
    """Two clouds far apart, every tenth label wrong: example and true class are known."""
    true = torch.arange(n) % 2
    x = torch.randn(n, 6, generator=torch.Generator().manual_seed(0)) + 4 * true[:, None]
    labels = true.clone()
    labels[::10] = 1 - labels[::10]
    return x, labels, cg_scores(x, labels, ridge=0.1, progress=False)


@pytest.fixture(scope="module")
def data():
    return noisy()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "relabel.csv"

    def write(rows, head=HEAD):
        path.write_text(head + "".join(f"{row}\n" for row in rows))
        return path

    return write


def test_each_line_says_wrong_or_fine_and_perhaps_a_class(data, file):
    _, _, scores = data
    path = file(["3,,1,0,wrong", "4,,0,, Wrong ", "5,,1,0,fine", "6,,,1,"])
    assert read_decisions(path, scores) == {
        3: (True, 0),
        4: (True, None),
        5: (False, None),
        6: (True, 1),
    }


def test_fine_ones_stay_and_wrong_ones_without_a_label_are_left_out_alone(data, file):
    _, labels, scores = data
    path = file(["0,,,0,wrong", "1,,,,wrong", "2,,,,fine", "3,,,0,fine"])
    assert read_excluded(path, 60, scores).tolist() == [0, 1]
    new = read_relabels(path, scores)
    assert (new != labels).nonzero().flatten().tolist() == [0]


def test_a_corrected_dataset_leaves_out_what_has_no_new_label(data, file):
    x, labels, _ = data
    path = file(["0,,,0,wrong", "1,,,,wrong", "2,,,,fine"])
    train = CGScoredDataset(TensorDataset(x, labels), ridge=0.1, relabel=path, progress=False)
    assert train[0][1] == 0
    every = {"keep": 1.0, "policy": "random"}
    kept = PrunedSampler(train, exclude=path, **every).selection.tolist()
    assert kept == [i for i in range(60) if i != 1]
    # Without the new labels, and where a list holds no decisions, what is listed goes.
    kept = PrunedSampler(train.scores, exclude=path, **every).selection.tolist()
    assert kept == [*range(2, 60)]
    plain = file(["0,0", "1,0"], "index,new_label\n")
    assert 0 not in PrunedSampler(train, exclude=plain, **every).selection


@pytest.mark.parametrize("rule", [None, *(rule for rule in RULES if rule != "cleanlab")])
def test_what_is_fine_is_no_suspect_by_any_rule(data, file, rule):
    _, _, scores = data
    before = (evidence(scores, rule) > 0).nonzero().flatten().tolist()
    assert len(before) >= 5
    fine = before[:3]
    path = file([f"{i},,,,fine" for i in fine] + [f"{before[3]},,,,wrong"])
    after = evidence(reviewed(scores, path), rule)
    assert (after > 0).nonzero().flatten().tolist() == before[3:]
    rest = [i for i in range(60) if i not in fine]
    assert float(after[fine].max()) < float(after[rest].min())
    assert torch.equal(after[rest], evidence(scores, rule)[rest])


def test_the_filter_and_the_report_keep_what_is_fine(data, file):
    _, _, scores = data
    first, second, *_ = scores.suspects.nonzero().flatten().tolist()
    path = file([f"{first},,,,fine"])
    kept = noise_report(scores, reviewed=path).selection
    assert first in kept
    assert second not in kept
    assert torch.equal(PrunedSampler(scores, policy="noise-filter", reviewed=path).selection, kept)
    left = PrunedSampler(scores, 1.0, "random", exclude="suspects", reviewed=path).selection
    assert torch.equal(left, kept)
    half = noise_report(scores, fraction=0.5, reviewed=path).selection
    assert first in half


def test_cleared_labels_outlive_the_file(data, file, tmp_path):
    _, _, scores = data
    first, *others = scores.suspects.nonzero().flatten().tolist()
    cleared = reviewed(scores, file([f"{first},,,,fine"]))
    cleared.save(tmp_path / "scores.safetensors")
    loaded = CGScores.load(tmp_path / "scores.safetensors")
    assert loaded.suspects.nonzero().flatten().tolist() == others
    assert loaded.wrong_probability[first] == 0
    assert loaded.suggested_labels[first] == loaded.labels[first]
    again = reviewed(loaded, file([f"{others[0]},,,,fine"]))
    assert again.suspects.nonzero().flatten().tolist() == others[1:]
    assert scores.suspects[first]  # the scores themselves are as they were


def test_stochastic_scores_are_reviewed_too(file):
    x, labels, _ = noisy()
    scores = cg_scores(x, labels, method="stochastic", runs=2, progress=False)
    first, *others = scores.suspects.nonzero().flatten().tolist()
    after = reviewed(scores, file([f"{first},,,,fine"]))
    assert after.suspects.nonzero().flatten().tolist() == others
    assert after.wrong_probability is None


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (["3,,,,keep"], r"line 2: the 'decision' must be 'wrong' or 'fine'. Got 'keep'"),
        (["3,,,0,wrong", "3,,,,fine"], "line 3: example 3 has another 'new_label' or 'decision'"),
        (["3,,,7,wrong"], "line 2: the 'new_label' must be one of the classes '0', '1'"),
        (["99,,,,fine"], "has the index 99, and there are 60 examples"),
    ],
)
def test_decisions_that_cannot_be(data, file, rows, match):
    _, _, scores = data
    with pytest.raises(ValueError, match=match):
        reviewed(scores, file(rows))


def test_files_without_decisions_are_refused(data, file, tmp_path):
    _, _, scores = data
    path = file(["3,0"], "index,new_label\n")
    with pytest.raises(ValueError, match=r"'reviewed' file .* must have a column 'decision'"):
        reviewed(scores, path)
    with pytest.raises(ValueError, match=r"must be a \.csv with a column 'decision'"):
        reviewed(scores, tmp_path / "kept.txt")
    with pytest.raises(FileNotFoundError, match="There is no list"):
        noise_report(scores, reviewed=tmp_path / "gone.csv")
    with pytest.raises(TypeError, match=r"'reviewed' parameter of PrunedSampler .* a pair"):
        PrunedSampler(([1.0, 2.0], [0, 1]), 0.5, reviewed=file(["1,,,,fine"]))


_SCORES = noisy()[2]


@given(st.lists(st.sampled_from(["wrong", "fine", "new", ""]), min_size=1, max_size=60))
def test_every_example_goes_where_its_line_says(tmp_path_factory, what):
    path = tmp_path_factory.mktemp("d") / "d.csv"
    cells = {"wrong": ",wrong", "fine": ",fine", "new": "0,wrong", "": "0,"}
    path.write_text(
        "index,new_label,decision\n" + "".join(f"{i},{cells[w]}\n" for i, w in enumerate(what))
    )
    out = [i for i, w in enumerate(what) if w != "fine"]
    assert read_excluded(path, 60, _SCORES).tolist() == out
    new = [0 if w in ("new", "") else int(_SCORES.labels[i]) for i, w in enumerate(what)]
    assert read_relabels(path, _SCORES)[: len(what)].tolist() == new
    fine = reviewed(_SCORES, path).cleared.nonzero().flatten().tolist()
    assert fine == [i for i, w in enumerate(what) if w == "fine"]
