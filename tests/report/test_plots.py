"""What plots draw, read back from the axes, and from the files they are saved in."""

import dataclasses
import importlib
import io
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import colors
from matplotlib import pyplot as plt
from noisy_data import blobs

from torch_cgprune import PrunedSampler, WindowSampler, cg_scores, report
from torch_cgprune.noise import evidence
from torch_cgprune.policies.by_name import BY_VALUES
from torch_cgprune.report import extras
from torch_cgprune.report import policy_table as counts
from torch_cgprune.report.plots import BLUE, GREY, ORANGE
from torch_cgprune.report.summary import wrong_labels

ODD = ("a$b$c", "<script>", "猫", "x" * 60)


@pytest.fixture(autouse=True)
def _no_window_and_none_left_open():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def scores(n=60, k=3, *, labels=None, names=None, **options):
    rng = torch.Generator().manual_seed(0)
    given = torch.arange(n) % k if labels is None else labels
    found = cg_scores(torch.randn(n, 8, generator=rng), given, progress=False, **options)
    if names is None:
        return found
    return dataclasses.replace(found, metadata={**found.metadata, "class_names": [*names]})


def corrected(known):
    """True labels where every seventh given one is wrong, as class values."""
    codes = known.labels.clone()
    codes[::7] = (codes[::7] + 1) % len(known.classes)
    return [known.classes[c] for c in codes.tolist()]


def found_mislabels(known, **options):
    return report.mislabels_found(known, corrected(known), **options)


PLOTS = {
    "score_histogram": report.score_histogram,
    "one class's": lambda known, **o: report.score_histogram(known, of=known.classes[-1], **o),
    "class_means": report.class_means,
    "partial_scores": report.partial_scores,
    "policy_shares": report.policy_shares,
    "confusion": report.confusion,
    "mislabels_found": found_mislabels,
}
plots = pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)


def bars(ax):
    heights, edges, _ = ax.patches[0].get_data()
    return np.asarray(heights), np.asarray(edges)


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def colours_of(collection):
    return {colors.to_hex(colour) for colour in collection.get_facecolor()}


