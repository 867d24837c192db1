"""The report's page in a real browser: what it shows, and what a person does with it."""

import csv
import dataclasses
import io
import itertools
import math

import browser
import numpy as np
import pytest
import torch
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from torchvision.datasets import ImageFolder

from torch_cgprune import CGScoredDataset, PrunedSampler, WindowSampler, advise, cg_scores
from torch_cgprune.advice.compare import saved_advice
from torch_cgprune.noise import evidence
from torch_cgprune.report import write_report

pytestmark = [pytest.mark.slow, browser.needs_chromium]

# What would do harm, or break the page, if it were not escaped.
CLASSES = ("<script>alert(1)</script>", "\"quoted\" & 'so'", "ßüß 猫", "a,b; c")
PER_CLASS = 45


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Images of four colours in folders of odd names, every seventh in the wrong folder."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    colours = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [200, 200, 40]])
    # A slash cannot be in a file's name.
    folders = [root / name.replace("</", "<") for name in CLASSES]
    for c, folder in enumerate(folders):
        folder.mkdir()
        for i in range(PER_CLASS):
            colour = colours[(c + (i % 7 == 0)) % 4]
            pixels = np.clip(rng.normal(colour, 60, (12, 12, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"<img src=x onerror=alert(2)> '{i}'.png")
    twin = sorted(folders[0].iterdir())[3]
    (folders[1] / "copy.png").write_bytes(twin.read_bytes())
    data = ImageFolder(root)
    train = CGScoredDataset(data, ridge=0.1, progress=False)
    advise(train, keep=[0.3, 0.6], progress=False)
    return train


@pytest.fixture(scope="module")
def page(train, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(train.scores, path, train, title="<b>bold</b>", keep=0.5)
    return path


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def driver(downloads):
    found = browser.start(downloads)
    yield found
    found.quit()


@pytest.fixture
def seen(driver, page):
    browser.requested(driver)
    browser.show(driver, page)
    driver.execute_script("localStorage.clear()")
    browser.show(driver, page)
    yield driver
    assert driver.get_log("browser") == []


def at(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def texts(driver, selector):
    found = driver.find_elements(By.CSS_SELECTOR, selector)
    return [element.get_attribute("textContent").strip() for element in found]


def rows(driver):
    """Return the table as a person sees it: given, suggested, doubt, score, file."""
    lines = driver.execute_script(
        "return [...document.querySelectorAll('#table tbody tr')]"
        ".map((row) => [...row.cells].slice(2).map((cell) => cell.textContent))"
    )
    return [tuple(line) for line in lines]


def expected_rows(train):
    """Return all rows, the most probably wrong first."""
    s = train.scores
    wrong = s.wrong_probability
    order = wrong.argsort(descending=True, stable=True)
    return [
        (
            s.class_names[s.labels[i]],
            s.class_names[s.suggested_labels[i]],
            float(wrong[i]),
            float(s.values[i]),
            s.names[i],
        )
        for i in order[s.suspects[order]].tolist()
    ]


def as_percent(share):
    if share >= 0.995:
        return "> 99 %"
    return "< 1 %" if share < 0.005 else f"{math.floor(100 * float(f'{share:.4g}') + 0.5)} %"


def same(shown, wanted):
    assert [(r[0], r[1], r[4]) for r in shown] == [(r[0], r[1], r[4]) for r in wanted]
    for row, other in zip(shown, wanted, strict=True):
        assert row[2] == as_percent(other[2])
        assert float(row[3]) == pytest.approx(other[3], rel=1e-2)


def test_it_renders_without_errors_and_without_the_network(seen, page):
    assert browser.requested(seen) == [page.as_uri()] * 2
    assert at(seen, "h1").text == "<b>bold</b>"
    assert seen.execute_script("return document.querySelectorAll('script').length") == 2
    broken = "return [...document.images].filter((image) => !image.naturalWidth).length"
    assert seen.execute_script(broken) == 0
    assert seen.execute_script("return document.images.length") > 60
    svgs = (
        "return [...document.querySelectorAll('figure svg')].map((e) => e.getBoundingClientRect())"
    )
    boxes = seen.execute_script(svgs)
    assert len(boxes) == 6 + 4
    assert all(box["width"] > 100 and box["height"] > 50 for box in boxes)


def test_names_are_shown_as_they_are(seen, train):
    names = train.scores.class_names
    assert {*texts(seen, "#examples h3")} == {*names}
    assert {*texts(seen, ".small figcaption")} == {*names}
    assert {*texts(seen, "#policy-table tbody th")} == {*names, "all"}
    assert {row[4] for row in rows(seen)} <= {*train.scores.names}


def test_the_suspects_stand_in_order_of_probability(seen, train):
    wanted = expected_rows(train)
    assert len(wanted) > 20
    assert at(seen, "#table th[aria-sort]").text.startswith("Probably wrong")
    assert at(seen, "#table th[aria-sort]").get_attribute("aria-sort") == "descending"
    same(rows(seen), wanted[:50])
    assert f"{len(wanted)} of {len(wanted)} match" in at(seen, "#status").text


@pytest.mark.parametrize(
    ("order", "key", "down"),
    [("worst", 2, True), ("score", 3, True), ("given", 0, False), ("name", 4, False)],
)
def test_headings_sort(seen, train, order, key, down):
    at(seen, "button[data-order=suggested]").click()
    at(seen, f"button[data-order={order}]").click()
    values = [float(row[key]) if key == 3 else row[key] for row in rows(seen)]
    if key in (0, 4):  # in the order of the browser's language
        compare = "return [...arguments[0]].sort((a, b) => a.localeCompare(b))"
        everything = seen.execute_script(compare, [row[key] for row in expected_rows(train)])
    else:
        everything = sorted((row[key] for row in expected_rows(train)), reverse=down)
    if key == 2:
        everything = [as_percent(share) for share in everything]
    assert values == (pytest.approx(everything[:50], rel=1e-2) if key == 3 else everything[:50])
    head = at(seen, f"th:has(button[data-order={order}])")
    assert head.get_attribute("aria-sort") == ("descending" if down else "ascending")
    assert len(seen.find_elements(By.CSS_SELECTOR, "th[aria-sort]")) == 1
    assert Select(at(seen, "#order")).first_selected_option.get_attribute("value") == order


def test_filters_of_given_and_suggested_class(seen, train):
    wanted = expected_rows(train)
    given, suggested = wanted[0][:2]
    Select(at(seen, "#given")).select_by_visible_text(given)
    same(rows(seen), [row for row in wanted if row[0] == given])
    Select(at(seen, "#suggested")).select_by_visible_text(suggested)
    both = [row for row in wanted if row[:2] == (given, suggested)]
    assert 0 < len(both) < len(wanted)
    same(rows(seen), both)
    assert f"{len(both)} of {len(wanted)} match" in at(seen, "#status").text


def boxes(driver):
    return driver.find_elements(By.CSS_SELECTOR, "#table tbody input")


def test_the_file_holds_what_was_ticked_and_trains(seen, train, downloads):
    button = at(seen, "#download")
    assert not button.is_enabled()
    for place in (4, 0, 2):
        boxes(seen)[place].click()
    boxes(seen)[2].click()
    assert at(seen, "#status").text.endswith("2 ticked")
    button.click()
    text = browser.downloaded(downloads, "relabel.csv")
    path = downloads / "relabel.csv"
    try:
        wanted = [expected_rows(train)[place] for place in (0, 4)]
        lines = [*csv.DictReader(io.StringIO(text))]
        assert [*lines[0]] == ["index", "path", "label", "new_label", "wrong_probability"]
        assert [float(line["wrong_probability"]) for line in lines] == pytest.approx(
            [row[2] for row in wanted], rel=1e-3
        )
        assert [(line["label"], line["new_label"], line["path"]) for line in lines] == [
            (row[0], row[1], row[4]) for row in wanted
        ]
        scores = train.scores
        ticked = [scores.names.index(row[4]) for row in wanted]
        assert [int(line["index"]) for line in lines] == ticked
        corrected = CGScoredDataset(train.dataset, ridge=0.1, relabel=path, progress=False)
        changed = [i for i in range(len(train)) if corrected[i][1] != train[i][1]]
        assert changed == sorted(ticked)
        assert [corrected[i][1] for i in ticked] == [
            int(scores.suggested_labels[i]) for i in ticked
        ]
        left = PrunedSampler(train, keep=1.0, exclude=path, policy="low-first").selection.tolist()
        assert left == [i for i in range(len(train)) if i not in ticked]
    finally:
        path.unlink()


def test_ticks_outlive_the_page_and_can_be_seen_alone(seen, page, train):
    boxes(seen)[1].click()
    browser.show(seen, page)
    assert [box.is_selected() for box in boxes(seen)[:3]] == [False, True, False]
    at(seen, "#only-ticked").click()
    same(rows(seen), expected_rows(train)[1:2])
    at(seen, "#untick-shown").click()
    assert rows(seen) == []
    assert not at(seen, "#download").is_enabled()


def test_all_that_are_shown_are_ticked_at_once(seen, train):
    given = expected_rows(train)[0][0]
    Select(at(seen, "#given")).select_by_visible_text(given)
    at(seen, "#tick-shown").click()
    shown = len(rows(seen))
    assert all(box.is_selected() for box in boxes(seen))
    Select(at(seen, "#given")).select_by_visible_text("every class")
    assert at(seen, "#status").text.endswith(f"{shown} ticked")


def table(driver):
    """Return the table of policies as numbers: class, then by column (kept, suspects)."""
    heads = texts(driver, "#policy-table thead th")[2:]
    lines = driver.execute_script(
        "return [...document.querySelectorAll('#policy-table tbody tr')].map((row) =>"
        "[...row.cells].map((cell) => [cell.firstChild.textContent,"
        " cell.querySelector('small')?.textContent]))"
    )
    return {
        line[0][0]: dict(zip(heads, [(int(a), int(b)) for a, b in line[2:]], strict=True))
        for line in lines
    }


def counted(train, policy, keep, *, balanced):
    s = train.scores
    if policy == "noise-filter":
        kept = PrunedSampler(s, policy=policy).selection
    elif policy == "window":
        kept = WindowSampler(s, (1 - keep) / 2, keep, balanced=balanced).selection
    else:
        kept = PrunedSampler(s, keep, policy, balanced=balanced).selection
    k = len(s.classes)
    return [
        s.labels[kept].bincount(minlength=k).tolist(),
        s.labels[kept][s.suspects[kept]].bincount(minlength=k).tolist(),
    ]


@pytest.mark.filterwarnings("ignore:.* keeps .* suspects")  # as every seventh label is wrong
@pytest.mark.parametrize("balanced", [True, False])
def test_the_slider_changes_the_counts(seen, train, balanced):
    slider = at(seen, "#keep")
    assert at(seen, "#kept").text == "50 %"
    if not balanced:
        at(seen, "#balanced").click()
    for keys, percent in (("", 50), (Keys.ARROW_LEFT * 3, 47), (Keys.HOME, 1), (Keys.END, 100)):
        slider.send_keys(keys)
        assert at(seen, "#kept").text == f"{percent} %"
        shown = table(seen)
        for policy in shown["all"]:
            kept, flagged = counted(train, policy, percent / 100, balanced=balanced)
            for c, name in enumerate(train.scores.class_names):
                assert shown[name][policy] == (kept[c], flagged[c])
            assert shown["all"][policy] == (sum(kept), sum(flagged))


def test_the_advice_is_a_verdict_a_plot_and_a_table(seen, train):
    advice = saved_advice(train.scores)
    assert at(seen, "#advice strong").text == advice.verdict
    assert advice.verdict in at(seen, "#advice svg").get_attribute("aria-label")
    assert texts(seen, "#advice-table tbody th") == ["100%", "60%", "30%"]
    best = [str(advice.best(keep).candidate) for keep in (0.6, 0.3)]
    assert texts(seen, "#advice-table td:nth-last-child(2)")[1:] == best
    labels = seen.execute_script(
        "return [...document.querySelectorAll('#advice svg text')].map((text) => {"
        " const {left, right, top, bottom} = text.getBoundingClientRect();"
        " return [left, right, top, bottom]; })"
    )
    for one, other in itertools.combinations(labels, 2):
        apart = one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2] or other[3] <= one[2]
        assert apart, "labels of the plot overlap"


def test_copies_and_conflicts_are_listed(seen, train):
    s = train.scores
    assert int(s.conflicts.sum()) == 2
    groups = texts(seen, "#copies .groups > li")
    assert len(groups) == 1
    assert "different labels" in groups[0]
    for i in s.conflicts.nonzero().flatten().tolist():
        assert s.names[i] in groups[0]


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1400, 1000)])
@pytest.mark.parametrize("dark", [False, True])
def test_the_layout_holds(seen, page, width, height, dark):
    browser.show(seen, page, width=width, height=height, dark=dark)
    assert seen.execute_script("return document.documentElement.scrollWidth") <= width
    # Nothing but the wide table, which scrolls by itself, reaches beyond the window.
    beyond = seen.execute_script(
        "return [...document.querySelectorAll('body *')].filter((element) =>"
        " !element.closest('.wide, .hidden, .skip, svg, script') &&"
        " element.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML)"
    )
    assert beyond == []
    overlaps = seen.execute_script(
        "const lines = [...document.querySelectorAll('#table tbody tr')].slice(0, 5)"
        ".map((row) => row.getBoundingClientRect());"
        "return lines.slice(1).filter((box, i) => box.top < lines[i].bottom - 1).length"
    )
    assert overlaps == 0
    assert at(seen, "#table thead").is_displayed() == (width > 600)
    # Names have room: on a phone rows are cards, else a name would be one letter a line.
    widths = seen.execute_script(
        "return [...document.querySelectorAll('#table td.name')].map((cell) => cell.clientWidth)"
    )
    assert min(widths) > 200
    assert contrast(seen, "body") > 7
    for selector in (".quiet", "nav a", "#table td", "button.main", "figcaption", ".pictures span"):
        assert contrast(seen, selector) > 4.5, selector


