"""The data of the examples: digits from scikit-learn, Fashion-MNIST, or a folder of images."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset
from torchvision.datasets import FashionMNIST, ImageFolder
from torchvision.transforms import ToTensor

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist


def digits() -> tuple[TensorDataset, TensorDataset]:
    """1,797 images of 8x8 pixels that ship inside scikit-learn; every fourth one is for testing."""
    from sklearn.datasets import load_digits  # noqa: PLC0415

    bunch = load_digits()
    images = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(bunch.target)
    test = torch.arange(len(labels)) % 4 == 0
    return TensorDataset(images[~test], labels[~test]), TensorDataset(images[test], labels[test])


def fashion_mnist(root: Path) -> tuple[Dataset[Any], Dataset[Any]]:
    """Open Fashion-MNIST below ``root``, first unpacked from Debian's package if need be."""
    raw = root / "FashionMNIST" / "raw"
    if not raw.is_dir() and DEBIAN.is_dir():
        raw.mkdir(parents=True)
        for packed in DEBIAN.glob("*-ubyte.gz"):
            with gzip.open(packed) as source, (raw / packed.stem).open("wb") as target:
                shutil.copyfileobj(source, target)
    if not raw.is_dir():
        raise SystemExit(
            f"No Fashion-MNIST in {raw}: run 'apt-get install dataset-fashion-mnist', or "
            f"'torchvision.datasets.FashionMNIST({str(root)!r}, download=True)' in Python."
        )
    train, test = (FashionMNIST(root, train=is_train, transform=ToTensor()) for is_train in (1, 0))
    return train, test


def image_folder(root: Path) -> tuple[Dataset[Any], Dataset[Any]]:
    """Open ``root/train/<class>/*`` and ``root/test/<class>/*``."""
    train, test = (ImageFolder(root / part, transform=ToTensor()) for part in ("train", "test"))
    return train, test


def load(name: str, root: Path) -> tuple[Dataset[Any], Dataset[Any]]:
    """Return the training and the test set called ``name``, or in the folder of that name."""
    if name == "digits":
        return digits()
    return fashion_mnist(root) if name == "fashion-mnist" else image_folder(Path(name))


def in_memory(dataset: Dataset[Any]) -> tuple[Tensor, Tensor]:
    """Read all images and labels, so that the trainings do not measure JPEG decoding."""
    if isinstance(dataset, TensorDataset):
        images, labels = dataset.tensors
        return images, labels
    loader = torch.utils.data.DataLoader(dataset, batch_size=500, num_workers=2)
    batches = list(loader)
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])
