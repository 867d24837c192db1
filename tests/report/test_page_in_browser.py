"""The report's page in a real browser: what it shows, and what a person does with it."""

import csv
import io
import itertools
import math
import os
from collections import Counter
from pathlib import Path

import browser
import numpy as np
import pytest
import torch
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from torchvision.datasets import ImageFolder

from torch_cgprune import CGScoredDataset, PrunedSampler, WindowSampler, advise, cg_scores
from torch_cgprune.advice import Advice, Candidate, Grade
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


def shown(driver):
    """Return what the gallery shows of every example: index, given, suggested, badge."""
    cards = driver.execute_script(
        "return [...document.querySelectorAll('#gallery .item')].map((card) =>"
        " [Number(card.dataset.index),"
        "  ...[...card.querySelectorAll('.label b')].map((label) => label.textContent),"
        "  card.querySelector('.badge').textContent])"
    )
    return [tuple(card) for card in cards]


def wanted(train):
    """Return all suspects likewise, the most probably wrong first."""
    s = train.scores
    order = s.wrong_probability.argsort(descending=True, stable=True)
    return [
        (
            i,
            s.class_names[s.labels[i]],
            s.class_names[s.suggested_labels[i]],
            f"{as_percent(float(s.wrong_probability[i]))} likely wrong",
        )
        for i in order[s.suspects[order]].tolist()
    ]


def as_percent(share):
    if share >= 0.995:
        return "> 99 %"
    return "< 1 %" if share < 0.005 else f"{math.floor(100 * float(f'{share:.4g}') + 0.5)} %"


def press(driver, *keys):
    ActionChains(driver).send_keys(*keys).perform()


def verdict(driver, index, which):
    return at(driver, f".item[data-index='{index}'] button.{which}")


def status(driver):
    return at(driver, "#status").text


def lines_of(driver, downloads):
    """Download the decisions, and return them by index."""
    at(driver, "#download").click()
    text = browser.downloaded(downloads, "relabel.csv")
    (downloads / "relabel.csv").unlink()
    return {int(line["index"]): line for line in csv.DictReader(io.StringIO(text))}


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


def test_the_suspects_stand_in_order_of_probability(seen, train):
    everything = wanted(train)
    assert len(everything) > 24
    assert shown(seen) == everything[:24]
    assert at(seen, "#found").text == f"24 of {len(everything)} shown"
    assert status(seen) == f"Reviewed 0 of {len(everything)}"
    at(seen, "#more").click()
    assert shown(seen) == everything[:48]
    assert seen.switch_to.active_element.get_attribute("class") == "open"
    while at(seen, "#more").is_displayed():
        at(seen, "#more").click()
    assert shown(seen) == everything


def test_typical_pictures_of_both_classes_stand_beside_it(seen):
    numbers = seen.execute_script(
        "return [...document.querySelectorAll('#gallery .item')].map((card) =>"
        " [...card.querySelectorAll('.label')]"
        ".map((label) => label.querySelectorAll('img').length))"
    )
    assert numbers == [[2, 2]] * 24


@pytest.mark.parametrize(("order", "down"), [("worst", True), ("score", True), ("name", False)])
def test_headings_of_the_table_sort(seen, train, order, down):
    at(seen, "#as-table").click()
    at(seen, "button[data-order=given]").click()
    at(seen, f"button[data-order={order}]").click()
    indices = seen.execute_script(
        "return [...document.querySelectorAll('#table .item')]"
        ".map((row) => Number(row.dataset.index))"
    )
    everyone = [row[0] for row in wanted(train)]
    scores = train.scores
    if order == "worst":
        assert indices == everyone[:24]
    elif order == "score":
        assert [float(scores.values[i]) for i in indices] == sorted(
            (float(scores.values[i]) for i in everyone), reverse=True
        )[:24]
    else:
        names = seen.execute_script(
            "return arguments[0].sort((a, b) => a.localeCompare(b, undefined, {numeric: true}))",
            [scores.names[i] for i in everyone],
        )
        assert [scores.names[i] for i in indices] == names[:24]
    head = at(seen, f"th:has(button[data-order={order}])")
    assert head.get_attribute("aria-sort") == ("descending" if down else "ascending")
    assert len(seen.find_elements(By.CSS_SELECTOR, "#table th[aria-sort]")) == 1
    assert Select(at(seen, "#order")).first_selected_option.get_attribute("value") == order
    at(seen, "#as-gallery").click()
    assert [card[0] for card in shown(seen)] == indices


