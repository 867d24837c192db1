"""Files copied or linked to their new places: whole ones, none overwritten, and taken up again."""

from __future__ import annotations

import errno
import filecmp
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from tqdm.auto import tqdm

from torch_cgprune.errors import Argument, ArgumentValueError, Message
from torch_cgprune.lists.placing import Placed
from torch_cgprune.utils.files import replacing

# In the new folder until all is there: what is being written, and the file under way.
OWN = ".torch-cgprune-apply"
_NOTE, _HALF = "plan", "half"

# Where there can be no hard link: another disk, a file of another owner, a disk that knows none.
_LINKLESS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


def copy_files(
    files: Sequence[Placed], folder: Path, *, link: bool = False, progress: bool = True
) -> int:
    """Bring files to their places below a folder, which is made if it is not there.

    Each gets its name when it is whole. What was interrupted goes on when the same is asked for
    again; what is done already is compared, and left as it is.

    Args:
        files: which go where.
        folder: empty, not there yet, or of an interrupted call.
        link: make hard links, not copies. What a link in the origin points to is taken.
        progress: show a progress bar in files.

    Returns:
        How many were there before.

    Raises:
        FileExistsError: the folder holds something else.
        ArgumentValueError: a hard link cannot be made there.
        OSError: an origin that is gone, is no file, or changes meanwhile; a full or read-only disk.

    """
    states = {file.target: _state(file.origin) for file in files}
    plan = _fingerprint(files, states)
    done = _done(folder, plan, files, states)
    left = [file for file in files if file.target not in done]
    if left:
        if not link:
            _check_room(folder, sum(states[file.target].st_size for file in left))
        _begin(folder, plan)
        says = "Linking files" if link else "Copying files"
        for file in tqdm(left, desc=says, unit="file", disable=not progress):
            _bring(file, folder, states[file.target], link=link)
    shutil.rmtree(folder / OWN, ignore_errors=True)
    return len(done)


def check_apart(folder: Path, root: Path, files: Iterable[str]) -> None:
    """Raise ValueError where a new folder would be a part of its source, or the source one of it.

    Args:
        folder: the new one.
        root: the folder of the source.
        files: paths of the source's files; links may lead out of its root.

    """
    target, source = folder.resolve(), root.resolve()
    above = {target, *target.parents}
    homes = {Path(home).resolve() for home in {os.path.dirname(file) for file in files}}  # noqa: PTH120
    if source in above or target in source.parents or homes & above:
        raise ValueError(
            f"The folder {str(folder)!r} must not be in the source {str(root)!r}, nor the source "
            "in it: the source stays as it is. Name a folder elsewhere."
        )


def _state(origin: str) -> os.stat_result:
    try:
        state = Path(origin).stat()
    except OSError as error:
        raise OSError(
            f"The file {origin!r} cannot be read ({error.strerror}). Mend the source first: "
            "nothing was written."
        ) from error
    if not stat.S_ISREG(state.st_mode):
        raise OSError(f"The source's {origin!r} is no file. Mend the source first.")
    return state


def _done(
    folder: Path, plan: str, files: Sequence[Placed], states: dict[str, os.stat_result]
) -> set[str]:
    """Return the places that are filled already; all else in the folder is an error."""
    note, there = folder / OWN / _NOTE, {*_things_in(folder)}
    begun = note.is_file()
    if begun and note.read_text(encoding="utf-8") != plan:
        raise FileExistsError(
            f"The folder {str(folder)!r} holds the beginning of something else: of another list, "
            "source or labels, or of a source that has changed since. Delete it, or name another "
            "folder."
        )
    _check_others(folder, there, files)
    done = {file.target for file in files if file.target in there}
    if begun:
        for target in done:
            _check_whole(folder / target, states[target])
    elif done:
        _check_complete(folder, files, done)
    return done


def _begin(folder: Path, plan: str) -> None:
    """Note in the folder what is being written."""
    if not folder.parent.is_dir():
        raise FileNotFoundError(
            f"The folder of {str(folder)!r} does not exist. Create it first, or name another."
        )
    try:
        (folder / OWN).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"The folder {str(folder)!r} cannot be written ({error.strerror}). Name one elsewhere."
        ) from error
    with replacing(folder / OWN / _NOTE) as temporary:
        temporary.write_text(plan, encoding="utf-8")


