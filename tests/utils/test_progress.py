"""Progress bars: none of a short step, and to the end of a long one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune.utils import progress
from torch_cgprune.utils.progress import in_parts, progress_bar


@given(st.integers(0, 50), st.integers(1, 20))
def test_parts_are_all_rows_once_in_order(n, size):
    parts = [range(n)[part] for part in in_parts(n, size, "", show=False)]
    assert [row for part in parts for row in part] == [*range(n)]
    assert all(0 < len(part) <= size for part in parts)


@pytest.mark.parametrize("show", [False, True])
def test_a_long_step_has_a_bar_if_wanted(capsys, monkeypatch, show):
    monkeypatch.setattr(progress, "_DELAY", 0)
    assert len([*in_parts(10, 3, "Counting", show=show)]) == 4
    said = capsys.readouterr().err
    assert ("Counting: 100%" in said and "10/10" in said) == show
    assert show or not said


def test_a_short_step_has_none(capsys):
    with progress_bar("Counting", 5, "row", show=True) as bar:
        bar.update(5)
    assert capsys.readouterr().err == ""
