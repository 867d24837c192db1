"""Items that a dataset fails to give: told by index and file, from worker processes too."""

import os

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, Subset, get_worker_info
from torchvision.datasets import ImageFolder
from torchvision.transforms import ToTensor

from torch_cgprune import CGScoredDataset
from torch_cgprune.errors import UnreadableItemError
from torch_cgprune.inputs.reading import read_dataset, read_images, read_labels

N, BAD = 40, 21  # which no probe looks at


class Failing(Dataset):
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return N

    def __getitem__(self, index):
        if index == BAD:
            raise self.error
        return torch.full((2, 3, 3), index + 1.0), index % 2


class OddError(Exception):
    """One that cannot be made again of its text, as pickle and DataLoader try."""

    def __init__(self, code, reason):
        super().__init__(f"{code} for {reason}")
        self.reason = lambda: reason


def read(dataset, **options):
    return read_dataset(dataset, progress=False, **options)


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize(
    "error",
    [KeyError("id"), RuntimeError("no\nluck"), OddError(7, "x"), IndexError(), MemoryError()],
)
def test_any_error_of_a_dataset_names_the_item(error, num_workers):
    with pytest.raises(
        UnreadableItemError, match=f"^Item {BAD} of the dataset cannot be read"
    ) as caught:
        read(Failing(error), num_workers=num_workers)
    assert type(error).__name__ in str(caught.value)
    assert caught.value.row == BAD
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("num_workers", [0, 1])
def test_so_do_labels_and_images_for_encoders(num_workers):
    dataset = Failing(KeyError("id"))
    with pytest.raises(UnreadableItemError, match=f"^Item {BAD} of"):
        read_labels(dataset, num_workers=num_workers)
    with pytest.raises(UnreadableItemError, match=f"^Item {BAD} of"):
        [*read_images(dataset, first=20, num_workers=num_workers, progress=False)]


class Deadly(Failing):
    """Its items end the worker that reads them, as one does that runs out of memory."""

    def __getitem__(self, index):
        if index == BAD and get_worker_info() is not None:
            os._exit(3)
        return torch.full((2, 3, 3), index + 1.0), index % 2


def test_a_worker_that_dies_is_told_as_such():
    with pytest.raises(
        UnreadableItemError, match=r"^A worker process ended .*Pass num_workers=0"
    ) as caught:
        read(Deadly(None), num_workers=1)
    assert caught.value.row is None


def test_an_item_of_nothing_is_no_image():
    with pytest.raises(TypeError, match=r"^Item 0 .*must start with a PIL image.*Got tuple"):
        read([(), ()])


@pytest.mark.parametrize("number", [-1, 1.5, "2", True])
def test_a_number_of_workers_is_an_integer(number):
    with pytest.raises((TypeError, ValueError), match=r"'num_workers' .*at least 0. Got"):
        CGScoredDataset(Failing(None), num_workers=number)


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: Subset(d, [*range(1, N)])])
def test_a_truncated_image_is_named(tmp_path, num_workers, wrap):
    rng = np.random.default_rng(0)
    for i in range(N):
        path = tmp_path / "ab"[i // 20] / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(path)
    path = tmp_path / "b" / f"{BAD}.png"
    path.write_bytes(path.read_bytes()[:150])
    dataset = wrap(ImageFolder(tmp_path, transform=ToTensor()))
    index = BAD - (N - len(dataset))
    with pytest.raises(
        UnreadableItemError, match=rf"^Item {index} \('b/{BAD}.png'\) .*truncated"
    ) as caught:
        CGScoredDataset(dataset, num_workers=num_workers, progress=False)
    assert isinstance(caught.value.__cause__, OSError)
