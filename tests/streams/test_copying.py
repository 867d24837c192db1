"""Shards of what is kept: members byte by byte, in order, even, resumable, the source untouched."""

import hashlib
import json
import os
import tarfile

import pytest
import tars
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune.inputs.tars import read_examples, read_member
from torch_cgprune.streams.copying import even_shards, write_shards
from torch_cgprune.streams.tar_copies import TAR, Kept


def kept_of(paths, keys, replaced=None):
    return [
        Kept(str(path), example, (replaced or {}).get(example.key, {}))
        for path in paths
        for example in read_examples(path)
        if example.key in keys
    ]


def contents(paths):
    return [
        (e.key, {ending: read_member(path, m) for ending, m in e.members.items()})
        for path in paths
        for e in read_examples(path)
    ]


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 60))
def test_shards_are_even_and_in_order(m, shards, more):
    kept = [Kept("", str(i), {}) for i in range(m)]
    made = even_shards(kept, ["x-00.tar"] * shards, m + more)
    assert [one for part in made.values() for one in part] == kept
    sizes = [len(part) for part in made.values()]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 0
    assert [*made] == sorted(made)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_copied_byte_by_byte(tmp_path, form):
    names = [f"{'long' * 40}{i}" for i in range(3)] + ["é", "a/b"]
    for shard in range(2):
        members = [
            (f"{name}-{shard}.{e}", name.encode() * (k + 1))
            for k, name in enumerate(names)
            for e in ("jpg", "cls")
        ]
        tars.write_tar(tmp_path / f"in-{shard}.tar", members, form)
    paths = [tmp_path / "in-0.tar", tmp_path / "in-1.tar"]
    before = [path.read_bytes() for path in paths]
    keys = [key for key, _ in contents(paths)][::2]
    kept = kept_of(paths, keys)
    assert write_shards(even_shards(kept, ["in-0.tar"], 5), tmp_path / "out", {"a": 1}, TAR) == 0
    made = sorted((tmp_path / "out").glob("*.tar"))
    assert [path.name for path in made] == ["in-0.tar"]
    assert contents(made) == [pair for pair in contents(paths) if pair[0] in keys]
    assert [path.read_bytes() for path in paths] == before
    for path in made:
        raw = path.read_bytes()
        assert len(raw) % tarfile.RECORDSIZE == 0
        for one in kept:  # headers too
            for member in one.example.members.values():
                source = before[paths.index(type(path)(one.path))]
                assert source[member.offset : member.end] in raw


@pytest.fixture
def source(tmp_path):
    paths, keys = tars.number_shards(tmp_path, (6, 7, 5))
    return paths, keys


def test_the_manifest_has_counts_and_digests(tmp_path, source):
    paths, keys = source
    out = tmp_path / "out"
    write_shards(even_shards(kept_of(paths, keys[::2]), ["a-1.tar"] * 3, 18), out, {"kept": 9}, TAR)
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["complete"], manifest["kept"]) == (True, 9)
    for told in manifest["shards"]:
        raw = (out / told["name"]).read_bytes()
        assert told["bytes"] == len(raw)
        assert told["sha256"] == hashlib.sha256(raw).hexdigest()
        assert told["examples"] == len(read_examples(out / told["name"]))
    assert sum(told["examples"] for told in manifest["shards"]) == 9


def test_an_interrupted_writing_goes_on(tmp_path, source, monkeypatch):
    paths, keys = source
    shards = even_shards(kept_of(paths, keys[::2]), ["part-000.tar"] * 3, 9)
    assert len(shards) == 3
    write_shards(shards, tmp_path / "whole", {}, TAR)
    out = tmp_path / "out"
    last = [*shards][-1]
    broken = {**shards, last: [Kept("gone.tar", one.example, {}) for one in shards[last]]}
    monkeypatch.setattr("torch_cgprune.streams.copying._fingerprint", lambda _: "same")
    with pytest.raises(OSError, match="gone"):
        write_shards(broken, out, {}, TAR)
    assert not (out / last).exists()
    assert not json.loads((out / "manifest.json").read_text())["complete"]
    assert write_shards(shards, out, {}, TAR) == 2
    for name in shards:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    times = [(out / name).stat().st_mtime_ns for name in shards]
    assert write_shards(shards, out, {}, TAR) == 3
    assert [(out / name).stat().st_mtime_ns for name in shards] == times


def test_a_folder_of_something_else_is_refused(tmp_path, source):
    paths, keys = source
    out = tmp_path / "out"
    write_shards(even_shards(kept_of(paths, keys[:4]), ["a-1.tar"], 18), out, {}, TAR)
    with pytest.raises(ValueError, match=r"shards of another list: first 'a-0.tar'"):
        write_shards(even_shards(kept_of(paths, keys[:5]), ["a-1.tar"], 18), out, {}, TAR)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.txt").touch()
    with pytest.raises(ValueError, match=r"first 'x.txt'"):
        write_shards(even_shards(kept_of(paths, keys), ["a.tar"], 18), tmp_path / "other", {}, TAR)


def test_replaced_members_have_headers_of_their_size(tmp_path):
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = tmp_path / "a.tar"
        long = "n" * 150
        tars.write_tar(path, [(f"{long}.txt", b"t"), (f"{long}.cls", b"3"), ("b.cls", b"4")], form)
        new = {long: {"cls": b"x" * 700}, "b": {"cls": b"12"}}
        out = tmp_path / f"out{form}"
        write_shards(even_shards(kept_of([path], [long, "b"], new), ["a.tar"], 2), out, {}, TAR)
        (made,) = out.glob("*.tar")
        assert contents([made]) == [
            (long, {"txt": b"t", "cls": b"x" * 700}),
            ("b", {"cls": b"12"}),
        ]
        with tarfile.open(made) as tar:  # tarfile checks the sums in headers
            assert [m.size for m in tar] == [1, 700, 2]


def test_a_shard_that_has_shrunk_is_told(tmp_path, source):
    paths, keys = source
    kept = kept_of(paths, keys)
    os.truncate(paths[0], 700)
    with pytest.raises(OSError, match="has become shorter"):
        write_shards(even_shards(kept, ["a.tar"], 18), tmp_path / "out", {}, TAR)
