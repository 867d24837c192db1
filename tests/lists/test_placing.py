"""Where kept files go: no two to one place, none out of the folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune.lists.placing import Kept, Placed, place

NAMES = st.sampled_from(["1.png", "1-2.png", "1-3.png", "2.png", "A.png", "a.png", "x/1.png", "n"])


def files(rows):
    """Files that stay are there once, as on a disk."""
    found, seen = [], set()
    for number, (label, name, stays) in enumerate(rows):
        if not (stays and (label, name) in seen):
            found.append(Kept(f"origin {number}", label, name, stays))
            seen |= {(label, name)} if stays else set()
    return found


ROWS = st.lists(st.tuples(st.sampled_from("ab"), NAMES, st.booleans()), max_size=30).map(files)


@given(ROWS)
def test_every_file_has_a_place_of_its_own_in_the_folder_of_its_label(rows):
    placed = place(rows)
    assert [file.origin for file in placed] == [file.origin for file in rows]
    assert len({file.target for file in placed}) == len(placed)
    for file, row in zip(placed, rows, strict=True):
        assert file.target.startswith(f"{row.label}/")
        if row.stays:
            assert file.target == f"{row.label}/{row.name}"


@given(ROWS)
def test_moved_files_do_not_depend_on_case(rows):
    placed = place(rows)
    staying = {file.target for file, row in zip(placed, rows, strict=True) if row.stays}
    moved = [file.target.casefold() for file in placed if file.target not in staying]
    assert len({*moved}) == len(moved)
    assert not {*moved} & {target.casefold() for target in staying}


def test_who_stays_keeps_its_name_and_others_are_numbered():
    rows = [
        Kept("1", "dog", "x/1.tar.png", stays=False),
        Kept("2", "dog", "x/1.tar.png", stays=False),
        Kept("3", "dog", "x/1.tar.png", stays=True),
        Kept("4", "dog", "x/1.tar-2.png", stays=True),
        Kept("5", "cat", "x/1.tar.png", stays=False),
    ]
    assert place(rows) == [
        Placed("1", "dog/x/1.tar-3.png"),
        Placed("2", "dog/x/1.tar-4.png"),
        Placed("3", "dog/x/1.tar.png"),
        Placed("4", "dog/x/1.tar-2.png"),
        Placed("5", "cat/x/1.tar.png"),
    ]


@pytest.mark.parametrize("label", ["", ".", "..", "/etc", "a/b", "../x", "a\0", "ü" * 128])
def test_a_label_that_is_no_folder(label):
    with pytest.raises(ValueError, match="cannot be the name of a folder"):
        place([Kept("a.png", label, "a.png", stays=False)])


@pytest.mark.parametrize(
    "label", ["two words", "ü" * 127, "a,b", "...", "line\nbreak", "caf\udce9"]
)
def test_a_label_of_any_other_letters(label):
    assert place([Kept("a", label, "a.png", stays=False)]) == [Placed("a", f"{label}/a.png")]
