"""What reads the files of a source: processes, or threads."""

import threading
import time

import numpy as np
import pytest
import torch
from PIL import Image

from torch_cgprune.cli import image_files, unreadable
from torch_cgprune.cli.source import open_source
from torch_cgprune.errors import UnreadableImageError
from torch_cgprune.inputs.reading import read_images


@pytest.fixture
def folder(tmp_path):
    for i in range(4):
        path = tmp_path / "images" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), i, dtype=np.uint8)).save(path)
    return tmp_path / "images"


@pytest.mark.parametrize(("asked", "taken"), [(None, 3), (0, 0), (2, 2)])
def test_image_files_are_read_by_processes_unless_told_otherwise(asked, taken, folder, monkeypatch):
    monkeypatch.setattr(unreadable, "workers_for", lambda n: n - 1)
    assert unreadable.workers_of(open_source(str(folder), progress=False), asked) == taken


def test_arrays_are_read_in_this_process(tmp_path, monkeypatch):
    monkeypatch.setattr(unreadable, "workers_for", lambda n: n)
    np.savez(tmp_path / "x.npz", features=np.ones((4, 2)), labels=[0, 1, 0, 1])
    assert unreadable.workers_of(open_source(str(tmp_path / "x.npz"), progress=False), None) is None


@pytest.fixture
def photographs(tmp_path):
    """Files of 30 kB in two classes, whose brightness says which they are."""
    rng = np.random.default_rng(0)
    for i in range(12):
        path = tmp_path / "photographs" / "ab"[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(10 * i, 10 * i + 100, (100, 100, 3), np.uint8)).save(path)
    return tmp_path / "photographs"


def read(folder, asked, batch_size=5):
    opened = open_source(str(folder), progress=False)
    workers = unreadable.workers_of(opened, asked)
    found = read_images(opened.dataset, num_workers=workers, batch_size=batch_size, progress=False)
    return [torch.cat(parts) for parts in zip(*((x, d) for x, d, _ in found), strict=True)]


def test_photographs_are_read_in_threads_and_in_order(photographs, monkeypatch):
    monkeypatch.setattr(unreadable, "cores", lambda: 3)
    names, load = set(), image_files.load_image
    alone = read(photographs, 0)

    def noted(path):
        names.add(threading.current_thread().name)
        time.sleep(0.02 if path.endswith("00.png") else 0)  # the first is the last to be ready
        return load(path)

    opened = open_source(str(photographs), progress=False)
    opened.dataset.loader = noted
    assert unreadable.workers_of(opened, None) is None
    found = [*read_images(opened.dataset, batch_size=5, progress=False)]
    for place in (0, 1):
        assert torch.equal(torch.cat([batch[place] for batch in found]), alone[place])
    assert len(names - {threading.current_thread().name}) > 1
    assert not any(thread.name in names for thread in threading.enumerate()[1:])  # they are gone


def test_the_first_of_several_broken_photographs_is_named(photographs):
    for name in ("a/04.png", "b/05.png"):
        (photographs / name).write_bytes(b"no image")
    with pytest.raises(UnreadableImageError, match=r"04\.png"):
        read(photographs, None)
