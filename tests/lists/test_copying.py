"""Files brought to a new folder: whole, once, and taken up again after any interruption."""

import errno
import itertools
import os
import shutil
import stat
from pathlib import Path

import pytest

from torch_cgprune.errors import ArgumentValueError
from torch_cgprune.lists.copying import OWN, check_apart, copy_files
from torch_cgprune.lists.placing import Placed


@pytest.fixture
def source(tmp_path):
    """Six files in two folders, one of them a link, one read-only, of one age."""
    for name in "ab":
        (tmp_path / "source" / name).mkdir(parents=True)
        for i in range(3):
            path = tmp_path / "source" / name / f"{i}.png"
            path.write_bytes(f"{name}{i}".encode() * (i + 1))
            os.utime(path, ns=(10**18, 10**18 + 5))
    away = (tmp_path / "source" / "a" / "0.png").rename(tmp_path / "elsewhere")
    (tmp_path / "source" / "a" / "0.png").symlink_to(away)
    (tmp_path / "source" / "a" / "1.png").chmod(0o444)
    return tmp_path / "source"


def plan(source):
    """Everything goes into the other folder."""
    return [
        Placed(str(path), f"{'ba'['ab'.index(path.parent.name)]}/{path.name}")
        for path in sorted(source.glob("*/*"))
    ]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def wanted(files):
    return {target: Path(origin).read_bytes() for origin, target in files}


def bring(files, folder, **options):
    return copy_files(files, folder, progress=False, **options)


@pytest.mark.parametrize("link", [False, True])
def test_all_are_there_and_nothing_else(source, tmp_path, link):
    files, before = plan(source), contents(source)
    assert bring(files, tmp_path / "new", link=link) == 0
    assert contents(tmp_path / "new") == wanted(files)
    assert contents(source) == before
    for origin, target in files:
        state = (tmp_path / "new" / target).lstat()
        assert stat.S_ISREG(state.st_mode)
        assert state.st_mtime_ns == 10**18 + 5
        assert (state.st_ino == Path(origin).stat().st_ino) == link


class Stopped(BaseException):
    """As a signal stops it: nothing catches this."""


def stop_at(moment, patch):
    """Stop before one of the calls that change something on the disk; a copy is half done."""
    calls = itertools.count()

    def stopping(call):
        def stopped(*args, **options):
            if next(calls) == moment:
                if call is shutil.copy2:
                    Path(args[1]).write_bytes(b"half")
                raise Stopped
            return call(*args, **options)

        return stopped

    changes = {os: ("link",), Path: ("mkdir", "rename", "replace"), shutil: ("copy2", "rmtree")}
    found = [(home, name, getattr(home, name)) for home, names in changes.items() for name in names]
    for home, name, call in found:
        patch.setattr(home, name, stopping(call))


@pytest.mark.parametrize("link", [False, True])
def test_stopped_at_any_moment_and_run_again(source, tmp_path, monkeypatch, link):
    files = plan(source)
    whole = wanted(files)
    for moment in itertools.count():
        new = tmp_path / f"new {moment}"
        with monkeypatch.context() as patch:
            stop_at(moment, patch)
            try:
                bring(files, new, link=link)
            except Stopped:
                pass
            else:
                break
        there = contents(new) if new.is_dir() else {}
        done = {name: content for name, content in there.items() if not name.startswith(OWN)}
        assert done.items() <= whole.items()
        for before in (len(done), len(files)):
            assert bring(files, new, link=link) == before
            assert contents(new) == whole
    assert moment >= 2 * len(files)


def interrupted(files, folder, monkeypatch, after=2):
    """Leave a folder as an interruption after some files does."""
    copied, copy = [], shutil.copy2

    def stops(origin, half):
        if len(copied) == after:
            raise Stopped
        copied.append(origin)
        return copy(origin, half)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copy2", stops)
        with pytest.raises(Stopped):
            bring(files, folder)


def test_another_list_does_not_go_on(source, tmp_path, monkeypatch):
    files, new = plan(source), tmp_path / "new"
    interrupted(files, new, monkeypatch)
    before = contents(new)
    for other in (files[:-1], [*files[:-1], Placed(files[-1].origin, "a/other.png")]):
        with pytest.raises(FileExistsError, match="holds the beginning of something else"):
            bring(other, new)
    os.utime(source / "b" / "2.png")
    with pytest.raises(FileExistsError, match="a source that has changed since"):
        bring(files, new)
    assert contents(new) == before


def test_a_file_that_somebody_changed_meanwhile_is_not_overwritten(source, tmp_path, monkeypatch):
    files, new = plan(source), tmp_path / "new"
    interrupted(files, new, monkeypatch)
    (new / files[0].target).write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="is another than the source's"):
        bring(files, new)
    assert (new / files[0].target).read_bytes() == b"mine"


