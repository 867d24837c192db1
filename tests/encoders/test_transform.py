"""What an encoder does to each image or text before it is one of a batch."""

import functools

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms

from torch_cgprune import CacheMismatchError, CGScoredDataset, Encoder, UnstableDatasetError
from torch_cgprune.dataset.source import Source
from torch_cgprune.encoders import encode_dataset
from torch_cgprune.errors import ArgumentTypeError, UnreadableItemError

SIZES = [(9, 7), (5, 12), (30, 20)]
to_tensor = transforms.Compose([transforms.Resize((6, 6)), transforms.ToTensor()])
WORDS = ["ant", "bee", "cat", ""]


def photographs(n=24, seed=0):
    """Images of different sizes, of two classes, brighter in one than in the other."""
    rng = np.random.default_rng(seed)
    items = []
    for i in range(n):
        pixels = rng.integers(0, 128, (*SIZES[i % 3], 3)) + 100 * (i % 2)
        items.append((Image.fromarray(pixels.astype(np.uint8)), i % 2))
    return items


def texts(n=24):
    return [(f"{WORDS[i % 4]} {i // 4} ä\n", i % 2) for i in range(n)]


def letters(text, length=8):
    """The code points of a text's beginning, with zeros beyond its end."""
    return torch.tensor([*map(ord, text[:length]), *[0] * (length - len(text))])


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 36, 5))


def by_hand(network, items):
    with torch.no_grad():
        return network(torch.stack([to_tensor(image) for image, _ in items]))


@pytest.mark.parametrize("num_workers", [None, 2])
def test_photographs_of_different_sizes_are_encoded(network, num_workers):
    items = photographs()
    encoder = Encoder(network, transform=to_tensor, batch_size=7)
    got, labels = encode_dataset(items, encoder, num_workers=num_workers, progress=False)
    torch.testing.assert_close(got.features, by_hand(network, items))
    assert labels == [label for _, label in items]
    train = CGScoredDataset(items, features=encoder, progress=False)
    assert train.scores.classes == (0, 1)


def test_it_follows_the_dataset_s_own_transform(network):
    items = photographs()
    flipped = transforms.functional.hflip
    got, _ = encode_dataset(
        items, Encoder(network, transform=to_tensor), transform=flipped, progress=False
    )
    expected = by_hand(network, [(flipped(image), label) for image, label in items])
    torch.testing.assert_close(got.features, expected)


def test_texts_are_encoded_and_without_an_encoder_the_error_names_one():
    items = texts()
    table = nn.Embedding(1000, 4, _weight=torch.randn(1000, 4))
    encoder = Encoder(nn.Sequential(table, nn.Flatten()), transform=letters)
    got, _ = encode_dataset(items, encoder, progress=False)
    expected = table(torch.stack([letters(text) for text, _ in items])).flatten(1)
    torch.testing.assert_close(got.features, expected.detach())
    assert got.digests.unique().numel() == len({text for text, _ in items})
    with pytest.raises(
        ArgumentTypeError,
        match=r"Item 0 .* text, 'ant 0 ä'.*features=encoders.load\('transformers:NAME'\)",
    ):
        CGScoredDataset(items, progress=False)


def test_items_are_known_by_their_own_content_whatever_the_encoder_makes_of_them(network):
    """So a page of scores finds its source again without the encoder."""
    items = photographs()
    smaller = transforms.Compose([transforms.Resize((3, 3)), transforms.ToTensor()])
    one = CGScoredDataset(items, features=Encoder(network, transform=to_tensor), progress=False)
    other = Encoder(nn.Flatten(), transform=smaller)
    other = CGScoredDataset(items, features=other, progress=False)
    assert torch.equal(one.scores.digests, other.scores.digests)
    Source(items, None, None, transform=None).check_content(one.scores, "s.safetensors")
    changed = Source(photographs(seed=1), None, None, transform=None)
    with pytest.raises(CacheMismatchError, match="other features"):
        changed.check_content(one.scores, "s.safetensors")


