"""The page's picture in README: `python examples/page_picture.py` writes examples/page.png.

It scores the digits, asks for advice, writes the page, and takes its picture in Chromium (Debian's
chromium and chromium-driver, and selenium of the extra `test`).
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from digits_folder import write_folder
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from torch_cgprune.cli import main as torch_cgprune

# What is seen at once on a common screen, in pixels.
WIDTH, HEIGHT = 1400, 1000


def main() -> None:
    target = Path(__file__).resolve().with_name("page.png")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # commands on the page are then as somebody types them
        write_folder(Path("digits"))
        for command in (
            "score digits -o digits.safetensors --near 0.99",
            "advise digits.safetensors",
            "report digits.safetensors digits -o digits.html",
        ):
            if torch_cgprune([*command.split(), "-q"]):
                sys.exit(f"failed: {command}")
        photograph(Path("digits.html").resolve(), target)
        os.chdir(target.parent)


def photograph(page: Path, picture: Path) -> None:
    """Take the picture of a page's first screen."""
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or ""
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(page.as_uri())
        driver.save_screenshot(str(picture))
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
