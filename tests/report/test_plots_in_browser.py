"""What moves on the page: the slider, and the map."""

import itertools

import browser
import pytest
import torch
from pages import at, shown, status, texts, verdict, wanted
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from torch_cgprune import PrunedSampler, WindowSampler, cg_scores
from torch_cgprune.advice import Advice, Candidate, Grade
from torch_cgprune.advice.compare import saved_advice
from torch_cgprune.noise import evidence
from torch_cgprune.report import write_report

pytestmark = [pytest.mark.slow, browser.needs_chromium]


def counted(train, policy, keep, *, balanced):
    s = train.scores
    if policy == "window":
        kept = WindowSampler(s, (1 - keep) / 2, keep, balanced=balanced).selection
    else:
        kept = PrunedSampler(s, keep, policy, balanced=balanced).selection
    return [len(kept), int(s.suspects[kept].sum())]


@pytest.mark.filterwarnings("ignore:.* keeps .* suspects")  # as every seventh label is wrong
@pytest.mark.parametrize("balanced", [True, False])
def test_the_slider_moves_table_plot_and_commands(seen, train, balanced):
    assert at(seen, "#kept").text == "50 %"
    if not balanced:
        at(seen, "#balanced").click()
    marker = "return document.querySelector('#prune-figure .marker').getAttribute('d')"
    before = seen.execute_script(marker)
    for keys, percent in (("", 50), (Keys.ARROW_LEFT * 10, 40), (Keys.HOME, 1), (Keys.END, 100)):
        at(seen, "#keep").send_keys(keys)
        assert at(seen, "#kept").text == f"{percent} %"
        for policy, numbers in policies_shown(seen).items():
            if policy == "herding":
                assert not any(map(str.isdecimal, numbers))  # follows from features
            else:
                found = counted(train, policy, percent / 100, balanced=balanced)
                assert [*map(int, numbers)] == found, policy
    assert seen.execute_script(marker) != before


def policies_shown(driver):
    """Return by policy how many examples and how many suspects it keeps."""
    rows = driver.execute_script(
        "return [...document.querySelectorAll('#policies tbody tr')].map((row) =>"
        " [row.querySelector('b'), row.cells[1], row.cells[2]].map((cell) => cell.textContent))"
    )
    return {policy: numbers for policy, *numbers in rows}


@pytest.mark.filterwarnings("ignore:.* keeps .* suspects")
@pytest.mark.parametrize("percent", [30, 40])
@pytest.mark.parametrize("policy", ["window", "low-first", "random", "high-first"])
def test_the_command_keeps_what_the_table_says(seen, train, policy, percent):
    """Where advice was measured, at 30 %, a window starts where it is best."""
    at(seen, f"#policies [value={policy}]").click()
    at(seen, "#keep").send_keys(Keys.ARROW_LEFT * (50 - percent))
    names = {"WindowSampler": WindowSampler, "PrunedSampler": PrunedSampler, "train": train}
    kept = eval(at(seen, "#python").text, names).selection
    numbers = [len(kept), int(train.scores.suspects[kept].sum())]
    assert [*map(int, policies_shown(seen)[policy])] == numbers
    assert f"--keep {percent / 100:g} --policy " in at(seen, "#shell").text


def test_the_advice_is_a_verdict_a_plot_and_columns(seen, train):
    advice = saved_advice(train.scores)
    assert at(seen, "#prune .advice").text == advice.verdict
    for _ in range(20):
        at(seen, "#keep").send_keys(Keys.ARROW_LEFT)
    cells = seen.execute_script(
        "return Object.fromEntries([...at('policies').tBodies[0].rows].map((row) =>"
        " [row.querySelector('b').textContent, row.cells[3].textContent]))"
    )
    for policy in advice.policies:
        (grade,) = [grade for grade in advice.of(policy) if grade.keep == 0.3]
        assert cells[policy] == f"{float(f'{100 * grade.accuracy:.3g}'):g}%"


def test_a_window_starts_where_it_was_measured_best(driver, tmp_path):
    """At 20 % a window is best, which is what auto takes; at 60 % it is not."""
    x = torch.randn(80, 25, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(80) % 2, progress=False)
    found = []
    for keep, start, gain in ((0.2, 0.1, 0.1), (0.6, 0.3, 0.0)):
        window = Candidate("window", start=start)
        found += [
            Grade(keep, Candidate("random"), 0.7, 0.0, 0.01, 0.2, 0.01),
            Grade(keep, window, 0.7 + gain, gain, 0.01, 0.2 - gain, 0.01),
        ]
    advice = Advice(tuple(found), 0.9, 80, 80, 5, pixels=False)
    scores.metadata["advice"] = advice.as_json()
    page = tmp_path / "advised.html"
    write_report(scores, page, rule="margin", progress=False)
    browser.show(driver, page)
    suspects = evidence(scores, "margin") > 0
    at(driver, "#policies [value=window]").click()
    for percent, start in ((60, 0.3), (20, 0.1), (50, 0.25)):
        driver.execute_script(
            "at('keep').value = arguments[0]; at('keep').dispatchEvent(new Event('input'))", percent
        )
        kept = WindowSampler(scores, start, percent / 100).selection
        numbers = [*map(int, policies_shown(driver)["window"])]
        assert numbers == [len(kept), int(suspects[kept].sum())], percent
        said = at(driver, "#python").text
        taken = f"WindowSampler(train, start={start:g}, width={percent / 100:g})"
        assert said == ('PrunedSampler(train, keep=0.2, policy="auto")' if percent == 20 else taken)
    assert driver.get_log("browser") == []


