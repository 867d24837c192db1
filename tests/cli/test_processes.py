"""The commands as a shell runs them: on real images, in pipes, interrupted, on a full disk."""

import contextlib
import fcntl
import json
import os
import pty
import resource
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import browser
import numpy as np
import pytest
import real_images
from PIL import Image
from torch.utils.data import Subset
from torchvision.datasets import ImageFolder
from torchvision.transforms import ToTensor

from torch_cgprune import CGScoredDataset, CGScores, PrunedSampler
from torch_cgprune.cli import main
from torch_cgprune.inputs.names import find_names

pytestmark = pytest.mark.slow  # in processes of its own

CLASSES, PER_CLASS = ("cat", "dog", "frog", "ship"), 750
WHOLE = len(CLASSES) * PER_CLASS - 1  # one file is cut off
ODD = ("two words", 'a "quoted" one', "<b>&amp;", "bücher-猫", "comma, and 'more'", "$x_1$")
SCRIPT = shutil.which("torch-cgprune", path=Path(sys.executable).parent)


def shell(*argv, **options):
    """Run ``torch-cgprune`` in a process of its own."""
    return subprocess.run(
        [SCRIPT, *map(str, argv)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,
    )


def terminal():
    """Return both ends of a terminal of 24 lines and 100 columns."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    return leader, follower


def read_to_the_end(leader):
    """Return what is written to a terminal until the last process closes it."""
    said = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while more := os.read(leader, 4096):
            said += more
    os.close(leader)
    return said.decode()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """3,000 CIFAR-10 images as people have them: odd names, modes, and things that are no images.

    Where CIFAR-10 is not at hand, looks of classes with noise take its place.
    """
    root = tmp_path_factory.mktemp("images") / "photos of mine"
    if real_images.ARCHIVE.is_file():
        real_images.unpack(root, CLASSES, PER_CLASS)
    else:
        rng = np.random.default_rng(0)
        looks = rng.integers(0, 128, (len(CLASSES), 32, 32, 3), dtype=np.uint8)
        for code, name in enumerate(CLASSES):
            (root / name).mkdir(parents=True)
            for i in range(PER_CLASS):  # every twentieth looks like one of the next class
                look = looks[(code + (i % 20 == 19)) % len(CLASSES)]
                pixels = look + rng.integers(0, 128, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / name / f"{i:04}.png")
    files = sorted((root / "cat").iterdir())
    for name, file in zip(ODD, files, strict=False):
        file.rename(file.with_stem(name))
    for mode, file in zip(("L", "RGBA", "P", "1", "CMYK"), files[10:], strict=False):
        with Image.open(file) as image:
            image.convert(mode).save(file.with_suffix(".tif"))
        file.unlink()
    files[20].write_bytes(files[20].read_bytes()[:400])
    (root / "dog" / "empty.jpg").touch()
    (root / "ship" / "notes.jpg").write_text("no image at all")
    (root / "dog" / "Thumbs.db").write_text("neither, and not meant to be")
    (root / "a class without images").mkdir()
    return root


@pytest.fixture(scope="module")
def scored(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("scores") / "s.safetensors"
    done = shell("score", images, "-o", out, "--ridge", "auto", "--skip-unreadable", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["examples"] == WHOLE
    assert len(found["skipped"]) == 3  # two more are no images at all
    assert "a class without images" in done.stderr
    return out


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_from_a_folder_of_images_to_the_training(images, scored, tmp_path):
    kept, page = tmp_path / "kept.txt", tmp_path / "report.html"
    done = shell("select", scored, "--keep", "0.6", "-o", kept)
    assert done.returncode == 0, done.stderr
    total = next(line for line in done.stdout.splitlines() if line.startswith("all "))
    assert total.split()[:3] == ["all", str(WHOLE), str(round(0.6 * WHOLE))]
    done = shell("report", scored, images, "-o", page)
    assert done.returncode == 0, done.stderr
    assert page.stat().st_size < 10e6

    scores = CGScores.load(scored)
    assert {name.rpartition(".")[0] for name in scores.names} >= {f"cat/{name}" for name in ODD}
    dataset = ImageFolder(images, transform=ToTensor(), allow_empty=True)
    names, known = find_names(dataset), {*scores.names}
    whole = Subset(dataset, [i for i, name in enumerate(names) if name in known])
    train = CGScoredDataset(whole, cache=scored, ridge="auto", progress=False)
    sampler = PrunedSampler(train, keep=kept)
    assert len(sampler) == round(0.6 * WHOLE)
    assert [scores.names[i] for i in sampler.selection] == kept.read_text().splitlines()


@browser.needs_chromium
def test_the_page_of_real_images_in_a_browser(images, scored, tmp_path):
    page, scores = tmp_path / "report.html", CGScores.load(scored)
    assert shell("report", scored, images, "-o", page).returncode == 0
    driver = browser.start(tmp_path)
    try:
        browser.show(driver, page, width=390, height=844)
        assert driver.get_log("browser") == []
        assert browser.requested(driver) == [page.as_uri()]
        loaded = "return [...document.images].every((image) => image.naturalWidth)"
        assert driver.execute_script(loaded)
        shown = driver.find_element("id", "status").text
        assert shown == f"Reviewed 0 of {int(scores.suspects.sum())}"
        files = driver.find_elements("css selector", "#gallery .name")
        worst = scores.suspicion.argsort(descending=True, stable=True)[: len(files)]
        assert [file.text for file in files] == [scores.names[i] for i in worst.tolist()]
        assert "ship/notes.jpg" in driver.find_element("id", "about").get_attribute("innerHTML")
    finally:
        driver.quit()


def test_it_refuses_what_it_cannot_read_and_names_it(images, tmp_path):
    out = tmp_path / "s.safetensors"
    done = shell("score", images, "-o", out)
    assert done.returncode == 1
    assert done.stdout == ""
    error = done.stderr.splitlines()[-1]
    assert f"3 of {WHOLE + 3} images cannot be read" in error
    for name in ("empty.jpg", "notes.jpg", "--skip-unreadable"):
        assert name in error
    assert not [*tmp_path.iterdir()]


def test_as_a_module(scored):
    argv = [sys.executable, "-m", "torch_cgprune", "info", scored, "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["examples"] == WHOLE


def test_in_a_pipe_whose_reader_leaves(scored):
    script = (
        f"'{SCRIPT}' select '{scored}' --keep 1 --format csv | head -n 2; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("index,path,label,score,")
    assert lines[2] == "0"
    assert done.stderr == ""


def test_names_go_through_a_pipe_as_they_are(scored, images):
    script = f"'{SCRIPT}' select '{scored}' --keep 1 | tr '\\n' '\\0' | xargs -0 ls -d | wc -l"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, cwd=images
    )
    assert (done.stdout.strip(), done.stderr) == (str(WHOLE), "")


def test_usage_is_told_by_its_code(scored):
    assert shell("select", scored, "--keep", "2").returncode == 2
    assert shell("select", scored).returncode == 2


def test_a_bar_on_a_terminal_and_none_in_a_file(images, tmp_path):
    argv = ["score", images, "-o", tmp_path / "s.safetensors", "--resize", "8"]
    leader, follower = terminal()
    process = subprocess.Popen(
        [SCRIPT, *map(str, argv), "--skip-unreadable"], stdout=subprocess.PIPE, stderr=follower
    )
    os.close(follower)
    said = read_to_the_end(leader)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "Reading items: 100%" in said
    assert "CG-scores (exact): 100%" in said
    assert b"%|" not in out
    quiet = shell(*argv, "--skip-unreadable", "--overwrite", "--ridge", "1")
    assert "Reading items" not in quiet.stderr


@pytest.mark.parametrize("moment", [0.2, 0.5, 1.0, 1.5, 2.5])
def test_interrupted_while_it_starts(moment, tmp_path):
    """Whatever is imported by then; before Python listens, the signal itself ends it."""
    np.savez(tmp_path / "x.npz", features=np.ones((9, 2)) + np.eye(9, 2), labels=[0, 1, 0] * 3)
    process = subprocess.Popen(
        [SCRIPT, "score", tmp_path / "x.npz", "-o", tmp_path / "s.safetensors"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(moment)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    assert process.returncode in (0, 130, -signal.SIGINT)  # 0: it was done by then


# Interrupted where torch is imported, which takes it for an error of its own.
INTERRUPTING = """
import builtins, os, signal
from torch_cgprune.cli import main

def importing(name, *rest):
    if name == "torch":
        try:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(100):
                pass
        except KeyboardInterrupt:
            raise ImportError("cannot load module more than once") from None
    return imported(name, *rest)

imported, builtins.__import__ = builtins.__import__, importing
main(["score", "--help"])
"""


def test_interrupted_in_an_import_it_ends_without_a_word():
    argv = [sys.executable, "-c", INTERRUPTING]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_what_hears_an_interruption_is_as_before():
    def hear(*_):
        """Hear it."""

    for handler in (signal.default_int_handler, hear):
        before = signal.signal(signal.SIGINT, handler)
        try:
            with pytest.raises(SystemExit):
                main(["score", "--help"])
            assert signal.getsignal(signal.SIGINT) is handler
        finally:
            signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("phase", ["Reading", "CG-scores"])
def test_interrupted_it_leaves_in_peace(phase, tmp_path):
    """As a terminal does, the signal goes to all processes, workers that read included."""
    n = 6000
    if phase == "Reading":
        source = tmp_path / "images"
        for name in "ab":
            (source / name).mkdir(parents=True)
            Image.new("RGB", (900, 900), "red").save(source / name / "0.png")
            for i in range(1, n // 2):
                os.link(source / name / "0.png", source / name / f"{i}.png")
        options = ["--resize", "64", "--num-workers", "2"]
    else:
        source = tmp_path / "x.npz"
        np.savez(
            source,
            features=np.random.default_rng(0).normal(size=(30_000, 8)),
            labels=[0, 1] * 15_000,
        )
        options = []
    (tmp_path / "out").mkdir()
    leader, follower = terminal()
    process = subprocess.Popen(
        [SCRIPT, "score", source, "-o", tmp_path / "out" / "s.safetensors", *options],
        stdout=subprocess.PIPE,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    said = ""
    while phase not in said:
        said += os.read(leader, 4096).decode(errors="replace")
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    process.stdout.close()
    said += read_to_the_end(leader)
    assert "torch-cgprune: interrupted" in said
    assert "Traceback" not in said
    assert not [*(tmp_path / "out").iterdir()]


@pytest.fixture
def full_disk(tmp_path):
    """A folder on a disk of 200 kB, or None where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(argv, capture_output=True, check=False).returncode:
        yield None
        return
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("command", ["select", "report", "score"])
def test_on_a_full_disk_nothing_is_lost(command, scored, images, full_disk, tmp_path):
    folder, limits = full_disk, {}
    if folder is None:  # next best: a process that may write no large file
        folder = tmp_path
        limits["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000,) * 2)
    else:
        (folder / "filler").write_bytes(bytes(150_000))
    target = folder / ("before.safetensors" if command == "score" else "before.csv")
    target.write_text("what was there before")
    argv = {
        "select": ["select", scored, "--keep", "1", "--format", "csv", "-o", target],
        "report": ["report", scored, images, "-o", target],
        "score": [
            "score",
            images,
            "-o",
            target,
            "--skip-unreadable",
            "--overwrite",
            "--resize",
            "4",
        ],
    }[command]
    if command == "score":
        target.unlink()
    there = {file.name: file.stat().st_size for file in folder.iterdir()}
    done = shell(*argv, **limits)
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert "cannot be written" in error
    assert "Free some space or name a file on another disk" in error
    assert "Traceback" not in done.stderr
    assert {file.name: file.stat().st_size for file in folder.iterdir()} == there
