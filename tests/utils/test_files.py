"""Where files cannot be written, and what is said of it."""

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

from torch_cgprune.cli import main
from torch_cgprune.utils.files import check_writable, replacing


@pytest.fixture
def nobody(tmp_path):
    """Be somebody who has no rights of root's."""
    if os.geteuid():
        return contextlib.nullcontext
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(0o755)

    @contextlib.contextmanager
    def being():
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return being


@pytest.fixture
def read_only(tmp_path):
    """A folder on a disk that is mounted read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "ro,size=100k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


REFUSED = r"^The folder of the file '.*x' cannot be written \(.*\)\. Name a file in another folder"


@pytest.mark.parametrize("mode", [0o555, 0o444, 0o000])
def test_a_folder_without_permission(tmp_path, nobody, mode):
    folder = tmp_path / "folder"
    folder.mkdir(mode=mode)
    with nobody(), pytest.raises(PermissionError, match=REFUSED):
        check_writable(folder / "x")
    with nobody(), pytest.raises(PermissionError, match=REFUSED), replacing(folder / "x"):
        pass


def test_a_read_only_disk(read_only):
    with pytest.raises(PermissionError, match=REFUSED):
        check_writable(read_only / "x")


def test_a_disk_that_becomes_read_only_is_told_as_such(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(30, "Read-only file system")

    def fails():
        with replacing(tmp_path / "x"):
            monkeypatch.setattr(Path, "unlink", refused)
            refused()

    with pytest.raises(OSError, match=r"'.*x' cannot be written: .*Read-only"):
        fails()


def scored(folder):
    """A file of scores, and the features beside it."""
    np.savez(folder / "x.npz", features=np.random.default_rng(0).random((6, 3)), labels=[0, 1] * 3)
    assert main(["score", str(folder / "x.npz"), "-o", str(folder / "s.safetensors"), "-q"]) == 0
    return folder / "s.safetensors"


@pytest.mark.parametrize("command", ["score", "select", "report"])
def test_the_commands_say_so_too(tmp_path, nobody, capsys, command):
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o444)
    out = str(folder / "s.safetensors")
    scores = str(scored(tmp_path))
    argv = {
        "score": ["score", str(tmp_path / "x.npz"), "-o", out],
        "select": ["select", scores, "--keep", "0.5", "-o", f"{folder}/k.txt"],
        "report": ["report", scores, "-o", out],
    }[command]
    with nobody():
        assert main(argv) == 1
    assert (
        "cannot be written (Permission denied). Name a file in another" in capsys.readouterr().err
    )