def contrast(driver, selector):
    """Return the contrast of text and ground, as the WCAG define it; what is disabled, enabled."""
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
    seen.execute_script("document.getElementById('download').disabled = false")
    wanted = seen.execute_script(
        "return [...document.querySelectorAll('a, button, select, input, [tabindex]')]"
        ".filter((element) => element.offsetParent !== null).length"
    )
    visited = []
    for _ in range(wanted + 1):
        at_focus = seen.switch_to.active_element
        at_focus.send_keys(Keys.TAB)
        place = seen.execute_script(
            "const element = document.activeElement;"
            "if (element === document.body) return null;"
            "const all = [...document.querySelectorAll('*')];"
            "return [all.indexOf(element), getComputedStyle(element).outlineStyle]"
        )
        if place is None:
            break
        visited.append(place)
    places = [place for place, _ in visited]
    assert len(places) >= wanted
    assert places == sorted(places)
    assert {style for _, style in visited} <= {"solid", "auto"}


def test_space_ticks_and_enter_sorts(seen):
    boxes(seen)[0].send_keys(Keys.SPACE)
    assert at(seen, "#status").text.endswith("1 ticked")
    at(seen, "button[data-order=score]").send_keys(Keys.ENTER)
    assert at(seen, "th:has(button[data-order=score])").get_attribute("aria-sort") == "descending"


