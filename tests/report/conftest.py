"""A page of the report, and the browser that shows it, for all tests of this room."""

import browser
import numpy as np
import pytest
from pages import CLASSES, PER_CLASS
from PIL import Image
from torchvision.datasets import ImageFolder

from torch_cgprune import CGScoredDataset, advise
from torch_cgprune.report import write_report


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def page(train, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(train.scores, path, train, title="<b>bold</b>", keep=0.5)
    return path


@pytest.fixture(scope="session")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
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
