"""Lists of what is kept, by key and by position: against plain sets."""

import hashlib
import pickle
import tracemalloc
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune.lists import keys as hashing
from torch_cgprune.lists.keys import key_hash
from torch_cgprune.streams import KeepList, members

KEYS = st.lists(st.text(), min_size=1, unique=True)


@given(KEYS, st.data())
def test_a_list_by_key_keeps_what_a_set_does(keys, data):
    kept = data.draw(st.sets(st.integers(0, len(keys) - 1), min_size=1))
    keep = KeepList.by_key(keys, sorted(kept))
    assert [i for i, key in enumerate(keys) if keep({"__key__": key})] == sorted(kept)
    assert len(keep) == len(kept)
    assert keep.examples == len(keys)


# Some of them close to each other and to the ends: hashes need not be spread evenly.
NUMBERS = st.integers(0, 2**64 - 1) | st.integers(0, 40).map(lambda i: (i - 20) * 2**60 % 2**64)


@given(st.sets(NUMBERS, min_size=1, max_size=60), st.sets(NUMBERS))
def test_hashes_are_found_wherever_they_lie(numbers, others):
    keys = members.Keys(np.array(sorted(numbers), dtype=np.uint64), "id")
    with mock.patch.object(members, "key_hash", int):
        found = {number for number in numbers | others if keys.is_kept({"id": number})}
    assert found == numbers


@given(st.lists(st.integers(0, 20), min_size=1, max_size=5), st.data())
def test_a_list_by_position_keeps_what_sets_do(sizes, data):
    names = [f"s{i}.tar" for i in range(len(sizes))]
    kept = {
        name: data.draw(st.sets(st.integers(0, size - 1)) if size else st.just(set()))
        for name, size in zip(names, sizes, strict=True)
    }
    everything = dict(zip(names, sizes, strict=True))
    lists = {name: sorted(positions) for name, positions in kept.items()}
    if not any(kept.values()):
        with pytest.raises(ValueError, match="keeps nothing"):
            KeepList.by_position(everything, lists)
        return
    keep = KeepList.by_position(everything, lists)
    samples = [
        {"__url__": f"/data/{name}", "i": i} for name in names for i in range(everything[name])
    ]
    found = [(s["__url__"], s["i"]) for s in keep.only(samples)]
    assert found == [(f"/data/{name}", i) for name in names for i in lists[name]]
    assert keep.counts == {name: len(positions) for name, positions in kept.items()}
    assert (len(keep), keep.examples) == (len(found), len(samples))


def test_a_hash_is_the_same_everywhere():
    # blake2b of 8 bytes, little-endian: computed with another tool (b2sum -l 64).
    assert key_hash("abc") == int.from_bytes(bytes.fromhex("d8bb14d833d59559"), "little")
    assert key_hash(b"abc") == key_hash("abc")
    assert key_hash(7) == key_hash("7")


@given(st.binary())
def test_a_hash_is_of_the_text_in_bytes(content):
    key = content.decode("utf-8", "surrogateescape")
    expected = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
    assert key_hash(key) == key_hash(content) == expected


@pytest.mark.parametrize("key", ["__key__", "id"])
def test_a_list_by_key_comes_back_from_its_file(tmp_path, key):
    keep = KeepList.by_key(["a", "b", "c"], [0, 2], key=key, shards=["x/s.tar", "t.tar", "t.tar"])
    keep.save(tmp_path / "kept.parquet")
    again = KeepList.load(tmp_path / "kept.parquet")
    assert [again({key: k}) for k in "abcd"] == [True, False, True, False]
    assert (again.digest, again.counts, again.examples) == (keep.digest, keep.counts, 3)
    assert again.counts == {"s.tar": 1, "t.tar": 1}


def test_a_list_by_position_comes_back_from_its_file(tmp_path):
    keep = KeepList.by_position({"a.tar": 9, "b.tar": 3}, {"a.tar": [0, 8]})
    keep.save(tmp_path / "kept.parquet")
    again = KeepList.load(tmp_path / "kept.parquet")
    assert (again.digest, again.counts) == (keep.digest, {"a.tar": 2, "b.tar": 0})


def table(path, **columns):
    pa = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    pa.write_table(arrow.table(columns), path)
    return path


def test_a_list_of_ones_own_is_read(tmp_path):
    file = table(
        tmp_path / "own.parquet", key=["b", "d"], shard=["x.tar", "y.tar"], position=[1, 0]
    )
    keep = KeepList.load(file, key="id")
    assert [keep({"id": k}) for k in "abcd"] == [False, True, False, True]
    assert keep.counts == {"x.tar": 1, "y.tar": 1}
    placed = KeepList.load(file, key=None)
    samples = [{"__url__": u, "k": k} for u, k in [("x.tar", "a"), ("x.tar", "b"), ("y.tar", "d")]]
    assert [s["k"] for s in placed.only(samples)] == ["b", "d"]


def test_a_list_takes_8_bytes_an_example_or_a_bit():
    n = 65536
    by_key = KeepList.by_key(range(n), range(0, n, 2))
    assert by_key.members.hashes.nbytes == 8 * n // 2
    assert len(pickle.dumps(by_key)) < 8 * n // 2 + 500  # as workers get it
    tracemalloc.start()
    again = members.Keys(by_key.members.hashes, "id")
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < len(again) + 4000
    by_position = KeepList.by_position({"a.tar": n}, {"a.tar": range(0, n, 2)})
    assert sum(packed.nbytes for packed in by_position.members.packed.values()) == n // 8


