"""Items in worker processes, and why one cannot be read."""

import os

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, Subset, TensorDataset
from torchvision.datasets import ImageFolder

from torch_cgprune import CGScoredDataset, UnreadableItemError, UnstableDatasetError
from torch_cgprune.inputs.reading import read_dataset, read_images, read_labels, read_rows

N = 5000


class OneFile(Dataset):
    """Rows of a file that is opened once: processes that are forked share its position."""

    def __init__(self, path, rows):
        path.write_bytes(rows.numpy().tobytes())
        self.file, self.n, self.size = path.open("rb", buffering=0), *rows.shape

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        self.file.seek(4 * self.size * index)
        row = self.file.read(4 * self.size)
        return torch.frombuffer(bytearray(row), dtype=torch.float32), index % 2


@pytest.fixture
def rows(rng):
    return torch.randn(N, 16, generator=rng)


def test_a_dataset_with_an_open_file_is_read_in_this_process(rows, tmp_path):
    dataset = OneFile(tmp_path / "rows", rows)
    features, labels = read_dataset(dataset, progress=False)
    dataset.file.close()
    assert torch.equal(features, rows)
    assert labels == [i % 2 for i in range(N)]


class Unsure(Dataset):
    """Rows of which a worker, in another process, reads some that are others'."""

    def __init__(self, rows, fails=False, every=40):
        self.rows, self.fails, self.every, self.home = rows, fails, every, os.getpid()

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        if os.getpid() != self.home and index % self.every == self.every - 1:
            if self.fails:
                raise OSError("the file ended")
            return self.rows[index - 1], index % 2
        return self.rows[index], index % 2


@pytest.mark.parametrize("read", [read_dataset, lambda *a, **o: [*read_images(*a, **o)]])
def test_workers_that_read_other_items_are_found_out(read, rows):
    with pytest.raises(
        UnstableDatasetError,
        match=r"^Item \d*[37]9 of the dataset is another in a worker process.*Pass num_workers=0",
    ):
        read(Unsure(rows), num_workers=2, progress=False)
    read(Unsure(rows), num_workers=0, progress=False)


def test_labels_that_workers_read_are_compared_too(rows):
    class Labels(Unsure):
        def __getitem__(self, index):
            return self.rows[index], index % 2 + (os.getpid() != self.home)

    with pytest.raises(UnstableDatasetError, match=r"^Item 0 .* another in a worker"):
        read_labels(Labels(rows), num_workers=1)


def test_an_error_that_only_workers_meet_is_told_as_such(rows):
    with pytest.raises(
        UnstableDatasetError,
        match=r"^Item 39 .* can be read in this process, and not in a worker process \(Item 39 of "
        r"the dataset cannot be read. OSError: the file ended\).*num_workers=0",
    ):
        read_dataset(Unsure(rows, fails=True), num_workers=1, progress=False)


def test_a_dataset_that_goes_to_no_other_process_needs_none(rows):
    """As one whose tensors are on a GPU."""

    class AtHome(TensorDataset):
        home = os.getpid()

        def __reduce__(self):
            raise TypeError("it stays")

        def __getitem__(self, index):
            assert os.getpid() == self.home
            return super().__getitem__(index)

    features, _ = read_dataset(AtHome(rows, torch.arange(N) % 2), progress=False)
    assert torch.equal(features, rows)


class Broken(Dataset):
    """Items of which one fails."""

    def __init__(self, bad, n=40):
        self.bad, self.n = bad, n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        if index == self.bad:
            raise KeyError("no such key")
        return torch.full((1, 2, 2), float(index)), index % 2


@pytest.mark.parametrize(
    "read",
    [
        lambda d, **o: read_dataset(d, progress=False, **o),
        lambda d, **o: [*read_images(d, first=3, batch_size=7, progress=False, **o)],
        lambda d, **o: read_labels(d, [1, 31, 17], **o),
        lambda d, num_workers: read_rows(d, [1, 31, 17]),  # noqa: ARG005 (a few rows need none)
        lambda d, num_workers: CGScoredDataset(d, num_workers=num_workers, progress=False),
    ],
    ids=["rows", "images", "labels", "a few", "scores"],
)
@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_item_that_fails_is_named_with_the_dataset_s_own_error_as_the_cause(read, num_workers):
    with pytest.raises(
        UnreadableItemError, match=r"^Item 31 of the dataset cannot be read. KeyError: 'no such key"
    ) as caught:
        read(Broken(31), num_workers=num_workers)
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.row == 31


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_file_that_cannot_be_read_is_named(num_workers, tmp_path):
    for i in range(20):
        path = tmp_path / "ab"[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), i, dtype=np.uint8)).save(path)
    folder = ImageFolder(tmp_path)
    bad = tmp_path / "a" / "12.png"
    bad.write_bytes(bad.read_bytes()[:40])
    for dataset, index in ((folder, 6), (Subset(folder, range(5, 20)), 1)):
        with pytest.raises(UnreadableItemError, match=rf"^Item {index} \('a/12.png'\) .*cannot"):
            read_dataset(dataset, num_workers=num_workers, progress=False)


def test_rows_with_nan_do_not_count_as_changed():
    x = torch.ones(4, 2)
    x[1, 0] = torch.nan
    assert read_dataset(TensorDataset(x), progress=False)[0].isnan().sum() == 1