def test_readers_that_see_nothing_are_told_all(seen):
    levels = [
        int(element.tag_name[1]) for element in seen.find_elements(By.CSS_SELECTOR, "h1,h2,h3,h4")
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    nameless = seen.execute_script(
        "return [...document.querySelectorAll('img')].filter((image) => !image.alt).length"
    )
    assert nameless == 0
    for svg in seen.find_elements(By.CSS_SELECTOR, "figure svg"):
        assert svg.get_attribute("role") == "img"
        assert svg.get_attribute("aria-label")
    unnamed = seen.execute_script(
        "return [...document.querySelectorAll('input, select')].filter((field) =>"
        " !field.labels.length && !field.getAttribute('aria-label')).length"
    )
    assert unnamed == 0
    ids = seen.execute_script("return [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len({*ids})
    assert seen.execute_script("return document.documentElement.lang") == "en"


def test_probabilities_are_shown_in_percent_and_none_is_certain(driver, tmp_path):
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(40) % 2, progress=False)
    assert scores.wrong_probability.shape == (40,)
    wrong = torch.cat(
        [torch.tensor([0.0, 0.004, 0.006, 0.496, 0.994, 0.9961, 1.0]), torch.zeros(33)]
    )
    judged = scores.judgement._replace(wrong=wrong.double())
    page = tmp_path / "percent.html"
    flagged = dataclasses.replace(scores, judgement=judged, own=-torch.ones(40))
    write_report(flagged, page, rule="centred-sign")  # suspects all
    browser.show(driver, page)
    shown = [row[2] for row in rows(driver)]
    assert shown == ["> 99 %", "> 99 %", "99 %", "50 %", "1 %", *["< 1 %"] * 35]


def test_the_partial_score_where_there_is_no_probability(driver, tmp_path, downloads):
    x = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    scores = cg_scores(x, torch.arange(60) % 2, method="stochastic", runs=2, progress=False)
    page = tmp_path / "stochastic.html"
    write_report(scores, page)
    browser.show(driver, page)
    heads = driver.find_elements(By.CSS_SELECTOR, "#table thead th")
    assert [head.text.split(" ↕")[0] for head in heads if head.is_displayed()] == [
        "Wrong",
        "Picture",
        "Given",
        "Partial score",
        "Score",
        "File",
    ]
    assert not at(driver, "#suggested").is_displayed()
    order = scores.partial.argsort(descending=True, stable=True)
    wanted = order[scores.partial[order] > 0]
    assert len(wanted) > 10
    shown = [float(row[2]) for row in rows(driver)]
    assert shown == pytest.approx(scores.partial[wanted][:50].tolist(), rel=1e-2)
    boxes(driver)[0].click()
    at(driver, "#download").click()
    (line,) = csv.DictReader(io.StringIO(browser.downloaded(downloads, "relabel.csv")))
    (downloads / "relabel.csv").unlink()
    assert [*line] == ["index", "path", "label", "new_label", "partial"]
    assert float(line["partial"]) == pytest.approx(float(scores.partial[wanted[0]]), rel=1e-3)
    assert driver.get_log("browser") == []


def test_more_are_shown_on_demand(driver, tmp_path):
    n = 260
    x = torch.randn(n, 5, generator=torch.Generator().manual_seed(0))
    scores = CGScoredDataset(x, features=x, labels=torch.arange(n) % 2, progress=False).scores
    page = tmp_path / "noise.html"
    write_report(scores, page, rule="centred-sign")
    browser.show(driver, page)
    total = int((evidence(scores, "centred-sign") > 0).sum())
    assert total > 100
    assert len(rows(driver)) == 50
    at(driver, "#more").click()
    assert len(rows(driver)) == 100
    assert driver.switch_to.active_element == boxes(driver)[50]
    while at(driver, "#more").is_displayed():
        at(driver, "#more").click()
    assert len(rows(driver)) == total
    assert driver.get_log("browser") == []
