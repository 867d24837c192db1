"""What a person sees and does on the page of the report, in a browser."""

import csv
import io
import math

import browser
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

# What would do harm, or break the page, if it were not escaped.
CLASSES = ("<script>alert(1)</script>", "\"quoted\" & 'so'", "ßüß 猫", "a,b; c")
PER_CLASS = 45


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