def test_filters(seen, train):
    everything = wanted(train)
    given, suggested = everything[0][1:3]
    Select(at(seen, "#given")).select_by_visible_text(given)
    assert shown(seen) == [row for row in everything if row[1] == given][:24]
    Select(at(seen, "#suggested")).select_by_visible_text(suggested)
    both = [row for row in everything if row[1:3] == (given, suggested)]
    assert 0 < len(both) < len(everything)
    assert shown(seen) == both[:24]
    assert f"{len(everything)} without filters" in at(seen, "#found").text
    at(seen, "#clear").click()
    assert shown(seen) == everything[:24]
    at(seen, "#name").send_keys("'14'")
    named = [row for row in everything if "'14'" in train.scores.names[row[0]]]
    assert shown(seen) == named
    at(seen, "#clear").click()
    Select(at(seen, "#least")).select_by_value("0.95")
    sure = [row for row in everything if float(train.scores.wrong_probability[row[0]]) >= 0.95]
    assert shown(seen) == sure[:24]
    at(seen, "#name").send_keys("no such name")
    assert at(seen, "#found").text == "Nothing passes these filters."


def test_cells_of_the_matrix_are_filters(seen, train):
    everything = wanted(train)
    counted = Counter(row[1:3] for row in everything)
    cells = seen.find_elements(By.CSS_SELECTOR, "#pairs button")
    assert len(cells) == len(counted)
    for cell in cells:
        words = cell.get_attribute("aria-label")
        assert words in {f"{g}, looks like {s}: {n}" for (g, s), n in counted.items()}
    pair, count = counted.most_common(1)[0]
    label = f"{pair[0]}, looks like {pair[1]}: {count}"
    cell = next(cell for cell in cells if cell.get_attribute("aria-label") == label)
    cell.click()
    assert {row[1:3] for row in shown(seen)} == {pair}
    pressed = seen.find_elements(By.CSS_SELECTOR, "#pairs [aria-pressed=true]")
    assert [key.get_attribute("aria-label") for key in pressed] == [label]
    pressed[0].click()
    assert shown(seen) == everything[:24]


def test_one_key_a_decision_from_the_first_on(seen, train, downloads):
    """Nothing is clicked: w, f, x, s, and c with the letters of a class."""
    first = wanted(train)
    names = train.scores.class_names
    other = next(name for name in names if name not in first[4][1:3])
    press(seen, "w", "f", "x", "s", "c")
    assert at(seen, "#chooser").is_displayed()
    press(seen, other[:3], Keys.ENTER)
    found = lines_of(seen, downloads)
    assert {i: (line["decision"], line["new_label"]) for i, line in found.items()} == {
        first[0][0]: ("wrong", first[0][2]),
        first[1][0]: ("fine", ""),
        first[2][0]: ("wrong", ""),
        first[4][0]: ("wrong", other),
    }
    assert status(seen) == f"Reviewed 4 of {len(first)} · 3 wrong, 1 fine"
    press(seen, "u", "u")
    assert status(seen) == f"Reviewed 2 of {len(first)} · 1 wrong, 1 fine"
    focused = seen.switch_to.active_element.find_element(By.XPATH, "..")
    assert focused.get_attribute("data-index") == str(first[2][0])
    press(seen, Keys.CONTROL, "z", Keys.NULL)
    assert status(seen) == f"Reviewed 1 of {len(first)} · 1 wrong, 0 fine"


def test_classes_are_offered_by_how_likely_they_are(seen, train):
    index, given, suggested, _ = wanted(train)[0]
    press(seen, "c")
    names = train.scores.class_names
    by_chance = train.scores.pred_probs()[index].argsort(descending=True).tolist()
    rest = [names[c] for c in by_chance if names[c] not in (given, suggested)]
    assert texts(seen, "#class-list li") == [suggested, *rest, "No class: leave it out"]
    press(seen, Keys.ARROW_DOWN, Keys.ENTER)
    assert at(seen, ".item .badge").text == f"wrong → {rest[0]}"


def test_buttons_decide_and_take_back(seen, train):
    (index, *_), (second, *_) = wanted(train)[:2]
    verdict(seen, index, "wrong").click()
    assert verdict(seen, index, "wrong").get_attribute("aria-pressed") == "true"
    assert "is-wrong" in at(seen, f".item[data-index='{index}']").get_attribute("class")
    verdict(seen, index, "fine").click()
    assert verdict(seen, index, "wrong").get_attribute("aria-pressed") == "false"
    assert verdict(seen, index, "fine").get_attribute("aria-pressed") == "true"
    verdict(seen, index, "fine").click()
    assert status(seen).startswith("Reviewed 0 of ")
    verdict(seen, second, "other").click()
    at(seen, "#class-list li:last-child").click()  # no class: leave it out
    assert at(seen, f".item[data-index='{second}'] .badge").text == "wrong, left out"
    for _ in range(4):
        at(seen, "#undo").click()
    assert status(seen).startswith("Reviewed 0 of ")
    assert not at(seen, "#undo").is_enabled()


