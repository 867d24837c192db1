"""Tar shards: the same examples as webdataset reads, and bad ones are told."""

import io
import tarfile

import pytest
import tars
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune.inputs.tars import read_examples, read_member

NAMES = st.lists(
    st.from_regex(r"[ab]{1,2}(/[ab.]{1,3})?(\.[a-cJ]{1,2}){0,2}", fullmatch=True),
    max_size=8,
    unique=True,
)


def contents(path):
    return [
        (e.key, {ending: read_member(path, m) for ending, m in e.members.items()})
        for e in read_examples(path)
    ]


@given(NAMES, st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT]))
def test_examples_are_those_of_webdataset(tmp_path_factory, names, form):
    wds = pytest.importorskip("webdataset")
    path = tmp_path_factory.mktemp("tar") / "x.tar"
    names = sorted(names)
    tars.write_tar(path, [(name, name.encode() * 300) for name in names], form)
    with path.open("rb") as file:
        files = wds.tariterators.tar_file_expander([{"url": str(path), "stream": file}])
        try:
            theirs = [*wds.tariterators.group_by_keys(files)]
        except ValueError:  # two names that differ in capitals alone
            with pytest.raises(ValueError, match="twice"):
                read_examples(path)
            return
    keys = [sample["__key__"] for sample in theirs]
    if len({*keys}) < len(keys):
        with pytest.raises(ValueError, match="twice"):
            read_examples(path)
        return
    shown = [(s["__key__"], {k: v for k, v in s.items() if not k.startswith("__")}) for s in theirs]
    assert contents(path) == [(key, parts) for key, parts in shown if parts]


def test_long_and_foreign_names(tmp_path):
    names = ["x" * 180 + ".txt", "日本" * 40 + ".cls"]
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        tars.write_tar(tmp_path / "x.tar", [(name, b"1") for name in names], form)
        assert [e.key for e in read_examples(tmp_path / "x.tar")] == [n[:-4] for n in names]


def test_what_is_no_example_is_passed_over(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        folder = tarfile.TarInfo("a")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name in ("__index__", "__meta__/a.txt", "README", "a/b.txt"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    assert contents(path) == [("a/b", {"txt": b""})]


def test_a_key_twice(tmp_path):
    path = tmp_path / "x.tar"
    tars.write_tar(path, [("a.txt", b""), ("b.txt", b""), ("a.cls", b"")])
    with pytest.raises(ValueError, match=r"x.tar' has the key 'a' twice, in places 0 and 2"):
        read_examples(path)
    tars.write_tar(path, [("a.txt", b""), ("a.TXT", b"")])
    with pytest.raises(ValueError, match=r"has the file 'a.TXT' twice"):
        read_examples(path)


@pytest.mark.parametrize("cut", range(1, 3 * 1024 + 2 * 512, 256))
def test_a_truncated_shard_is_told_wherever_it_ends(tmp_path, cut):
    """Three members of a header and two blocks each, and the empty block at the end."""
    path = tmp_path / "x.tar"
    tars.write_tar(path, [(f"{i}.txt", b"x" * 600) for i in range(3)])
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    with pytest.raises(ValueError, match=r"x.tar' is truncated"):
        read_examples(path)


def test_a_whole_shard_may_end_with_its_first_empty_block(tmp_path):
    path = tmp_path / "x.tar"
    tars.write_tar(path, [("a.txt", b"x" * 600)])
    path.write_bytes(path.read_bytes()[: 3 * 512 + 512])
    assert contents(path) == [("a", {"txt": b"x" * 600})]


def test_packed_and_vanished_shards(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    with pytest.raises(ValueError, match=r"truncated or no plain .tar file"):
        read_examples(path)
    with pytest.raises(FileNotFoundError, match="There is no shard"):
        read_examples(tmp_path / "y.tar")