def test_text_of_plots_does_not_overlap(seen):
    for figure in ("#prune-figure", "#histogram"):
        labels = seen.execute_script(
            "return [...document.querySelectorAll(arguments[0] + ' text')].map((text) => {"
            " const {left, right, top, bottom} = text.getBoundingClientRect();"
            " return [left, right, top, bottom]; })",
            figure,
        )
        assert len(labels) > 6
        for one, other in itertools.combinations(labels, 2):
            apart = one[1] <= other[0] or other[1] <= one[0]
            assert apart or one[3] <= other[2] or other[3] <= one[2], "labels overlap"


def chosen_on_map(driver):
    return driver.execute_script("return chosenOnMap ? [...chosenOnMap].sort((a, b) => a - b) : []")


def test_a_lasso_on_the_map_selects_into_the_list(seen, train):
    """Around the right half of the map: what is drawn there, no more and no less."""
    canvas = at(seen, "#canvas")
    seen.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    width, height = canvas.size["width"], canvas.size["height"]
    corners = [(0, -0.49), (0, 0.49), (0.49, 0.49), (0.49, -0.49)]
    draw = ActionChains(seen, duration=20)
    draw.move_to_element_with_offset(canvas, *place(corners[0], width, height)).click_and_hold()
    for corner in corners[1:]:
        draw.move_to_element_with_offset(canvas, *place(corner, width, height))
    draw.release().perform()
    right = seen.execute_script(
        "const at = projection();"
        "return [...plane.index.keys()].filter((i) => at(i)[0] > arguments[0])"
        ".map((i) => plane.index[i])",
        width / 2,
    )
    found = chosen_on_map(seen)
    assert 20 < len(found) < len(train) - 20
    assert len({*found} ^ {*right}) <= 2  # on the line
    assert f"{len(found)} examples chosen" in at(seen, "#chosen-count").get_attribute("textContent")
    at(seen, "#to-list").click()
    listed = shown(seen)
    assert len(listed) == min(24, len(found))
    assert {card[0] for card in listed} <= {*found}
    # What is no suspect can be decided, too.
    sound = next(card[0] for card in listed if not train.scores.suspects[card[0]])
    verdict(seen, sound, "fine").click()
    assert "and 1 other" in status(seen)
    at(seen, "#unchoose").click()
    assert shown(seen) == wanted(train)[:24]


def place(corner, width, height):
    return round(corner[0] * width), round(corner[1] * height)


def test_the_map_zooms_moves_and_tells_what_is_there(seen, train):
    canvas = at(seen, "#canvas")
    seen.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    assert seen.execute_script("return view.scale") == 1
    at(seen, "#zoom-in").click()
    at(seen, "#zoom-in").click()
    assert seen.execute_script("return view.scale") == pytest.approx(2.25)
    at(seen, "#choose-seen").click()
    in_view = seen.execute_script(
        "const at = projection(), inside = (a, most) => a >= 0 && a <= most;"
        "const [width, height] = [canvas.clientWidth, canvas.clientHeight];"
        "return Array.from(plane.index).filter((_, i) =>"
        " inside(at(i)[0], width) && inside(at(i)[1], height))"
    )
    assert len(in_view) < len(train)
    assert chosen_on_map(seen) == in_view
    canvas.send_keys("-", "-", Keys.ARROW_LEFT)
    assert seen.execute_script("return view.scale") == pytest.approx(1)
    Select(at(seen, "#tool")).select_by_value("move")
    before = seen.execute_script("return view.x")
    ActionChains(seen).drag_and_drop_by_offset(canvas, 60, 0).perform()
    assert seen.execute_script("return view.x") != before
    for colour in ("class", "score", "suspicion"):
        Select(at(seen, "#colour")).select_by_value(colour)
        assert len(texts(seen, "#legend li")) == (4 if colour == "class" else 2)
    x, y, index = seen.execute_script("return [...projection()(0).map(Math.round), plane.index[0]]")
    ActionChains(seen).move_to_element_with_offset(
        canvas, x - canvas.size["width"] // 2, y - canvas.size["height"] // 2
    ).perform()
    assert at(seen, "#tip").is_displayed()
    assert at(seen, "#tip .name").text in train.scores.names
    assert index == 0
