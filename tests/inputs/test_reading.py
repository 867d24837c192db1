import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset
from torchvision import transforms
from torchvision.datasets import FakeData, ImageFolder

from torch_cgprune import UnstableDatasetError
from torch_cgprune.inputs.reading import read_dataset, read_labels, read_rows
from torch_cgprune.inputs.rows import as_matrix
from torch_cgprune.inputs.views import deterministic_view


class Items(Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def read(dataset, **options):
    return read_dataset(dataset, progress=False, **options)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(1, 256, (6, 5, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "convert",
    [
        Image.fromarray,
        lambda a: a,
        torch.from_numpy,
        lambda a: a.astype(np.float32) / np.float32(255),
    ],
    ids=["pil", "numpy", "tensor", "float"],
)
def test_images_of_any_kind_are_the_same_rows_in_0_to_1(convert, pixels):
    features, labels = read(Items([(convert(image), i % 2) for i, image in enumerate(pixels)]))
    torch.testing.assert_close(features, torch.from_numpy(pixels.reshape(6, -1) / 255).float())
    assert features.dtype == torch.float32
    assert labels == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16", "F"])
def test_pil_modes(mode, pixels):
    image = (
        Image.new(mode, (4, 5), 1) if mode == "I;16" else Image.fromarray(pixels[0]).convert(mode)
    )
    features, _ = read(Items([(image, 0)] * 2))
    assert features.shape == (2, 20 * {"P": 3, "RGB": 3, "RGBA": 4}.get(mode, 1))
    assert torch.isfinite(features).all()


def test_items_without_label_lists_and_more_fields(pixels):
    assert read(Items([*pixels]))[1] is None
    assert read(Items([[image, np.int64(3), "path"] for image in pixels]))[1] == [3] * 6
    assert read(Items([(image, torch.tensor(4)) for image in pixels]))[1] == [4] * 6
    assert read(Items([(image, "a") for image in pixels]))[1] == ["a"] * 6


@pytest.mark.parametrize("num_workers", [0, 2])
def test_workers_read_the_same_in_order(num_workers):
    x, y = torch.randn(1000, 3), torch.arange(1000)
    features, labels = read(TensorDataset(x, y), num_workers=num_workers)
    assert torch.equal(features, x)
    assert labels == y.tolist()


def test_choosing_the_workers_leaves_the_start_method_open():
    script = """
import multiprocessing
from torch_cgprune.inputs import loading
loading.workers_for(10**6)
multiprocessing.set_start_method("spawn")
assert loading.workers_for(10**6) == 0
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_float64_stays_float64():
    x = torch.randn(5, 3, dtype=torch.float64)
    assert torch.equal(read(TensorDataset(x, torch.arange(5)))[0], x)


def augmented(**options):
    return FakeData(
        size=20,
        image_size=(3, 6, 6),
        num_classes=3,
        transform=transforms.Compose(
            [
                transforms.RandomCrop(6, padding=2),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
            ]
        ),
        **options,
    )


def raw(transform=None):
    return FakeData(size=20, image_size=(3, 6, 6), num_classes=3, transform=transform)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda d: d,
        lambda d: Subset(d, [3, 1, 2]),
        lambda d: ConcatDataset([d, Subset(d, [0])]),
        lambda d: Subset(ConcatDataset([d, d]), [25, 0]),
    ],
    ids=["plain", "subset", "concat", "nested"],
)
def test_training_augmentation_is_never_seen(wrap):
    dataset = wrap(augmented())
    expected, labels = read(wrap(raw()))
    got = read(dataset)
    assert torch.equal(got[0], expected)
    assert got[1] == labels
    inner = dataset
    while isinstance(inner, Subset | ConcatDataset):
        inner = inner.dataset if isinstance(inner, Subset) else inner.datasets[0]
    assert isinstance(inner.transform, transforms.Compose)  # the training transform is still there


def test_a_given_transform_takes_the_place_of_the_training_transform():
    resize = transforms.Resize(3)
    expected, _ = read(Items([raw(resize)[i] for i in range(20)]))
    got, _ = read(augmented(), transform=resize)
    assert got.shape == (20, 27)
    assert torch.equal(got, expected)


def test_a_target_transform_is_kept():
    _, labels = read(augmented(target_transform=lambda y: y + 100))
    assert min(labels) >= 100


def test_a_transform_follows_any_other_dataset():
    doubled, labels = read(
        Items([(torch.ones(2), 7), (torch.ones(2), 8)]), transform=lambda x: 2 * x
    )
    assert doubled.tolist() == [[2, 2], [2, 2]]
    assert labels == [7, 8]
    assert read(Items([torch.ones(2)]), transform=lambda x: 3 * x)[0].tolist() == [[3, 3]]


class Augmented(Dataset):
    """A user's own dataset with a random flip: nothing tells from outside."""

    def __init__(self, n=50):
        self.x = torch.arange(n * 2.0).reshape(n, 2) + 1

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        row = self.x[index]
        return (row.flip(0) if torch.rand(()) < 0.5 else row), 0


def test_a_dataset_that_changes_is_refused_with_the_cure():
    with pytest.raises(
        UnstableDatasetError, match=r"Item \d+ .* changed between two reads.*features="
    ):
        read(Augmented())


def test_labels_that_change_are_refused_too():
    class Labels(Items):
        count = 0

        def __getitem__(self, index):
            self.count += 1
            return torch.ones(2), self.count

    with pytest.raises(UnstableDatasetError):
        read(Labels([0] * 5))


def test_labels_that_are_not_the_expected(pixels):
    with pytest.raises(ValueError, match=r"item 0 the label 1, the item itself 0. Pass labels="):
        read(Items([(image, 0) for image in pixels]), expected=[1] * 6)


def test_images_of_different_sizes_name_the_cure(pixels):
    mixed = [(pixels[0], 0), (pixels[1][:3], 0)]
    found = r"differ in shape: \(5, 4, 3\) and \(3, 4, 3\)"
    with pytest.raises(ValueError, match=rf"{found}.*transform.*Resize"):
        read(Items(mixed))
    later = [(pixels[0], 0)] * 256 + [(pixels[1][:3], 0)] * 10
    with pytest.raises(ValueError, match=rf"{found} \(from item 256 on\)"):
        read(Items(later))


@pytest.mark.parametrize("before", [1, 256])
def test_images_of_as_many_numbers_but_another_shape_are_refused(pixels, before):
    """A portrait among landscapes: no pixel of it lies where theirs do."""
    turned = [(pixels[0], 0)] * before + [(pixels[1].transpose(1, 0, 2), 0)] * 10
    with pytest.raises(ValueError, match=r"differ in shape: \(5, 4, 3\) and \(4, 5, 3\)"):
        read(Items(turned))


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA"])
def test_a_grey_image_among_colours_is_to_be_converted(mode, pixels):
    images = [Image.fromarray(image) for image in pixels]
    images[3] = images[3].convert(mode)
    with pytest.raises(
        ValueError, match=r"differ in their channels.*\(5, 4, 3\).*convert\('RGB'\)"
    ):
        read(Items([(image, 0) for image in images]))
    dataset = Items([(image, 0) for image in images])
    assert len(read(dataset, transform=lambda image: image.convert("RGB"))[0]) == 6


def test_a_grey_tensor_among_colours_is_no_other_size():
    tensors = [torch.ones(3, 9, 9), torch.ones(1, 9, 9)]
    with pytest.raises(ValueError, match="differ in their channels"):
        read(Items([(image, 0) for image in tensors]))


def test_what_cannot_be_read():
    class Stream(IterableDataset):
        def __iter__(self):
            yield torch.ones(2), 0

    with pytest.raises(TypeError, match=r"map-style.*Got Stream"):
        read(Stream())
    with pytest.raises(ValueError, match="empty"):
        read(Items([]))
    with pytest.raises(TypeError, match=r"Item 0 .* a text.*if it is a path, a 'transform'"):
        read(Items([("image.jpg", 0)]))


def test_an_image_folder(tmp_path, pixels):
    for i, image in enumerate(pixels):
        folder = tmp_path / f"class {i % 2} <ä>"
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / f"{i}.png")
    folder = ImageFolder(tmp_path, transform=transforms.RandomHorizontalFlip())
    features, labels = read(folder)
    assert labels == [0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(
        features, torch.from_numpy(pixels[[0, 2, 4, 1, 3, 5]].reshape(6, -1) / 255).float()
    )


def test_a_few_rows_are_the_rows_of_the_whole(pixels):
    dataset = Items([(image, i) for i, image in enumerate(pixels)])
    whole, _ = read(dataset)
    rows, labels = read_rows(dataset, [4, 1])
    assert torch.equal(rows, whole[[4, 1]])
    assert labels == [4, 1]
    rows, labels = read_rows(whole.numpy(), [4, 1])
    assert torch.equal(rows, whole[[4, 1]])
    assert labels is None
    assert read_labels(dataset, [4, 1]) == [4, 1]
    assert read_labels(dataset) == [*range(6)]


def test_arrays_are_taken_without_a_copy_and_bytes_become_0_to_1(tmp_path):
    x = torch.randn(4, 2, 3)
    assert as_matrix(x).data_ptr() == x.data_ptr()
    assert as_matrix(np.full((2, 2), 255, dtype=np.uint8)).tolist() == [[1, 1], [1, 1]]
    path = tmp_path / "x.npy"
    np.save(path, x.numpy())
    assert torch.equal(as_matrix(np.load(path, mmap_mode="r")), x.reshape(4, 6))


def test_progress_counts_items(capsys):
    read_dataset(TensorDataset(torch.randn(10, 2), torch.arange(10)), progress=True)
    assert "Reading items: 100%" in capsys.readouterr().err


def test_the_view_leaves_the_original_alone():
    dataset = augmented()
    view = deterministic_view(dataset, None)
    assert dataset.transform is not None
    assert view.transform is None
    assert isinstance(view[0][0], Image.Image)
    other = Items([])
    assert deterministic_view(other, None) is other


def test_a_subclass_that_changes_its_items_is_read_as_it_is():
    class Relabelled(Subset):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return 2 * x, 1 - y

        def __getitems__(self, indices):
            return [self[i] for i in indices]

    inner = TensorDataset(torch.ones(2, 1), torch.tensor([0, 1]))
    features, labels = read(Relabelled(inner, [0, 1]))
    assert features.tolist() == [[2], [2]]
    assert labels == [1, 0]


def test_any_map_style_collection_is_a_dataset(pixels):
    features, labels = read([(image, i) for i, image in enumerate(pixels)])
    assert len(features) == 6
    assert labels == [*range(6)]


def test_global_random_states_are_left_alone():
    class Thrifty(Items):
        def __getitem__(self, index):
            torch.rand(1)
            random.random()
            np.random.rand()  # noqa: NPY002
            return super().__getitem__(index)

    before = torch.random.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    read(Thrifty([(torch.ones(2), 0)] * 300))
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]  # noqa: NPY002
