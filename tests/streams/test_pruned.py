"""Pruned streams: what all ranks and workers deliver, before and after a stop, is the selection."""

import itertools
from collections import Counter
from types import SimpleNamespace
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torch_cgprune.streams import KeepList, PrunedStream, Shards


def worker(number, of):
    """Take this process for a worker of a loader: as torch tells it."""
    info = SimpleNamespace(id=number, num_workers=of) if of else None
    return mock.patch("torch_cgprune.streams.pruned.get_worker_info", return_value=info)


def data_of(sizes):
    """Return the samples of shards of these sizes, numbered through, and the list's arguments."""
    names = [f"s{i}.tar" for i, size in enumerate(sizes) for _ in range(size)]
    return [{"__key__": str(i), "__url__": name} for i, name in enumerate(names)], names


def shards_of(samples, **options):
    def read(url, only):
        return only(sample for sample in samples if sample["__url__"] == url)

    return Shards([*dict.fromkeys(s["__url__"] for s in samples)], read, **options)


def numbers(items):
    return [int(item["__key__"]) for item in items]


@st.composite
def plans(draw):
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    n = sum(sizes)
    return SimpleNamespace(
        sizes=sizes,
        kept=sorted(draw(st.sets(st.integers(0, n - 1), min_size=1))),
        by_shard=draw(st.booleans()),
        by_position=draw(st.booleans()),
        ranks=draw(st.integers(1, 3)),
        workers=draw(st.integers(0, 3)),
        told=draw(st.booleans()),
        drop_last=draw(st.booleans()),
        epoch=draw(st.integers(0, 2)),
        stops=draw(st.lists(st.integers(0, 8), max_size=3)),
    )


def stream_of(plan, rank):
    samples, names = data_of(plan.sizes)
    if plan.by_position:
        sizes = {f"s{i}.tar": size for i, size in enumerate(plan.sizes)}
        firsts = dict(zip(sizes, itertools.accumulate([0, *plan.sizes]), strict=False))
        kept = {
            name: [i - first for i in plan.kept if names[i] == name]
            for name, first in firsts.items()
        }
        keep = KeepList.by_position(sizes, kept)
    else:
        keep = KeepList.by_key([s["__key__"] for s in samples], plan.kept, shards=names)
    return PrunedStream(
        shards_of(samples) if plan.by_shard else samples,
        keep,
        num_workers=plan.workers if plan.told else None,
        drop_last=plan.drop_last,
        num_replicas=plan.ranks,
        rank=rank,
    )


def delivered(plan, rank, number):
    """Return what a worker delivers of an epoch, stopped and resumed in new processes."""
    found, state = [], None
    with worker(number, plan.workers):
        for stop in [*plan.stops, None]:
            stream = stream_of(plan, rank)
            stream.set_epoch(plan.epoch)
            if state is not None:
                stream.load_state_dict(state)
                stream.set_epoch(plan.epoch)
            found += numbers(itertools.islice(stream, stop))
            state = stream.state_dict()
    return found


@given(plans())
def test_the_union_over_ranks_and_workers_is_the_selection(plan):
    m, by = len(plan.kept), max(plan.workers, 1)
    unit = plan.ranks * (by if plan.told else 1)
    if plan.drop_last and m < unit:
        with pytest.raises(ValueError, match="nothing would be left"):
            stream_of(plan, 0)
        return
    found = [[delivered(plan, r, w) for w in range(by)] for r in range(plan.ranks)]
    lengths = {len(stream_of(plan, r)) for r in range(plan.ranks)}
    assert lengths == {sum(map(len, of_rank)) for of_rank in found}
    each = {len(of_worker) for of_rank in found for of_worker in of_rank}
    assert max(each) - min(each) <= (0 if plan.told else 1)
    times = Counter(itertools.chain(*itertools.chain(*found)))
    assert times.keys() <= {*plan.kept}
    if plan.drop_last:
        assert {*times.values()} == {1}
        assert m - unit < times.total() <= m
    else:
        assert times.keys() == {*plan.kept}
        assert m <= times.total() < m + unit


