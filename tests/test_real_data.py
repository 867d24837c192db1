"""The whole way on Fashion-MNIST, from Debian's package dataset-fashion-mnist."""

import gzip
import shutil
from pathlib import Path

import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score
from torch.utils.data import DataLoader, Subset
from torchvision import transforms
from torchvision.datasets import FashionMNIST

from torch_cgprune import CGScoredDataset, PrunedSampler, cg_scores

PACKED = Path("/usr/share/datasets/fashion-mnist")

pytestmark = pytest.mark.skipif(
    not PACKED.is_dir(), reason="needs: apt-get install dataset-fashion-mnist"
)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for packed in PACKED.glob("*-ubyte.gz"):
        with gzip.open(packed) as source, (raw / packed.stem).open("wb") as target:
            shutil.copyfileobj(source, target)
    augment = transforms.Compose([transforms.RandomCrop(28, padding=2), transforms.ToTensor()])
    return FashionMNIST(root, transform=augment)


@pytest.mark.filterwarnings("ignore:low-first keeps")  # some are suspected, as clean as they are
@pytest.mark.slow
def test_from_the_dataset_to_the_loader(images, tmp_path):
    cache = tmp_path / "fmnist.safetensors"
    subset = Subset(images, range(0, 60_000, 30))
    train = CGScoredDataset(subset, cache=cache, progress=False)
    assert train.scores.labels.tolist() == images.targets[::30].tolist()
    pixels = images.data[::30].reshape(2000, -1) / 255
    assert torch.equal(
        train.scores.values, cg_scores(pixels, images.targets[::30], progress=False).values
    )
    loader = DataLoader(
        train,
        batch_size=128,
        sampler=PrunedSampler(train, keep=0.6, policy="low-first"),
        num_workers=2,
    )
    seen = torch.cat([y for _, y in loader])
    assert len(seen) == 1200
    expected = 0.6 * images.targets[::30].bincount()
    assert (seen.bincount() - expected).abs().max() < 1


@pytest.mark.slow
def test_wrong_labels_are_found(images):
    """Design section 2: F1 0.880 on 6,000 images with 20 % symmetric noise and ridge 0.1."""
    rng = torch.Generator().manual_seed(0)
    labels = images.targets[:3000].clone()
    flipped = torch.rand(3000, generator=rng) < 0.2
    labels[flipped] = (labels[flipped] + torch.randint(1, 10, (3000,), generator=rng)[flipped]) % 10
    scores = cg_scores(images.data[:3000], labels, ridge=0.1, progress=False)
    assert f1_score(flipped, scores.suspects) > 0.8
    assert roc_auc_score(flipped, scores.suspicion) > 0.95
    assert f1_score(flipped, scores.partial > 0) < 0.75  # the paper's sign is the weaker rule