@pytest.mark.parametrize("other", ["notes.txt", "a/mine.png", "c/0.png", "deep/er/x"])
@pytest.mark.parametrize("begun", [False, True])
def test_a_folder_with_other_things_is_left_alone(source, tmp_path, monkeypatch, other, begun):
    files, new = plan(source), tmp_path / "new"
    if begun:
        interrupted(files, new, monkeypatch)
    (new / other).parent.mkdir(parents=True, exist_ok=True)
    (new / other).write_bytes(b"mine")
    before = contents(new)
    with pytest.raises(FileExistsError, match="holds other things, as"):
        bring(files, new)
    assert contents(new) == before


def test_a_finished_folder_that_differs_in_content_alone(source, tmp_path):
    files, new = plan(source), tmp_path / "new"
    bring(files, new)
    target = new / files[2].target
    target.write_bytes(bytes(target.stat().st_size))
    with pytest.raises(FileExistsError, match="holds files already"):
        bring(files, new)
    target.unlink()
    with pytest.raises(FileExistsError, match="holds files already"):
        bring(files, new)


def test_a_link_in_the_folder_is_not_followed(source, tmp_path, monkeypatch):
    files, new, away = plan(source), tmp_path / "new", tmp_path / "away"
    away.mkdir()
    interrupted(files, new, monkeypatch, after=0)
    (new / "a").symlink_to(away)
    with pytest.raises(FileExistsError, match="holds other things, as 'a'"):
        bring(files, new)
    assert not [*away.iterdir()]


def test_what_an_interruption_left_half_done_is_not_written_through(source, tmp_path, monkeypatch):
    files, new, away = plan(source), tmp_path / "new", tmp_path / "away"
    away.write_bytes(b"mine")
    interrupted(files, new, monkeypatch, after=0)
    (new / OWN / "half").symlink_to(away)
    bring(files, new)
    assert away.read_bytes() == b"mine"
    assert contents(new) == wanted(files)


def test_a_folder_that_is_there_and_empty(source, tmp_path):
    (tmp_path / "new").mkdir()
    files = plan(source)
    bring(files, tmp_path / "new")
    assert contents(tmp_path / "new") == wanted(files)


def test_what_is_no_folder_or_has_none(source, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="is no folder"):
        bring(plan(source), tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="Create it first"):
        bring(plan(source), tmp_path / "no" / "such")


@pytest.mark.parametrize("change", ["gone", "dangling", "folder", "pipe"])
def test_an_origin_that_is_no_file_is_told_before_anything_is_written(source, tmp_path, change):
    files, path = plan(source), source / "b" / "1.png"
    path.unlink()
    match change:
        case "dangling":
            path.symlink_to(tmp_path / "nothing")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    with pytest.raises(OSError, match=r"b/1\.png' (cannot be read|is no file)"):
        bring(files, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_file_that_changes_while_it_is_copied(source, tmp_path, monkeypatch):
    files, copy = plan(source), shutil.copy2

    def grows(origin, half):
        copy(origin, half)
        Path(origin).write_bytes(b"longer than before")

    monkeypatch.setattr(shutil, "copy2", grows)
    with pytest.raises(OSError, match=r"\(it has changed since this began\)\. .* it goes on"):
        bring(files, tmp_path / "new")
    assert not [name for name in contents(tmp_path / "new") if not name.startswith(OWN)]


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_a_link_that_cannot_be(source, tmp_path, monkeypatch, code):
    files = plan(source)

    def refuses(*_):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuses)
        with pytest.raises(ArgumentValueError, match="There can be no hard link") as caught:
            bring(files, tmp_path / "new", link=True)
    assert caught.value.parameter == "link"
    assert bring(files, tmp_path / "new") == 0  # and copies go on there
    assert contents(tmp_path / "new") == wanted(files)


def test_a_disk_without_room_is_told_first(source, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5))
    with pytest.raises(OSError, match="Free some space"):
        bring(plan(source), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    bring(plan(source), tmp_path / "new", link=True)  # links need none


def test_source_and_folder_are_apart(source, tmp_path):
    files = [file.origin for file in plan(source)]
    (tmp_path / "way").symlink_to(source)
    for inside in (source, source / "new", source / "a" / "new", tmp_path, tmp_path / "way" / "x"):
        with pytest.raises(ValueError, match="the source stays as it is"):
            check_apart(inside, source, files)
    check_apart(tmp_path / "source2", source, files)
    check_apart(tmp_path / "other" / "source", source, files)


def test_apart_from_a_folder_that_a_link_in_the_source_leads_to(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "0.png").touch()
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").symlink_to(tmp_path / "elsewhere")
    files = [str(tmp_path / "source" / "a" / "0.png")]
    with pytest.raises(ValueError, match="must not be in the source"):
        check_apart(tmp_path / "elsewhere" / "new", tmp_path / "source", files)