@pytest.mark.parametrize("verify", ["sample", "full"])
@pytest.mark.parametrize("items", [photographs(), texts()], ids=["images", "texts"])
def test_scores_are_found_again_and_refused_for_another_transform(
    items, verify, tmp_path, monkeypatch
):
    is_text = isinstance(items[0][0], str)
    prepare = letters if is_text else to_tensor
    options = {"cache": tmp_path / "s.safetensors", "progress": False, "verify": verify}
    module = nn.Flatten()

    def encoder(transform):
        return Encoder(module, transform=transform)

    first = CGScoredDataset(items, features=encoder(prepare), **options)
    monkeypatch.setattr("torch_cgprune.dataset.source.encode_dataset", None)
    again = CGScoredDataset(items, features=encoder(prepare), **options)
    assert not again.computed
    assert torch.equal(again.scores.values, first.scores.values)
    changed = functools.partial(letters, length=9) if is_text else transforms.ToTensor()
    with pytest.raises(CacheMismatchError, match="another encoder"):
        CGScoredDataset(items, features=encoder(changed), **options)


def test_features_in_a_file_are_refused_for_another_transform(network, tmp_path):
    items, path = photographs(), tmp_path / "f.safetensors"
    encode_dataset(items, Encoder(network, transform=to_tensor, cache=path), progress=False)
    other = transforms.Compose([transforms.Resize((6, 6)), transforms.ToTensor(), torch.neg])
    with pytest.raises(CacheMismatchError, match="'transform'"):
        encode_dataset(items, Encoder(network, transform=other, cache=path), progress=False)


def test_the_identity_has_the_transform():
    module = nn.Flatten()
    known = [
        Encoder(module, transform=transform).identity
        for transform in (None, to_tensor, transforms.ToTensor(), letters)
    ]
    assert len({*known}) == 4
    assert None not in known
    unnamed = Encoder(module, transform=lambda image: to_tensor(image)[:1])
    assert unnamed.identity == Encoder(module, transform=unnamed.transform).identity


def test_what_nothing_tells_from_another_is_unknown():
    encoder = Encoder(nn.Flatten(), transform=lambda text: torch.ones(3) * len(text))
    assert encoder.identity is None
    assert "without a name" in encoder.unknown
    assert Encoder(nn.Flatten(), transform=letters).unknown is None


def drawn(image):
    return to_tensor(image) + torch.rand(1)


def failing(image):
    raise KeyError(image.size)


def no_tensor(image):
    return image.size


@pytest.mark.parametrize(
    ("transform", "error", "match"),
    [
        (drawn, UnstableDatasetError, "changed between two reads"),
        (failing, UnreadableItemError, r"Item 0 .*cannot be prepared.*KeyError: \(7, 9\)"),
        (no_tensor, ArgumentTypeError, "must make a tensor of an item. Got tuple"),
        (transforms.ToTensor(), ValueError, "images differ in shape"),
    ],
)
def test_a_bad_transform_is_told(transform, error, match, network):
    with pytest.raises(error, match=match):
        encode_dataset(photographs(), Encoder(network, transform=transform), progress=False)


def test_it_must_be_a_function():
    with pytest.raises(TypeError, match=r"'transform' of an Encoder must be a function. Got int"):
        Encoder(nn.Flatten(), transform=3)


def test_the_column_of_an_encoder_is_read(network):
    items = [{"photo": image, "kind": label} for image, label in photographs()]
    encoder = Encoder(network, transform=to_tensor, column="photo")
    got, labels = encode_dataset(items, encoder, progress=False)
    torch.testing.assert_close(got.features, by_hand(network, photographs()))
    assert labels is None
    train = CGScoredDataset(items, features=encoder, labels="kind", progress=False)
    assert train.scores.labels.tolist() == [label for _, label in photographs()]