def _fingerprint(files: Sequence[Placed], states: dict[str, os.stat_result]) -> str:
    """Return what tells this from another list, source or state of it."""
    content = hashlib.sha256()
    for origin, target in files:
        state = states[target]
        whole = [os.path.realpath(origin), target, state.st_size, state.st_mtime_ns]
        content.update(json.dumps(whole).encode())
    return content.hexdigest()


def _things_in(folder: Path) -> Iterator[str]:
    """Yield all that is below a folder but ours, folders too, by names with ``/``.

    Links to folders are not followed: what goes through one would be written elsewhere.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise NotADirectoryError(f"{str(folder)!r} is no folder. Name another.")
    for where, folders, names in os.walk(folder):
        below = Path(where).relative_to(folder)
        if where == str(folder) and OWN in folders:
            folders.remove(OWN)
        yield from ((below / name).as_posix() for name in (*folders, *names))


def _check_others(folder: Path, there: set[str], files: Sequence[Placed]) -> None:
    """Raise FileExistsError for what is none of the files, and none of their folders."""
    folders = {
        str(above) for file in files for above in PurePosixPath(file.target).parents if above.name
    }
    targets = {file.target for file in files}
    linked = {name for name in there & folders if (folder / name).is_symlink()}
    others = sorted((there - folders - targets) | linked)
    if others:
        raise FileExistsError(
            f"The folder {str(folder)!r} holds other things, as {others[0]!r}, and nothing is "
            "overwritten. Name a folder that is empty or not there yet."
        )


def _check_whole(path: Path, state: os.stat_result) -> None:
    if path.lstat().st_size != state.st_size:
        raise FileExistsError(
            f"The file {str(path)!r} is another than the source's, and nothing is overwritten. "
            "Delete it, and call this again."
        )


def _check_complete(folder: Path, files: Sequence[Placed], done: set[str]) -> None:
    """Raise FileExistsError unless a folder without a note holds all files as they are."""
    whole = len(done) == len(files) and all(
        filecmp.cmp(file.origin, folder / file.target, shallow=False) for file in files
    )
    if not whole:
        raise FileExistsError(
            f"The folder {str(folder)!r} holds files already, and nothing is overwritten. Name a "
            "folder that is empty or not there yet."
        )


def _check_room(folder: Path, needed: int) -> None:
    there = next((place for place in (folder, *folder.parents) if place.is_dir()), folder)
    free = shutil.disk_usage(there).free
    if needed > free:
        raise OSError(
            f"The copies take {needed / 1e9:.2f} GB, and on the disk of {str(folder)!r} are "
            f"{free / 1e9:.2f} GB free. Free some space, or name a folder on another disk."
        )


def _bring(file: Placed, folder: Path, state: os.stat_result, *, link: bool) -> None:
    """Copy or link one file to its place."""
    target = folder / file.target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if link:
            os.link(os.path.realpath(file.origin), target)
        else:
            _copy(file.origin, folder / OWN / _HALF, target, state)
    except OSError as error:
        if link and error.errno in _LINKLESS:
            raise ArgumentValueError(
                "There can be no hard link from %r to %r (%s).",
                file.origin,
                str(target),
                error.strerror,
                parameter="link",
                cure=Message("Leave out %s to copy.", Argument("link", "True")),
            ) from error
        raise OSError(
            f"The file {file.origin!r} cannot be brought to {str(target)!r} "
            f"({error.strerror or error}). What is done stays: mend the cause and call this again, "
            "and it goes on."
        ) from error


def _copy(origin: str, half: Path, target: Path, state: os.stat_result) -> None:
    """Copy a file with its times, and give it its name when it is whole."""
    half.unlink(missing_ok=True)  # of an interrupted call, perhaps read-only
    shutil.copy2(origin, half)
    now = Path(origin).stat()
    if (now.st_size, now.st_mtime_ns) != (state.st_size, state.st_mtime_ns):
        raise OSError("it has changed since this began")
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "a file of this name is there", str(target))
    half.rename(target)