@given(plans())
def test_a_resumed_stream_goes_on_as_one_that_was_not_stopped(plan):
    if plan.drop_last and len(plan.kept) < plan.ranks * max(plan.workers, 1):
        return
    with worker(0, plan.workers):
        whole = stream_of(plan, 0)
        whole.set_epoch(plan.epoch)
        assert delivered(plan, 0, 0) == numbers(whole)


SAMPLES, NAMES = data_of([4, 3, 5])
KEPT = [0, 2, 3, 5, 8, 9, 11]


def keep_of(kept=KEPT):
    return KeepList.by_key([s["__key__"] for s in SAMPLES], kept, shards=NAMES)


def test_a_stream_keeps_its_order_and_every_epoch_has_one_of_its_own_by_shards():
    assert numbers(PrunedStream(SAMPLES, keep_of())) == KEPT
    assert numbers(PrunedStream(shards_of(SAMPLES, shuffle=False), keep_of())) == KEPT
    stream, orders = PrunedStream(shards_of(SAMPLES), keep_of()), set()
    for epoch in range(8):
        stream.set_epoch(epoch)
        orders.add(tuple(numbers(stream)))
        assert sorted(numbers(stream)) == KEPT
    assert len(orders) > 2


def test_a_rank_reads_its_own_shards_alone():
    read = []
    shards = shards_of(SAMPLES, shuffle=False)
    inner = shards.read
    shards.read = lambda url, only: (read.append(url), inner(url, only))[1]
    keep = keep_of([0, 1, 4, 5, 7, 8])  # two of each
    stream = PrunedStream(shards, keep, num_replicas=3, rank=1)
    assert (numbers(stream), read) == ([4, 5], ["s1.tar"])


def test_a_resume_reads_no_shard_that_is_done():
    read = []
    shards = shards_of(SAMPLES, shuffle=False)
    inner = shards.read
    shards.read = lambda url, only: (read.append(url), inner(url, only))[1]
    stream = PrunedStream(shards, keep_of())
    it = iter(stream)
    assert numbers(itertools.islice(it, 4)) == KEPT[:4]
    resumed = PrunedStream(shards, keep_of())
    resumed.load_state_dict(stream.state_dict())
    read.clear()
    assert numbers(resumed) == KEPT[4:]
    assert read == ["s2.tar"]


def test_a_list_for_every_epoch():
    lists = [keep_of([0, 1]), keep_of([4, 5, 6, 7]), keep_of([11])]
    stream = PrunedStream(SAMPLES, lambda epoch: lists[epoch])
    for epoch, expected in enumerate([[0, 1], [4, 5, 6, 7], [11]]):
        stream.set_epoch(epoch)
        assert (len(stream), numbers(stream)) == (len(expected), expected)


def test_set_epoch_after_a_resume():
    stream = PrunedStream(SAMPLES, keep_of())
    stream.set_epoch(2)
    list(itertools.islice(stream, 3))
    state = stream.state_dict()
    assert (state["epoch"], state["position"]) == (2, 3)
    for epoch, expected in ((2, KEPT[3:]), (1, KEPT)):
        resumed = PrunedStream(SAMPLES, keep_of())
        iter(resumed)  # as torchdata does before it loads
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state
        resumed.set_epoch(epoch)
        assert numbers(resumed) == expected
        assert numbers(resumed) == KEPT  # and once more from the start


def test_the_dataset_is_told_the_epoch():
    class Stream(list):
        epoch = 0

        def set_epoch(self, epoch):
            self.epoch = epoch

    inner = Stream(SAMPLES)
    stream = PrunedStream(inner, keep_of())
    stream.set_epoch(3)
    next(iter(stream))
    assert inner.epoch == 3