def test_a_key_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"the key 'a' is there twice \(1 keys are\)"):
        KeepList.by_key(["a", "b", "a"], [0])
    assert len(KeepList.by_key(["a", "b", "a"], [1])) == 1  # none of them is kept
    file = table(tmp_path / "own.parquet", key=["b", "a", "b"])
    with pytest.raises(ValueError, match=r"1 of the 3 keys of the list .* shard and position"):
        KeepList.load(file)


@pytest.mark.parametrize("kept", [[0], [1], [0, 1]])
def test_a_collision_with_what_is_kept_is_refused(monkeypatch, kept):
    monkeypatch.setattr(hashing, "key_hash", len)
    with pytest.raises(ValueError, match="'a' and 'b' have one 64-bit hash"):
        KeepList.by_key(["a", "b", "ccc"], kept)
    assert len(KeepList.by_key(["a", "b", "ccc"], [2])) == 1


def test_a_list_of_nothing_is_refused():
    with pytest.raises(ValueError, match="keeps nothing"):
        KeepList.by_key(["a"], [])


@pytest.mark.parametrize("kept", [{"c.tar": [0]}, {"a.tar": [3]}, {"a.tar": [-1]}])
def test_a_position_that_there_is_not_is_refused(kept):
    with pytest.raises(ValueError, match="must be of the 1 shards"):
        KeepList.by_position({"a.tar": 3}, kept)


def test_a_sample_without_its_key_is_refused():
    keep = KeepList.by_key(["a"], [0])
    with pytest.raises(ValueError, match=r"its key in '__key__'. Got \['id'\] instead"):
        keep({"id": "a"})
    with pytest.raises(ValueError, match=r"Got tuple instead"):
        keep(("a", 1))


def test_a_list_by_position_is_no_predicate():
    keep = KeepList.by_position({"a.tar": 3}, {"a.tar": [1]})
    with pytest.raises(TypeError, match="compose"):
        keep({"__url__": "a.tar"})


def test_a_shard_of_other_data_is_refused():
    keep = KeepList.by_position({"a.tar": 1}, {"a.tar": [0]})
    with pytest.raises(ValueError, match=r"'b.tar' is none of the 1 of the list.*'a.tar'"):
        list(keep.only([{"__url__": "b.tar"}]))
    with pytest.raises(ValueError, match="more than the 1 examples"):
        list(keep.only([{"__url__": "a.tar"}] * 2))


def test_a_shard_of_other_data_is_refused_again_and_again():
    test = KeepList.by_position({"a.tar": 2}, {"a.tar": [0]}).members.test()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"'b.tar' is none of the 1"):
            test({"__url__": "x/b.tar"})
    # One that goes by the same name, elsewhere, is not another one: its positions go on.
    assert [test({"__url__": url}) for url in ("x/a.tar", "y/a.tar")] == [True, False]
    with pytest.raises(ValueError, match=r"'a.tar' has more than the 2 examples"):
        test({"__url__": "z/a.tar"})


@pytest.mark.parametrize("key", ["__key__", "id"])
def test_a_pickled_list_keeps_the_same(key):
    keep = KeepList.by_key(range(100), range(0, 100, 3), key=key)
    again = pickle.loads(pickle.dumps(keep))
    assert [i for i in range(200) if again({key: i})] == [*range(0, 100, 3)]
    assert (again.digest, again.examples) == (keep.digest, 100)


def test_a_stream_of_other_data_is_told_by_numbers():
    keep = KeepList.by_key(range(10), range(6), key="id")
    keep.check({"id": i} for i in range(10))
    with pytest.raises(ValueError, match="2 of the 6 examples"):
        keep.check({"id": i} for i in range(2, 10))
    with pytest.raises(ValueError, match=r"1 more examples .* than the 6"):
        keep.check({"id": i} for i in [*range(6), 0])


def test_skipping_leaves_out_first_ones():
    keep = KeepList.by_key(range(10), [1, 4, 7], key="id")
    assert [s["id"] for s in keep.only(({"id": i} for i in range(10)), skip=1)] == [4, 7]


@pytest.mark.parametrize(
    ("columns", "key", "message"),
    [
        ({"name": ["a"]}, "id", "must have a column 'key' or 'path'"),
        ({"key": ["a"]}, None, "must have a column 'shard' and one 'position'"),
        ({"shard": ["a"], "position": [-1]}, None, "position -1 of the shard 'a'"),
    ],
)
def test_another_table_is_refused(tmp_path, columns, key, message):
    with pytest.raises(ValueError, match=message):
        KeepList.load(table(tmp_path / "x.parquet", **columns), key=key)


def test_another_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"read from a \.parquet file"):
        KeepList.load(tmp_path / "kept.txt")
    with pytest.raises(FileNotFoundError, match="There is no list"):
        KeepList.load(tmp_path / "kept.parquet")


def test_digests_tell_lists_apart():
    lists = [
        KeepList.by_key("abc", [0]),
        KeepList.by_key("abc", [1]),
        KeepList.by_position({"a.tar": 3}, {"a.tar": [0]}),
        KeepList.by_position({"a.tar": 3}, {"a.tar": [1]}),
        KeepList.by_position({"b.tar": 3}, {"b.tar": [0]}),
    ]
    assert len({keep.digest for keep in lists}) == len(lists)
    assert np.unique([len(keep) for keep in lists]).tolist() == [1]