@plots
def test_it_draws_on_the_given_axes_or_on_new_ones_and_returns_them(plot):
    known = scores()
    figure, (given, other) = plt.subplots(1, 2)
    assert plot(known, ax=given) is given
    assert given.has_data()
    assert not other.has_data()
    assert plt.get_fignums() == [figure.number]
    made = plot(known)
    assert made.has_data()
    assert made.figure is not figure
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("extremes", [0, 3], ids=["as they are", "a few extreme"])
def test_bars_of_the_histogram_count_every_example_once(extremes):
    values = torch.rand(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values[:extremes] *= 1e6
    known = dataclasses.replace(scores(8, 4), values=values, labels=torch.arange(1000) % 4)
    heights, edges = bars(report.score_histogram(known))
    assert heights.sum() == 1000
    for height, low, high in list(zip(heights, edges, edges[1:], strict=False))[:-1]:
        assert height == sum(low <= v < high for v in values.tolist())
    assert heights[-1] == sum(v >= edges[-2] for v in values.tolist())
    assert (heights > 0).sum() > 10  # the extremes do not press the others into one bar
    by_class = [bars(report.score_histogram(known, of=c)) for c in known.classes]
    assert [part.sum() for part, _ in by_class] == [250] * 4
    assert (sum(part for part, _ in by_class) == heights).all()
    assert all((same == edges).all() for _, same in by_class)


def test_a_histogram_of_a_class_that_is_named_and_of_none():
    known = scores(labels=["ant", "bee", "cat"] * 20)
    assert bars(report.score_histogram(known, of="bee"))[0].sum() == 20
    with pytest.raises(ValueError, match="cow"):
        report.score_histogram(known, of="cow")


def test_equal_scores_make_one_bar():
    known = scores()
    known = dataclasses.replace(known, values=torch.full_like(known.values, 7))
    heights, edges = bars(report.score_histogram(known))
    assert heights.tolist() == [60] + [0] * 49
    assert edges[0] == 7


def test_class_means_are_those_of_the_classes_in_order():
    known = scores(90, names=["ant", "bee", "cat"])
    ax = report.class_means(known)
    values, codes = known.values.numpy(), known.labels.numpy()
    naive = sorted((values[codes == c].mean(), values[codes == c].std(), c) for c in range(3))
    points, _, (spans,) = ax.containers[0]
    np.testing.assert_allclose(points.get_xdata(), [mean for mean, _, _ in naive])
    np.testing.assert_allclose(
        [segment[:, 0] for segment in spans.get_segments()],
        [(mean - deviation, mean + deviation) for mean, deviation, _ in naive],
    )
    assert points.get_ydata().tolist() == [0, 1, 2]
    assert ticks(ax.yaxis) == [("ant", "bee", "cat")[c] for _, _, c in naive]


@pytest.mark.parametrize("known_wrong", [False, True])
def test_partial_scores_are_points_coloured_by_suspicion_or_by_what_is_known(known_wrong):
    x, labels, _ = blobs(n=200)
    known = cg_scores(x, labels, ridge=0.1, progress=False)
    assert 10 < known.suspects.sum() < 190
    wrong = torch.arange(200) % 5 == 0
    ax = report.partial_scores(known, wrong=wrong if known_wrong else None)
    marked = (wrong if known_wrong else known.suspects).tolist()
    grey, orange = ax.collections
    points = list(zip(known.values.tolist(), known.partial.tolist(), strict=True))
    for collection, expected in ((grey, False), (orange, True)):
        chosen = [p for p, m in zip(points, marked, strict=True) if m == expected]
        np.testing.assert_array_equal(collection.get_offsets(), chosen)
    assert colours_of(grey) == {GREY}
    assert colours_of(orange) == {ORANGE}
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["others", "wrong label" if known_wrong else "suspect"]


def test_a_conflict_that_scores_a_thousandfold_leaves_the_others_in_view():
    known, rng = scores(), torch.Generator().manual_seed(0)
    values = torch.rand(2000, generator=rng, dtype=torch.float64)
    values[5] = 1e5
    terms, suspicion = values[:, None].expand(-1, 3), values - 0.5
    conflicts = values > 1
    known = dataclasses.replace(
        known,
        values=values,
        terms=terms,
        first_partial=suspicion,
        loo=None,
        judgement=None,
        conflicts=conflicts,
    )
    ax = report.partial_scores(known)
    for low, high in (ax.get_xlim(), ax.get_ylim()):
        assert low <= values.min()
        assert values.sort().values[-3] < high < 2


def naive_share_found(ranking, wrong, examined):
    order = sorted(range(len(wrong)), key=lambda i: -ranking[i])
    return sum(wrong[i] for i in order[:examined]) / sum(wrong)


@pytest.mark.parametrize("rule", [None, "margin", "partial-sign"])
def test_the_curve_of_mislabels_found_is_a_naive_count(rule):
    known = scores(70)
    true = corrected(known)
    wrong = [t != known.classes[c] for t, c in zip(true, known.labels.tolist(), strict=True)]
    drawn = lines(report.mislabels_found(known, true, rule=rule))
    rankings = {"CG-score": known.values, rule or "evidence": evidence(known, rule)}
    for name, ranking in rankings.items():
        share, found = drawn[name].get_data()
        examined = [round(float(s) * 70) for s in share]
        naive = [naive_share_found(ranking.tolist(), wrong, m) for m in examined]
        np.testing.assert_allclose(found, naive)
        assert (share[0], found[0]) == (0, 0)
        assert (share[-1], found[-1]) == (1, 1)
    share, ideal = drawn["ideal"].get_data()
    np.testing.assert_allclose(ideal, np.minimum(share / 0.142857142857, 1), atol=1e-9)
    np.testing.assert_array_equal(*drawn["at random"].get_data())


@pytest.mark.parametrize(
    ("true", "match"),
    [
        ([0, 1, 2] * 20, "are the given ones: there is no wrong label"),
        ([0, 1, 2] * 19, "must be one per example. Got 57 for 60"),
        ([], "empty"),
    ],
)
def test_true_labels_that_show_nothing_are_refused(true, match):
    with pytest.raises(ValueError, match=match):
        report.mislabels_found(scores(), true)


@pytest.mark.parametrize(
    ("plot", "known", "match"),
    [
        (lambda known: report.mislabels_found(known, [0]), {}, "one per example"),
        (report.confusion, {"method": "stochastic"}, "predictions of all classes"),
    ],
    ids=["mislabels_found", "confusion"],
)
def test_a_refusal_leaves_no_empty_figure(plot, known, match):
    """A notebook would show it below the error."""
    with pytest.raises(ValueError, match=match):
        plot(scores(**known))
    assert plt.get_fignums() == []


NAMES = ["ant", "bee", "cat"]


@pytest.mark.parametrize(
    "true",
    [
        [1, 1, 2, *[0, 1, 2] * 19],
        torch.tensor([1, 1, 2, *[0, 1, 2] * 19]),
        np.array([1, 1, 2, *[0, 1, 2] * 19]),
        ["bee", "bee", "cat", *NAMES * 19],
        np.array(["bee", "bee", "cat", *NAMES * 19]),
    ],
    ids=["numbers", "tensor", "array", "names", "array of names"],
)
def test_true_labels_are_numbers_or_names_of_classes(true):
    assert wrong_labels(scores(names=NAMES), true).nonzero().tolist() == [[0]]
    assert found_mislabels(scores(names=NAMES)).has_data()


def test_true_labels_are_the_values_of_classes():
    given = [10, 20, 30] * 20
    assert not wrong_labels(scores(labels=given), given).any()
    assert wrong_labels(scores(labels=given), [20, *given[1:]]).nonzero().tolist() == [[0]]
    strings = ["10", "20", "30"] * 20
    assert not wrong_labels(scores(labels=strings), given).any()
    assert wrong_labels(scores(labels=given), [99, *given[1:]]).nonzero().tolist() == [[0]]


def test_numbers_stay_numbers_where_classes_are_called_other_numbers():
    """Folders called 1 to 10, which torchvision sorts as text: 1, 10, 2, .."""
    names = sorted(str(i) for i in range(1, 11))
    known = scores(60, 10, names=names)
    assert not wrong_labels(known, known.labels).any()
    by_name = [int(names[c]) for c in known.labels.tolist()]  # as a file of them is read
    assert not wrong_labels(known, by_name).any()


def kept(known, policy, keep, balanced):
    if policy == "window":
        return WindowSampler(known, (1 - keep) / 2, keep, balanced=balanced).selection
    return PrunedSampler(known, keep, policy, balanced=balanced).selection


def naive_counts(codes, k):
    return [sum(c == code for c in codes) for code in range(k)]


@pytest.mark.parametrize("keep", [0.3, 0.6, 1.0])
def test_policy_shares_are_what_the_samplers_keep(keep):
    known = scores(140, 4, names=["ant", "bee", "cat", "dog"])
    ax = report.policy_shares(known, keep)
    drawn, classes = lines(ax), ticks(ax.yaxis)
    assert sorted(classes) == ["ant", "bee", "cat", "dog"]
    for policy in BY_VALUES:
        left = known.labels[kept(known, policy, keep, balanced=False)].tolist()
        shares = dict(zip(known.class_names, naive_counts(left, 4), strict=True))
        expected = [shares[name] / 35 for name in classes]
        np.testing.assert_allclose(drawn[policy].get_xdata(), expected, rtol=1e-6)


@pytest.mark.parametrize("percents", [[10, 50, 90], [100]])
def test_the_table_of_policies_counts_what_the_samplers_keep(percents):
    known = scores(100, 3)
    flagged = known.suspects
    table = counts.policy_table(known, percents, flagged)
    assert table["percents"] == percents
    assert {*table["balanced"]} == {*table["overall"]} == {*BY_VALUES}
    for policy in BY_VALUES:
        for name, balanced in (("balanced", True), ("overall", False)):
            for percent, (all_kept, flagged_kept) in zip(
                percents, table[name][policy], strict=True
            ):
                left = kept(known, policy, percent / 100, balanced).tolist()
                codes = [int(known.labels[i]) for i in left]
                doubted = [int(known.labels[i]) for i in left if flagged[i]]
                assert all_kept == naive_counts(codes, 3)
                assert flagged_kept == naive_counts(doubted, 3)


def naive_confusion(known):
    k = len(known.classes)
    table = np.zeros((k, k), dtype=int)
    for given, suggested in zip(
        known.labels.tolist(), known.suggested_labels.tolist(), strict=True
    ):
        table[given, suggested] += 1
    return table


def test_the_confusion_is_a_naive_count_with_the_given_label_in_rows():
    x, labels, _ = blobs(n=200)
    known = cg_scores(x, labels, ridge=0.1, progress=False)
    ax = report.confusion(known)
    naive = naive_confusion(known)
    written = np.zeros_like(naive)
    for text in ax.texts:
        x, y = text.get_position()
        written[int(y), int(x)] = int(text.get_text())
    assert (written == naive).all()
    off = naive - np.diag(naive.diagonal())
    assert off.any()
    assert (ax.collections[0].get_array() == off).all()
    assert ticks(ax.xaxis) == ticks(ax.yaxis) == ["ant", "bee", "cat"]
    assert ax.get_ylabel() == "given label"
    assert ax.yaxis_inverted()


@plots
def test_stochastic_scores_have_no_confusion_and_all_else(plot):
    known = scores(method="stochastic", runs=2)
    if plot is report.confusion:
        with pytest.raises(ValueError, match=r"'stochastic' does not have.*method='exact'"):
            plot(known)
    else:
        assert plot(known).has_data()


@plots
def test_a_single_class_is_drawn(plot):
    known = scores(12, 1)
    if plot is found_mislabels:
        ax = report.mislabels_found(known, [1, *[0] * 11])
        assert lines(ax)["CG-score"].get_ydata()[-1] == 1
        assert "evidence" not in lines(ax)
    else:
        assert plot(known).has_data()


@plots
def test_odd_names_are_drawn_as_they_are(plot):
    known = scores(80, 4, names=ODD)
    texts = [e.text for e in parsed(svg(plot, known)).iter("text")]
    if plot in (report.class_means, report.policy_shares, report.confusion):
        assert {"a$b$c", "<script>", "猫", "x" * 23 + "…"} <= {*texts}


@plots
def test_a_class_of_one_example_is_drawn(plot):
    assert svg(plot, scores(labels=[*[0] * 30, *[1] * 29, 2]))


@plots
def test_names_of_folders_that_are_no_utf8_are_drawn(plot):
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert svg(plot, scores(names=["ant", name, "cat"]))


@plots
def test_at_most_thirty_classes_are_shown(plot):
    known = scores(180, 45, names=[f"{i:02d} {'y' * 60}" for i in range(45)])
    figure = mpl.figure.Figure()
    ax = plot(known, ax=figure.add_subplot())
    named = plot in (report.class_means, report.policy_shares, report.confusion)
    assert len(ticks(ax.yaxis)) == 30 if named else len(ticks(ax.yaxis)) <= 30
    assert len(svg(plot, known)) > 1000


def test_of_many_classes_the_lowest_and_highest_means_and_the_most_doubted_are_shown():
    known = scores(225, 45)
    means = [float(known.values[known.labels == c].mean()) for c in range(45)]
    order = sorted(range(45), key=lambda c: means[c])
    shown = [int(name) for name in ticks(report.class_means(known).yaxis)]
    assert shown == order[:15] + order[-15:]
    naive = naive_confusion(known)
    doubted = naive.sum(1) - naive.diagonal()
    ax = report.confusion(known)
    shown = [int(name) for name in ticks(ax.yaxis)]
    assert shown == sorted(shown)
    left_out = [c for c in range(45) if c not in shown]
    assert min(doubted[shown]) >= max(doubted[left_out])
    part = naive[np.ix_(shown, shown)]
    assert (ax.collections[0].get_array() == part - np.diag(part.diagonal())).all()


def svg(plot, known):
    """Return a plot as a file of SVG, its text as text."""
    figure, buffer = mpl.figure.Figure(), io.StringIO()
    plot(known, ax=figure.add_subplot())
    with mpl.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="svg")
    return buffer.getvalue()