def state_of(**options):
    return PrunedStream(SAMPLES, keep_of(), **options).state_dict()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: state_of(num_replicas=2, rank=0), "num_replicas=2, and here is num_replicas=1"),
        (lambda: {**state_of(), "num_workers": 3}, "num_workers=3, and here is num_workers=0"),
        (lambda: PrunedStream(SAMPLES, keep_of([1])).state_dict(), "of another list"),
        (lambda: state_of(drop_last=True), "another 'drop_last'"),
        (lambda: PrunedStream(shards_of(SAMPLES), keep_of()).state_dict(), "order of shards"),
    ],
)
def test_a_state_of_something_else_is_refused(state, message):
    stream = PrunedStream(SAMPLES, keep_of())
    with pytest.raises(ValueError, match=message):
        stream.load_state_dict(state())


def test_a_state_that_is_loaded_outside_the_loader_does_not_serve_its_workers():
    stream = PrunedStream(SAMPLES, keep_of())
    stream.load_state_dict(state_of())
    with worker(0, 2), pytest.raises(ValueError, match="num_workers=0, and here is num_workers=2"):
        next(iter(stream))


def test_the_number_of_workers_that_was_told_is_checked():
    stream = PrunedStream(SAMPLES, keep_of(), num_workers=2)
    with pytest.raises(ValueError, match=r"that of its loader, 0. Got 2"):
        next(iter(stream))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_replicas": 0}, ValueError, "'num_replicas'"),
        ({"rank": 1}, ValueError, "'rank' parameter of PrunedStream must be below num_replicas=1"),
        ({"num_workers": -1}, ValueError, "'num_workers'"),
        ({"num_replicas": 8, "rank": 0, "drop_last": True}, ValueError, "7 examples on 8 ranks"),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        PrunedStream(SAMPLES, keep_of(), **options)


def test_a_keep_that_is_none():
    with pytest.raises(TypeError, match=r"must be a KeepList, or a function .* Got list"):
        PrunedStream(SAMPLES, lambda _: [1, 2])


@pytest.mark.parametrize("by_shard", [False, True])
def test_a_stream_without_what_the_list_keeps(by_shard):
    fewer = [sample for sample in SAMPLES if sample["__key__"] not in ("8", "9")]
    dataset = shards_of(fewer, shuffle=False) if by_shard else fewer
    of = "2 of the 3 examples .* shard 's2.tar'" if by_shard else "2 of the 7 examples .* stream"
    with pytest.raises(ValueError, match=of):
        list(PrunedStream(dataset, keep_of()))


@pytest.mark.parametrize("by_shard", [False, True])
def test_a_stream_with_a_key_twice(by_shard):
    more = [*SAMPLES[:9], SAMPLES[8], *SAMPLES[9:]]
    dataset = shards_of(more, shuffle=False) if by_shard else more
    with pytest.raises(ValueError, match="1 more examples"):
        list(PrunedStream(dataset, keep_of(), num_replicas=2, rank=1))


def test_a_shard_that_vanished():
    shards = shards_of(SAMPLES[:7])
    with pytest.raises(ValueError, match=r"1 shards .* 's2.tar': 3 of the 7 examples"):
        list(PrunedStream(shards, keep_of()))
    assert numbers(PrunedStream(shards, keep_of([0, 4]))) in ([0, 4], [4, 0])  # none is kept of it


def test_shards_need_a_list_that_knows_them():
    keep = KeepList.by_key([s["__key__"] for s in SAMPLES], KEPT)
    with pytest.raises(ValueError, match="does not know the shards"):
        list(PrunedStream(shards_of(SAMPLES), keep))


@pytest.mark.parametrize("urls", [[], ["a/x.tar", "b/x.tar"]])
def test_shards_have_names_of_their_own(urls):
    with pytest.raises(ValueError, match="'urls' parameter of Shards"):
        Shards(urls, lambda url, only: only(url))


def test_patterns():
    assert Shards("x-{9..11}.tar", None).urls == ["x-9.tar", "x-10.tar", "x-11.tar"]
    assert Shards("{a-1,b}.tar", None).urls == ["{a-1,b}.tar"]
    assert Shards("x{0..1}-{08..09}", None).urls == ["x0-08", "x0-09", "x1-08", "x1-09"]
    with pytest.raises(ValueError, match="runs backwards"):
        Shards("x-{3..1}.tar", None)
