"""The review on this machine: what it writes, and whom it answers."""

import csv
import html
import http.client
import io
import json
import threading
from contextlib import contextmanager

import browser
import pytest
import torch
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from torch_cgprune import cg_scores
from torch_cgprune.lists import read_decisions
from torch_cgprune.report.contents import Drawing
from torch_cgprune.report.review import Review
from torch_cgprune.report.serving import ReviewServer


@pytest.fixture(scope="module")
def data():
    """Forty images of two classes, every fifth label wrong."""
    true = torch.arange(40) % 2
    x = torch.rand(40, 3, 12, 12, generator=torch.Generator().manual_seed(0)) / 4
    x[true == 1, 0] += 0.6
    labels = true.clone()
    labels[::5] = 1 - labels[::5]
    return x, cg_scores(x, labels, ridge=0.1, progress=False)


@contextmanager
def served(data, path):
    x, scores = data
    review = Review(scores, path, Drawing(x), title="<b>Images</b>", called="s.safetensors")
    with ReviewServer(review) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "relabel.csv"


def ask(server, way, body=None, *, method=None, token=None, **headers):
    """Return the status, the headers and the content of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    method = method or ("GET" if body is None else "POST")
    headers = {"Host": server.hosts[0]} | {k.title(): v for k, v in headers.items()}
    at = f"/{server.token if token is None else token}/{way}"
    connection.request(method, at, body, headers)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def decide(server, *changes, **headers):
    return ask(server, "decisions", json.dumps(changes), **headers)


def written(path):
    return [*csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))]


def test_the_page_is_there_and_takes_decisions(data, path):
    _, scores = data
    with served(data, path) as server:
        status, headers, page = ask(server, "")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert headers["Cache-Control"] == "no-store"
        assert b"&lt;b&gt;Images&lt;/b&gt;" in page
        assert "connect-src 'self'" in html.unescape(page.decode())
        assert not path.exists()
        assert decide(server, [5, "wrong", 1], [10, "fine", -1], [15, "wrong", -1])[0] == 200
        lines = written(path)
        assert [(row["index"], row["decision"], row["new_label"]) for row in lines] == [
            ("5", "wrong", "1"),
            ("10", "fine", ""),
            ("15", "wrong", ""),
        ]
        assert [*lines[0]][-1] == "wrong_probability"
        assert decide(server, [5, None, -1])[0] == 200
        assert read_decisions(path, scores) == {10: (False, None), 15: (True, None)}
        # A page that is loaded again has what was decided.
        assert b'"decided":[[10,false,-1,' in ask(server, "")[2]


def test_what_the_file_has_is_taken_up(data, path):
    path.write_text("index,new_label,decision\n3,0,wrong\n4,,fine\n")
    with served(data, path) as server:
        assert server.review.decided == {3: (True, 0), 4: (False, None)}
        decide(server, [7, "fine", -1])
        assert [row["index"] for row in written(path)] == ["3", "4", "7"]


def test_pictures_are_whole(data, path):
    with served(data, path) as server:
        status, headers, content = ask(server, "picture/3")
        assert (status, headers["Content-Type"]) == (200, "image/webp")
        assert Image.open(io.BytesIO(content)).size == (12, 12)
        for way in ("picture/40", "picture/-1", "picture/x", "picture/", "picture/1/2", "x"):
            assert ask(server, way)[0] == 404


@pytest.mark.parametrize(
    "changes",
    [
        [["5", "wrong", 1]],
        [[40, "wrong", 1]],
        [[-1, "wrong", 1]],
        [[5, "keep", 1]],
        [[5, "wrong", 2]],
        [[5, "wrong", True]],
        [[5, "wrong"]],
        [5],
        {"a": 1},
        [[1, "fine", -1], [5, "wrong", 9]],
    ],
)
def test_what_is_no_decision_is_refused_whole(data, path, changes):
    with served(data, path) as server:
        assert ask(server, "decisions", json.dumps(changes))[0] == 400
        assert ask(server, "decisions", "no JSON")[0] == 400
        assert not path.exists()
        assert server.review.decided == {}


def test_nobody_else_is_answered(data, path):
    """Not without the secret, nor by another name of this machine, nor for another's page."""
    with served(data, path) as server:
        assert server.server_address[0] == "127.0.0.1"
        one = [[5, "fine", -1]]
        body = json.dumps(one)
        for token in ("", "x", server.token[:-1], f"{server.token}x", "..", "%C3%A9"):
            assert ask(server, "", token=token)[0] == 404
            assert ask(server, "decisions", body, token=token)[0] == 404
        for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1"):
            assert ask(server, "", host=host)[0] == 404
            assert ask(server, "decisions", body, host=host)[0] == 404
        for origin in ("http://evil.example", "null", f"https://{server.hosts[0]}"):
            assert decide(server, *one, origin=origin)[0] == 403
        for way in ("../../etc/passwd", "picture/../../x", "%2e%2e/x"):
            assert ask(server, way)[0] == 404
        assert ask(server, "decisions", body, method="PUT")[0] == 501
        assert ask(server, "decisions", "", **{"content-length": "2000001"})[0] == 404
        assert not path.exists()
        assert decide(server, *one, origin=f"http://{server.hosts[0]}")[0] == 200
        assert ask(server, "", host=f"localhost:{server.server_port}")[0] == 200


def test_every_server_has_a_secret_of_its_own(data, path):
    with served(data, path) as one, served(data, path) as other:
        assert one.token != other.token
        assert len(one.token) >= 32


def test_a_file_that_cannot_be_written_is_told(data, path):
    with served(data, path) as server:
        path.mkdir()
        status, _, said = decide(server, [5, "fine", -1])
        assert status == 500
        assert b"is a folder" in said
        assert server.review.decided == {}


def test_a_list_of_something_else_is_refused(data, path):
    path.write_text("index,new_label,decision\n99,,fine\n")
    with pytest.raises(ValueError, match="has the index 99"), served(data, path):
        pass
    assert path.read_text().endswith("99,,fine\n")


@pytest.mark.slow
@browser.needs_chromium
def test_a_key_in_the_browser_is_a_line_in_the_file(data, path, tmp_path):
    _, scores = data
    driver = browser.start(tmp_path)
    try:
        with served(data, path) as server:
            driver.get(server.address)
            ActionChains(driver).send_keys("w", "f").perform()
            WebDriverWait(driver, 30).until(lambda _: path.exists() and len(written(path)) == 2)
            order = scores.wrong_probability.argsort(descending=True, stable=True)
            first, second = order[scores.suspects[order]][:2].tolist()
            assert read_decisions(path, scores) == {
                first: (True, int(scores.suggested_labels[first])),
                second: (False, None),
            }
            driver.get(server.address)
            status = driver.find_element(By.ID, "status")
            assert status.text.endswith("1 wrong, 1 fine")
            ActionChains(driver).send_keys("e").perform()
            whole = "return document.querySelector('#viewer-face img').src.startsWith('http')"
            WebDriverWait(driver, 30).until(lambda d: d.execute_script(whole))
            assert driver.get_log("browser") == []
        ActionChains(driver).send_keys("f").perform()
        problem = driver.find_element(By.ID, "problem")
        said = "return arguments[0].textContent"
        WebDriverWait(driver, 30).until(lambda d: "Not saved" in d.execute_script(said, problem))
    finally:
        driver.quit()