def test_all_that_are_shown_at_once_and_undone_at_once(seen, train):
    given = wanted(train)[0][1]
    Select(at(seen, "#given")).select_by_visible_text(given)
    count = len(shown(seen))
    at(seen, "#all-fine").click()
    assert f"0 wrong, {count} fine" in status(seen)
    at(seen, "#undo").click()
    at(seen, "#all-wrong").click()
    assert f"{count} wrong, 0 fine" in status(seen)
    Select(at(seen, "#state")).select_by_value("open")
    assert shown(seen) == []
    Select(at(seen, "#state")).select_by_value("wrong")
    assert len(shown(seen)) == count


def test_a_click_enlarges_and_keys_go_on_from_there(seen, train):
    first, second, third = wanted(train)[:3]
    at(seen, ".item .open").click()
    assert at(seen, "#viewer").is_displayed()
    title = "return document.getElementById('viewer-title').textContent"
    names = train.scores.names
    assert seen.execute_script(title) == names[first[0]]
    assert at(seen, "#viewer-face img").size["width"] > 300
    press(seen, "f")
    assert seen.execute_script(title) == names[second[0]]
    at(seen, "#viewer-next").click()
    assert seen.execute_script(title) == names[third[0]]
    at(seen, "#viewer-before").click()
    at(seen, "#viewer-choices .wrong").click()
    assert seen.execute_script(title) == names[third[0]]
    press(seen, Keys.ESCAPE)
    assert not at(seen, "#viewer").is_displayed()
    assert status(seen).endswith("1 wrong, 1 fine")
    focused = seen.switch_to.active_element.find_element(By.XPATH, "..")
    assert focused.get_attribute("data-index") == str(third[0])


def test_keys_can_be_switched_off_and_leave_fields_alone(seen, page):
    at(seen, "#name").send_keys("fw")
    assert status(seen).startswith("Reviewed 0 of ")
    at(seen, "#keys").click()
    at(seen, "#no-keys").click()
    at(seen, "#help .close").click()
    at(seen, "#clear").click()
    press(seen, "f")
    assert status(seen).startswith("Reviewed 0 of ")
    browser.show(seen, page)
    assert at(seen, "#no-keys").get_attribute("checked")


def test_decisions_outlive_the_page_and_a_page_made_again(seen, page, train, tmp_path):
    first, second = (row[0] for row in wanted(train)[:2])
    press(seen, "w", "f")
    browser.show(seen, page)
    assert status(seen).endswith("1 wrong, 1 fine")
    assert verdict(seen, first, "wrong").get_attribute("aria-pressed") == "true"
    again = tmp_path / "again.html"
    write_report(train.scores, again, train, progress=False)
    browser.show(seen, again)
    assert verdict(seen, second, "fine").get_attribute("aria-pressed") == "true"


def test_the_file_of_decisions_trains(seen, train, downloads, tmp_path):
    first, second, third = wanted(train)[:3]
    press(seen, "w", "f", "x")
    at(seen, "#download").click()
    text = browser.downloaded(downloads, "relabel.csv")
    (downloads / "relabel.csv").unlink()
    path = tmp_path / "relabel.csv"
    path.write_text(text, encoding="utf-8")
    lines = [*csv.DictReader(io.StringIO(text))]
    columns = ["index", "path", "label", "new_label", "decision", "wrong_probability"]
    assert [*lines[0]] == columns
    scores = train.scores
    for line in lines:
        index = int(line["index"])
        assert line["path"] == scores.names[index]
        assert line["label"] == scores.class_names[scores.labels[index]]
        wrong = float(scores.wrong_probability[index])
        assert float(line["wrong_probability"]) == pytest.approx(wrong, rel=1e-3)
    corrected = CGScoredDataset(train.dataset, ridge=0.1, relabel=path, progress=False)
    changed = [i for i in range(len(train)) if corrected[i][1] != train[i][1]]
    assert changed == [first[0]]
    every = {"keep": 1.0, "policy": "random", "exclude": path}
    out = {*range(len(train))} - {*PrunedSampler(train, **every).selection.tolist()}
    assert out == {first[0], third[0]}
    # What the page was made of is seen again without what is fine.
    again = tmp_path / "again.html"
    write_report(scores, again, train, reviewed=path, progress=False)
    seen.execute_script("localStorage.clear()")
    browser.show(seen, again)
    assert second[0] not in [card[0] for card in shown(seen)]
    assert at(seen, f".item[data-index='{third[0]}'] .badge").text == "wrong, left out"
    assert verdict(seen, third[0], "wrong").get_attribute("aria-pressed") == "false"
    assert status(seen).endswith("· 2 wrong, 0 fine · and 1 other")


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
