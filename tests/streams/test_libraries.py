"""Keep lists and pruned streams in webdataset, datasets and torchdata as they are."""

import copy
import gc
import itertools
import warnings

import pytest
import tars
from torch.utils.data import DataLoader

from torch_cgprune.streams import KeepList, PrunedStream, Shards

wds = pytest.importorskip("webdataset")
datasets = pytest.importorskip("datasets")
torchdata = pytest.importorskip("torchdata.stateful_dataloader")

pytestmark = [
    pytest.mark.slow,  # in processes of its own
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # more workers than cores
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),  # webdataset's own
    pytest.mark.filterwarnings("ignore:Length of IterableDataset"),  # torch does not know workers
]

SIZES = (7, 8, 5, 9, 6)
KEPT = [i for i in range(sum(SIZES)) if i % 5 not in (1, 2)]


@pytest.fixture(autouse=True)
def _left_open():
    """Let what webdataset leaves open be closed here, and not where warnings are errors."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Data:
    """Shards of numbers, and the list of some."""

    def __init__(self, folder):
        self.paths, self.keys = tars.number_shards(folder, SIZES)
        self.shards = [
            path for path, size in zip(self.paths, SIZES, strict=True) for _ in range(size)
        ]

    def keep(self, kept=KEPT, key="__key__"):
        return KeepList.by_key(self.keys, kept, key=key, shards=self.shards)

    def by_position(self):
        firsts = itertools.accumulate([0, *SIZES])
        kept = {
            path: [i - first for i in KEPT if first <= i < first + size]
            for path, size, first in zip(self.paths, SIZES, firsts, strict=False)
        }
        return KeepList.by_position(dict(zip(self.paths, SIZES, strict=True)), kept)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return Data(tmp_path_factory.mktemp("shards"))


def whole(urls):
    return wds.WebDataset(urls, shardshuffle=False, nodesplitter=None, workersplitter=None)


def number(sample):
    return int(sample["txt"])


def read(url, only):
    return whole(url).compose(only).decode().map(number)


def test_webdataset_selects_by_a_list(data):
    assert [*map(number, whole(data.paths).select(data.keep()))] == KEPT
    for keep in (data.keep(), data.by_position()):
        assert [*whole(data.paths).compose(keep.only).decode().map(number)] == KEPT


def test_webdataset_selects_in_workers_of_its_own(data):
    split = wds.WebDataset(data.paths, shardshuffle=False).select(data.keep()).map(number)
    assert sorted(DataLoader(split, batch_size=None, num_workers=2)) == KEPT


def test_a_shuffled_pipeline_selects_by_key(data):
    shuffled = wds.WebDataset(data.paths, shardshuffle=5, seed=1).select(data.keep()).shuffle(9)
    assert sorted(map(number, shuffled)) == KEPT


def hf(data, shards=3):
    table = {"id": data.keys, "n": [*range(len(data.keys))]}
    return datasets.Dataset.from_dict(table).to_iterable_dataset(num_shards=shards)


def test_datasets_filter_by_a_list(data):
    keep = data.keep(key="id")
    assert [row["n"] for row in hf(data).filter(keep)] == KEPT
    rows = datasets.Dataset.from_dict({"id": data.keys}).filter(keep)
    assert rows["id"][:] == [data.keys[i] for i in KEPT]


@pytest.mark.parametrize("workers", [0, 2, 4])  # more than its shards
def test_a_stream_of_datasets_in_workers(data, workers):
    found = []
    for rank in range(2):
        stream = PrunedStream(hf(data), data.keep(key="id"), num_replicas=2, rank=rank)
        found += [row["n"] for row in DataLoader(stream, batch_size=None, num_workers=workers)]
        assert len(found) == (rank + 1) * len(stream)
    assert {*found} == {*KEPT}


def test_webdataset_that_splits_by_itself_is_refused(data):
    split = wds.WebDataset(data.paths, shardshuffle=False)
    loader = DataLoader(PrunedStream(split, data.keep()), batch_size=None, num_workers=2)
    with pytest.raises(ValueError, match="workersplitter=None"):
        list(loader)


def stream(data, kind, rank=0):
    if kind == "shards":
        return PrunedStream(Shards(data.paths, read), data.keep(), num_replicas=2, rank=rank)
    if kind == "positions":
        dataset = Shards(data.paths, read, shuffle=False)
        return PrunedStream(dataset, data.by_position(), num_replicas=2, rank=rank)
    if kind == "epochs":
        lists = [data.keep(KEPT[epoch:]) for epoch in range(4)]
        dataset = Shards(data.paths, read)
        return PrunedStream(dataset, lists.__getitem__, num_replicas=2, rank=rank)
    if kind == "datasets":
        rows = hf(data).shuffle(seed=3, buffer_size=4).map(lambda row: {"txt": row["n"]})
        return PrunedStream(rows, data.keep(key="id"), num_replicas=2, rank=rank)
    return PrunedStream(whole(data.paths), data.keep(), num_replicas=2, rank=rank)


def loader_of(data, kind, workers, **options):
    return torchdata.StatefulDataLoader(
        stream(data, kind), batch_size=3, num_workers=workers, collate_fn=plain, **options
    )


def plain(items):
    return [item if isinstance(item, int) else number(item) for item in items]


EPOCHS = 3


def run(loader, first, *, choose=True):
    """Return the batches of the epochs from ``first`` on, and the states after each."""
    epochs, states = [], []
    for epoch in range(first, EPOCHS):
        if choose:
            loader.dataset.set_epoch(epoch)
        iterator = iter(loader)
        states.append([copy.deepcopy(loader.state_dict())])
        epochs.append([])
        for batch in iterator:
            epochs[-1].append(batch)
            states[-1].append(copy.deepcopy(loader.state_dict()))
        states[-1].append(copy.deepcopy(loader.state_dict()))
    return epochs, states


@pytest.mark.parametrize("options", [{}, {"persistent_workers": True}])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["samples", "shards", "positions", "epochs", "datasets"])
def test_a_resumed_loader_goes_on_as_one_that_was_not_stopped(data, kind, workers, options):
    if options and not workers:
        pytest.skip("no workers that could persist")
    epochs, states = run(loader_of(data, kind, workers, **options), 0)
    for found in epochs:
        delivered = [*itertools.chain(*found)]
        assert len(delivered) == len({*delivered}) > 8
    for epoch, place in ((0, 1), (1, 0), (1, 3), (1, -2), (1, -1), (2, 2)):
        resumed = loader_of(data, kind, workers, **options)
        resumed.load_state_dict(states[epoch][place])
        if place == -1:
            expected, first = epochs[epoch + 1 :], epoch + 1
        else:
            rest = epochs[epoch][place if place >= 0 else len(epochs[epoch]) :]
            expected, first = [rest, *epochs[epoch + 1 :]], epoch
        assert run(resumed, first)[0] == expected, (epoch, place)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_second_resume_adds_up(data, workers):
    expected, _ = run(loader_of(data, "shards", workers), 0)
    got, state = [], None
    for batches in (1, 0, 2, 100):
        loader = loader_of(data, "shards", workers)
        if state is not None:
            loader.load_state_dict(state)
        loader.dataset.set_epoch(0)
        got += [*itertools.islice(loader, batches)]
        state = loader.state_dict()
    assert got == expected[0]


def state_in(loader):
    """Return the state after a batch, of a loader that goes on to its end: it stops sooner."""
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    list(iterator)
    return state


def test_another_number_of_workers_is_refused(data):
    state = state_in(loader_of(data, "shards", 2))
    resumed = loader_of(data, "shards", 3)
    resumed.load_state_dict(state)
    with pytest.raises(ValueError, match="num_workers=2, and here is num_workers=3"):
        iter(resumed)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_state_of_another_list_is_refused(data, workers):
    state = state_in(loader_of(data, "shards", workers))
    other = PrunedStream(Shards(data.paths, read), data.keep([1, 2]), num_replicas=2, rank=0)
    resumed = torchdata.StatefulDataLoader(other, batch_size=3, num_workers=workers)
    resumed.load_state_dict(state)
    with pytest.raises(ValueError, match="of another list"):
        next(iter(resumed))
