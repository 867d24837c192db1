"""Deciding about labels on the page: filters, keys, the file of decisions."""

import csv
import io
from collections import Counter

import browser
import pytest
from pages import at, lines_of, press, shown, status, texts, verdict, wanted
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from torch_cgprune import CGScoredDataset, PrunedSampler
from torch_cgprune.report import write_report

pytestmark = [pytest.mark.slow, browser.needs_chromium]


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