def parsed(document):
    """As XML, without its name space."""
    return ET.fromstring(document.replace('xmlns="http://www.w3.org/2000/svg"', ""))


def test_the_legend_of_the_histogram_s_axes_and_its_colour():
    ax = report.score_histogram(scores())
    assert colors.to_hex(ax.patches[0].get_facecolor()) == BLUE
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("CG-score", "examples")


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("matplotlib", extras.matplotlib),
        ("matplotlib", lambda: report.class_means(scores())),
        ("jinja2", extras.jinja2),
    ],
    ids=["matplotlib", "plot", "jinja2"],
)
def test_a_missing_package_is_named_with_the_extra(package, call, monkeypatch):
    found = importlib.import_module

    def without(name, *args):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(name)
        return found(name, *args)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(
        ImportError, match=rf"need {package}: pip install 'torch-cgprune\[report\]'"
    ):
        call()


def test_a_report_without_the_extra_names_it_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"pip install 'torch-cgprune\[report\]'"):
        report.write_report(scores(), tmp_path / "page.html")
    assert [*tmp_path.iterdir()] == []


def test_nothing_imports_the_extras_before_they_are_needed():
    script = (
        "import sys, torch_cgprune.cli.running, torch_cgprune.cli.arguments, torch_cgprune.report; "
        "from torch_cgprune import *; "
        "print(sorted({'matplotlib', 'jinja2'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
