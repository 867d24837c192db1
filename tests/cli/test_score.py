"""What the command that scores passes on."""

import numpy as np
import pytest
from PIL import Image

from torch_cgprune.cli import score
from torch_cgprune.cli.source import open_source


@pytest.fixture
def folder(tmp_path):
    for i in range(4):
        path = tmp_path / "images" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), i, dtype=np.uint8)).save(path)
    return tmp_path / "images"


@pytest.mark.parametrize(("asked", "taken"), [(None, 3), (0, 0), (2, 2)])
def test_image_files_are_read_by_processes_unless_told_otherwise(asked, taken, folder, monkeypatch):
    monkeypatch.setattr(score, "workers_for", lambda n: n - 1)
    assert score.workers_of(open_source(str(folder), progress=False), asked) == taken


def test_arrays_are_read_in_this_process(tmp_path, monkeypatch):
    monkeypatch.setattr(score, "workers_for", lambda n: n)
    np.savez(tmp_path / "x.npz", features=np.ones((4, 2)), labels=[0, 1, 0, 1])
    assert score.workers_of(open_source(str(tmp_path / "x.npz"), progress=False), None) is None
