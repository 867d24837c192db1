"""The report's page in a real browser: what it shows, at every width, and to whom."""

import itertools
import os
from pathlib import Path

import browser
import pytest
import torch
from pages import CLASSES, at, lines_of, press, status, texts, wanted
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from torch_cgprune import cg_scores
from torch_cgprune.report import write_report

pytestmark = [pytest.mark.slow, browser.needs_chromium]


def test_it_renders_without_errors_and_without_the_network(seen, page):
    assert browser.requested(seen) == [page.as_uri()] * 2
    assert at(seen, "h1").text == "<b>bold</b>"
    assert seen.execute_script("return document.querySelectorAll('script').length") == 2
    broken = "return [...document.images].filter((image) => !image.naturalWidth).length"
    assert seen.execute_script(broken) == 0
    assert seen.execute_script("return document.images.length") > 60
    sizes = (
        "return [...document.querySelectorAll('figure svg')].map((e) => e.getBoundingClientRect())"
    )
    boxes = seen.execute_script(sizes)
    assert len(boxes) == 2
    assert all(box["width"] > 200 and box["height"] > 150 for box in boxes)


def test_names_are_shown_as_they_are(seen, train):
    names = train.scores.class_names
    assert {*texts(seen, "#one-class option")} == {*names}
    assert {*texts(seen, "#class-table tbody th")} == {*names}
    assert {*texts(seen, "#gallery .name")} <= {*train.scores.names}


def test_the_first_screen_leads_to_every_part(seen, train):
    titles = texts(seen, ".card h2")
    assert titles[0] == "Likely wrong labels"
    assert len(titles) == 5
    assert texts(seen, ".card .value")[0] == str(len(wanted(train)))
    for link in seen.find_elements(By.CSS_SELECTOR, ".card a, nav a"):
        assert at(seen, link.get_attribute("href").partition("#")[2].join(["#", ""]))


def test_commands_are_copied(seen):
    at(seen, ".card .copy").click()
    assert at(seen, ".card .copy").text == "Copied"


def test_copies_and_conflicts_stand_side_by_side(seen, train):
    s = train.scores
    assert int(s.conflicts.sum()) == 2
    (group,) = seen.find_elements(By.CSS_SELECTOR, "#copies .groups > li")
    assert "different labels" in group.text
    assert len(group.find_elements(By.CSS_SELECTOR, "img")) == 2
    shown_names = {name.text for name in group.find_elements(By.CSS_SELECTOR, ".name")}
    assert shown_names == {s.names[i] for i in s.conflicts.nonzero().flatten().tolist()}


def test_classes_are_found_sorted_and_their_examples_seen(seen, train):
    names = train.scores.class_names
    assert not at(seen, "#class-search").is_displayed()  # so few are seen at once
    buttons = seen.find_elements(By.CSS_SELECTOR, "#class-table tbody button")
    next(button for button in buttons if button.text == CLASSES[1]).click()
    assert Select(at(seen, "#one-class")).first_selected_option.text == CLASSES[1]
    code = names.index(CLASSES[1])
    members = (train.scores.labels == code).nonzero().flatten()
    lowest = members[train.scores.values[members].argsort(stable=True)][:8].tolist()
    titles = "return [...document.querySelectorAll('#lowest img')].map((image) => image.title)"
    assert seen.execute_script(titles) == [train.scores.names[i] for i in lowest]
    at(seen, "[data-sort=count]").click()
    counts = [int(text) for text in texts(seen, "#class-table tbody td:nth-child(2)")]
    assert counts == sorted(train.scores.labels.bincount().tolist(), reverse=True)


