"""What is shown of advice: the plot, read back from its axes, and the section of the page."""

import html
import re
from pathlib import Path

import pytest
import torch
from matplotlib import pyplot as plt

from torch_cgprune import WindowSampler, cg_scores
from torch_cgprune.advice import Advice, Candidate, Grade
from torch_cgprune.report import advice_curves, write_report
from torch_cgprune.report.advised import advice_data, drawn

ALL = 0.9


@pytest.fixture(autouse=True)
def _no_window_and_none_left_open():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def grade(keep, candidate, accuracy, control):
    gain = accuracy - control
    return Grade(keep, candidate, accuracy, gain, 0.01, ALL - accuracy, 0.01)


def advice(keep=(0.2, 0.6), **more):
    """Return advice by which 60% at random lose nothing, and windows are best at 20%."""
    found = []
    for share in keep:
        control = 0.895 if share > 0.5 else 0.7
        found += [
            grade(share, Candidate("random"), control, control),
            grade(share, Candidate("window", start=0.1), control + 0.01, control),
            grade(share, Candidate("window", start=0.2), control + 0.1 * (share < 0.5), control),
            grade(share, Candidate("low-first"), control - 0.5, control),
        ]
    return Advice(tuple(found), ALL, 1000, 500, 5, **{"pixels": False, **more})


def curves(ax):
    """Return (x, y) of every curve, by its label."""
    return {curve.get_label(): curve.lines[0].get_xydata().tolist() for curve in ax.containers}


def test_a_policy_is_a_line_of_what_is_best_of_it():
    ax = advice_curves(advice())
    drawn_as = curves(ax)
    assert [*drawn_as] == ["random", "window", "low-first"]
    assert drawn_as["random"] == [[0.2, 0.7], [0.6, 0.895], [1, ALL]]
    assert drawn_as["window"] == [[0.2, pytest.approx(0.8)], [0.6, 0.905], [1, ALL]]
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {*entries} == {*drawn_as, "all the data", "nothing lost at 60%"}
    dashed, dotted = (
        next(line for line in ax.lines if line.get_label().startswith(name))
        for name in ("all", "nothing")
    )
    assert set(dashed.get_ydata()) == {ALL}
    assert set(dotted.get_xdata()) == {0.6}


def test_bars_are_those_of_the_control_as_long_as_a_loss_is_measured():
    ax = advice_curves(advice())
    bars = {curve.get_label(): curve.lines[2] for curve in ax.containers}
    (of_random,) = bars.pop("random")
    low, high = of_random.get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((0.68, 0.72))
    assert not any(bars.values())


def test_what_is_far_below_random_does_not_press_the_others_together():
    low, high = advice_curves(advice()).get_ylim()
    assert 0.4 < low < 0.68
    assert 0.905 < high < 1


def test_looks_differ_and_nothing_is_marked_where_all_shares_lose():
    ax = advice_curves(advice(keep=[0.2]))
    lines = [curve.lines[0] for curve in ax.containers]
    for looks in ([line.get_color() for line in lines], [line.get_marker() for line in lines]):
        assert len({*looks}) == 3
    assert not any("lost" in text.get_text() for text in ax.get_legend().get_texts())
    assert curves(ax)["window"] == [[0.2, pytest.approx(0.8)], [1, ALL]]


def test_by_pixels_no_share_is_called_lossless():
    ax = advice_curves(advice(pixels=True))
    assert not any("lost" in text.get_text() for text in ax.get_legend().get_texts())


def test_it_is_drawn_on_axes_that_are_brought():
    _, ax = plt.subplots()
    assert advice_curves(advice(), ax=ax) is ax


def test_a_file_has_the_verdict_above_the_plot():
    text = drawn(advice(), "svg").decode()
    title = " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", text))
    assert " ".join(advice().verdict.split()[:6]) in html.unescape(title)


def test_the_page_s_script_is_told_what_the_plot_has():
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(40) % 2, progress=False)
    flagged = torch.arange(40) % 3 == 0
    found = advice_data(advice(), scores, flagged)
    assert found["accuracy"] == ALL
    assert [*found["grades"]] == ["random", "window", "low-first"]
    (low, high), (first, *_) = found["grades"]["window"], found["grades"]["random"]
    assert low[:6] == [0.2, 0.8, 10.0, 1.0, "window from 20%", 0.2]
    assert high[:6] == [0.6, 0.905, -0.5, 1.0, "window from 10%", 0.1]
    assert first == [0.2, 0.7, 20.0, 1.0, "random", None, None]
    kept = WindowSampler(scores, 0.2, 0.2).selection
    counts = [scores.labels[part].bincount(minlength=2) for part in (kept, kept[flagged[kept]])]
    assert low[6] == [count.tolist() for count in counts]
    assert found["best"] == {"0.2": "window", "0.6": "random"}


def page(tmp_path, known, **options):
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(40) % 2, progress=False)
    if known is not None:
        scores.metadata["advice"] = known.as_json()
    write_report(scores, tmp_path / "r.html", progress=False, **options)
    return Path(tmp_path / "r.html").read_text(encoding="utf-8")


def section_of(text):
    return text.partition('<section id="prune"')[2].partition("</section>")[0]


def test_the_page_shows_advice(tmp_path):
    text = page(tmp_path, advice(), called="s.safetensors")
    section = section_of(text)
    assert f'<p class="advice">{advice().verdict}</p>' in section
    assert "on 500 of the 1,000 examples" in section
    assert "Predicted<br>accuracy" in section
    cards = html.unescape(text.partition("</section>")[0])
    assert '<p class="value">40%</p>' in cards  # what can be dropped
    assert "torch-cgprune select s.safetensors --keep 0.6 --policy auto" in cards


def test_without_advice_the_page_says_how_to_get_it(tmp_path):
    section = section_of(page(tmp_path, None, called="s.safetensors"))
    assert "torch-cgprune advise s.safetensors" in section
    assert "Predicted<br>accuracy" not in section
    assert "torch_cgprune.advise(train)" in section_of(page(tmp_path, None))


def test_what_loses_everywhere_cannot_be_dropped(tmp_path):
    text = page(tmp_path, advice(keep=[0.2]))
    assert '<p class="value long">nothing sure</p>' in text