@pytest.mark.parametrize("width", [360, 900, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_the_layout_holds(seen, page, width, dark):
    browser.show(seen, page, width=width, height=900, dark=dark)
    assert seen.execute_script("return document.documentElement.scrollWidth") <= width
    # Nothing but wide tables, which scroll by themselves, reaches beyond the window.
    beyond = seen.execute_script(
        "return [...document.querySelectorAll('body *')].filter((element) =>"
        " !element.closest('.wide, .hidden, .skip, svg, script, dialog') &&"
        " element.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML)"
    )
    assert beyond == []
    overlaps = seen.execute_script(
        "const cards = [...document.querySelectorAll('#gallery .item')].slice(0, 12)"
        ".map((card) => card.getBoundingClientRect());"
        "return cards.flatMap((a, i) => cards.slice(i + 1).filter((b) => a.left < b.right - 1 &&"
        " b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length"
    )
    assert overlaps == 0
    # The bar stays in view; the first suspect is seen after one movement of the page at most.
    assert at(seen, "#gallery .item").rect["y"] < {360: 2600, 900: 1500, 1600: 900}[width]
    seen.execute_script("document.querySelector('#more').scrollIntoView({block: 'end'})")
    assert -1 <= seen.execute_script("return at('status').getBoundingClientRect().top") < 900
    assert contrast(seen, "body") > 7
    for selector in (".quiet", "nav a", ".label b", ".badge", "button.main", "figcaption", ".name"):
        assert contrast(seen, selector) > 4.5, selector


def contrast(driver, selector):
    """Return the contrast of text and ground, as the WCAG define it."""
    colours = driver.execute_script(
        "let element = document.querySelector(arguments[0]);"
        "const text = getComputedStyle(element).color;"
        "while (getComputedStyle(element).backgroundColor === 'rgba(0, 0, 0, 0)')"
        " element = element.parentElement;"
        "return [text, getComputedStyle(element).backgroundColor]",
        selector,
    )
    light, dark = sorted((luminance(colour) for colour in colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    channels = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(torch.tensor(linear) @ torch.tensor([0.2126, 0.7152, 0.0722]))


def test_everything_is_reached_by_the_keyboard(seen):
    """Tab comes to every link, field and button, in the order of the page, with its outline."""
    press(seen, "f")  # what can be undone and downloaded is enabled
    seen.execute_script("document.querySelector('.skip').focus()")
    reachable = seen.execute_script(
        "const radios = new Set();"
        "return [...document.querySelectorAll('a, button, select, input, summary, [tabindex]')]"
        ".filter((element) => element.checkVisibility() && !element.disabled)"
        ".filter((element) => element.type !== 'radio' || element.checked).length"
    )
    visited = []
    for _ in range(reachable + 30):
        place = seen.execute_script(
            "const element = document.activeElement;"
            "if (element === document.body) return null;"
            "const all = [...document.querySelectorAll('*')];"
            "return [all.indexOf(element), getComputedStyle(element).outlineStyle]"
        )
        if place is None:
            break
        visited.append(tuple(place))
        seen.switch_to.active_element.send_keys(Keys.TAB)
    places = [place for place, _ in visited]
    assert len({*places}) >= reachable
    assert {style for _, style in visited} <= {"solid", "auto"}


def test_readers_that_see_nothing_are_told_all(seen):
    levels = [
        int(element.tag_name[1]) for element in seen.find_elements(By.CSS_SELECTOR, "h1,h2,h3,h4")
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert seen.execute_script("return [...document.images].every((e) => e.hasAttribute('alt'))")
    for figure in seen.find_elements(By.CSS_SELECTOR, "figure svg"):
        assert figure.get_attribute("role") == "img"
        assert figure.get_attribute("aria-label")
    unnamed = seen.execute_script(
        "return [...document.querySelectorAll('input, select')].filter((field) =>"
        " !field.labels.length && !field.getAttribute('aria-label')).map((e) => e.outerHTML)"
    )
    assert unnamed == []
    opener = at(seen, ".item .open").get_attribute("aria-label")
    assert opener.startswith("Enlarge ")
    assert "looks like" in opener
    ids = seen.execute_script("return [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len({*ids})
    assert seen.execute_script("return document.documentElement.lang") == "en"


@pytest.mark.skipif("AXE" not in os.environ, reason="needs: AXE=axe.min.js, of npm's axe-core")
@pytest.mark.parametrize("state", ["gallery", "table", "viewer", "chooser", "help"])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_violation(seen, page, state, dark):
    browser.show(seen, page, dark=dark)
    press(seen, "w", "f", "x")
    opened = {"table": "#as-table", "viewer": ".item .open", "help": "#keys"}
    opened["chooser"] = ".item .other"
    if state in opened:
        at(seen, opened[state]).click()
    seen.execute_script(Path(os.environ["AXE"]).read_text(encoding="utf-8"))
    found = seen.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    told = [
        (one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]
    ]
    assert told == []


def test_without_probabilities_and_suggestions(driver, tmp_path, downloads):
    x = torch.randn(60, 25, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(60) % 2, method="stochastic", runs=2, progress=False)
    page = tmp_path / "stochastic.html"
    write_report(scores, page)
    browser.show(driver, page)
    order = scores.partial.argsort(descending=True, stable=True)
    first = order[scores.partial[order] > 0].tolist()
    assert len(first) > 10
    cards = driver.execute_script(
        "return [...document.querySelectorAll('#gallery .item')]"
        ".map((card) => Number(card.dataset.index))"
    )
    assert cards == first[:24]
    assert not at(driver, "#suggested").is_displayed()
    assert not driver.find_elements(By.CSS_SELECTOR, "#gallery img")
    press(driver, "w", "f")
    found = lines_of(driver, downloads)
    assert [*found[first[0]]] == ["index", "path", "label", "new_label", "decision", "partial"]
    assert (found[first[0]]["decision"], found[first[0]]["new_label"]) == ("wrong", "")
    assert float(found[first[0]]["partial"]) == pytest.approx(
        float(scores.partial[first[0]]), rel=1e-3
    )
    at(driver, "#as-table").click()
    heads = [
        head.text.split(" ↕")[0] for head in driver.find_elements(By.CSS_SELECTOR, "#table th")
    ]
    assert "Suggested" not in heads
    assert driver.get_log("browser") == []


def test_nothing_suspected_leaves_a_page_that_works(driver, tmp_path):
    far = torch.eye(2).repeat(30, 1) * 9
    x = far + torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(60) % 2, progress=False)
    assert not scores.suspects.any()
    page = tmp_path / "clean.html"
    write_report(scores, page)
    browser.show(driver, page)
    assert not at(driver, "#review").is_displayed()
    at(driver, "#choose-seen").click()
    assert at(driver, "#review").is_displayed()
    assert len(driver.find_elements(By.CSS_SELECTOR, "#gallery .item")) == 24
    assert driver.get_log("browser") == []


def test_a_thousand_classes_are_paged(driver, tmp_path):
    n, k = 2000, 1000
    x = torch.randn(n, 8, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(n) % k, ridge=0.1, progress=False)
    page = tmp_path / "many.html"
    write_report(scores, page, rule="margin", progress=False)
    assert page.stat().st_size < 10e6
    browser.show(driver, page)
    assert driver.execute_script("return document.documentElement.scrollHeight") < 9000
    at(driver, "#class-box summary").click()
    assert len(driver.find_elements(By.CSS_SELECTOR, "#class-table tbody tr")) == 25
    assert at(driver, "#class-found").text == "1 to 25 of 1,000 classes"
    at(driver, "#class-next").click()
    assert at(driver, "#class-found").text == "26 to 50 of 1,000 classes"
    at(driver, "#class-search").send_keys("999")
    assert at(driver, "#class-found").text == "1 to 1 of 1 class"
    press(driver, Keys.TAB)
    driver.execute_script("document.activeElement.blur()")
    press(driver, "c")
    at(driver, "#class-name").send_keys("77")
    assert at(driver, "#class-list li").text.startswith("77")
    press(driver, Keys.ENTER)
    assert status(driver).endswith("1 wrong, 0 fine")
    assert len(driver.find_elements(By.CSS_SELECTOR, "#pairs button")) == 30
    assert driver.get_log("browser") == []
