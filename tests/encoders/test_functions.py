"""Functions around networks: what they reach, how they are known again, and how they are run."""

# ruff: noqa: PLW0108 (lambdas around networks are what this is about)
import contextlib
import functools
import io
import logging
import re
import threading
import types
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset
from torchvision import models

from torch_cgprune import CGScoredDataset, CGScores, Encoder
from torch_cgprune.encoders import encode_dataset
from torch_cgprune.encoders.reach import networks


class Net(nn.Module):
    """A batch norm that must not learn, and a dropout that must not drop."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.conv, self.norm, self.drop = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)

    def forward(self, images):
        return self.drop(self.norm(self.conv(images)).relu()).mean((2, 3))

    def encode(self, images):
        return self(images)


class Holder:
    """An object around a network, by way of a method of its own."""

    def __init__(self, net, power=1):
        self.parts, self.power = {"net": [net]}, power

    def __call__(self, images):
        return self.run(images)

    def run(self, images):
        return self.parts["net"][0](images) ** self.power


class Hidden(nn.Module):
    """A network that does not register the one in it."""

    def __init__(self, net):
        super().__init__()
        self.parts = [net]

    def forward(self, images):
        return self.parts[0](images)


class Global(nn.Module):
    """A network around a global one."""

    def forward(self, images):
        return GLOBAL(images)


class GlobalHolder:
    """An object that comes to a global network in a method that it calls."""

    def __call__(self, images):
        return self.run(images)

    def run(self, images):
        return GLOBAL(images)


GLOBAL = Net(0)
ELSEWHERE = types.ModuleType("elsewhere")


def apply(net, images, power=1):
    return net(images) ** power


def call_global(images):
    return GLOBAL(images)


def call_named(images):
    return [call_global(image[None])[0] for image in images] and call_global(images)


def through_closure(net):
    def encode(images):
        return net(images)

    return encode


def weighted(net, weights):
    return lambda images: net(images) * weights


def around(net, name):
    """Make the function of this name around a network."""
    globals()["GLOBAL"] = ELSEWHERE.net = net
    return {
        "closure": lambda: lambda images: net(images),
        "named closure": lambda: through_closure(net),
        "nested": lambda: lambda images: next(f(images) for f in [lambda x: net(x)]),
        "default": lambda: lambda images, net=net: net(images),
        "partial": lambda: functools.partial(apply, net),
        "partial by keyword": lambda: functools.partial(lambda images, net: net(images), net=net),
        "bound method": lambda: net.encode,
        "method of an object": lambda: Holder(net).run,
        "object": lambda: Holder(net),
        "decorated": lambda: torch.no_grad()(lambda images: net(images)),
        "global": lambda: call_global,
        "global by another": lambda: call_named,
        "global in a lambda": lambda: lambda images: GLOBAL(images),
        "in another module": lambda: lambda images: ELSEWHERE.net(images),
        "global of an object": GlobalHolder,
        "hidden in a list": lambda: Hidden(net),
        "global of a network": Global,
    }[name]()


WAYS = [
    *("closure", "named closure", "nested", "default", "partial", "partial by keyword"),
    *("bound method", "method of an object", "object", "decorated", "global", "global by another"),
    *("global in a lambda", "in another module", "global of an object", "hidden in a list"),
    "global of a network",
]


@pytest.fixture
def data(rng):
    return TensorDataset(torch.rand(30, 3, 8, 8, generator=rng), torch.arange(30) % 3)


def encoded(data, function, **options):
    return encode_dataset(data, Encoder(function, **options), progress=False)[0].features


@pytest.mark.parametrize("way", WAYS)
def test_a_network_that_is_reached_is_known_by_its_weights(way):
    one, again = (Encoder(around(Net(0), way)).identity for _ in range(2))
    other = Encoder(around(Net(1), way)).identity
    assert one == again
    assert one is not None
    assert one != other


@pytest.mark.parametrize("way", WAYS)
def test_a_network_that_is_reached_runs_in_eval_mode_and_is_afterwards_as_before(way, data):
    net = Net(0).train()
    net.drop.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    got = encoded(data, around(net, way), batch_size=10)
    assert [part.training for part in (net, net.conv, net.norm, net.drop)] == [True] * 3 + [False]
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    with torch.no_grad():
        torch.testing.assert_close(got, net.eval()(data.tensors[0]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda n: lambda x: n(x) + 1, lambda n: lambda x: n(x) + 2),
        (lambda n: lambda x: n(x).relu(), lambda n: lambda x: n(x).sin()),
        (lambda n: functools.partial(apply, n), lambda n: functools.partial(apply, n, power=2)),
        (Holder, lambda n: Holder(n, power=2)),
        (lambda n: weighted(n, np.ones(4)), lambda n: weighted(n, np.zeros(4))),
        (lambda n: weighted(n, torch.ones(4)), lambda n: weighted(n, torch.zeros(4))),
        (lambda n: n, lambda n: n.encode),
    ],
    ids=["constant", "method", "keyword", "attribute", "array", "tensor", "another method"],
)
def test_what_else_shapes_the_features_is_part_of_the_identity(one, other):
    net = Net(0)
    assert Encoder(one(net)).identity == Encoder(one(net)).identity
    assert Encoder(one(net)).identity != Encoder(other(net)).identity


def test_a_function_with_a_name_is_known_by_it():
    def local(images):
        return images

    assert Encoder(apply).identity == Encoder(apply).identity
    assert Encoder(apply).identity != Encoder(call_global).identity
    assert Encoder(local).identity is None


def test_networks_are_known_whatever_their_libraries_hold():
    resnet = models.resnet18()
    assert Encoder(resnet).identity is not None
    assert Encoder(resnet._forward_impl).identity is not None
    assert networks(resnet._forward_impl) == [resnet]


LOCK = threading.Lock()
LOG = logging.getLogger(__name__)


def locked(net, images):
    with LOCK:
        return net(images)


def traced():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(lambda x: x.relu(), torch.ones(2))


def with_log(images):
    LOG.debug("%d", len(images))
    return images.flatten(1)


def test_a_log_is_no_content():
    assert Encoder(with_log).identity is not None


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (
            lambda x: x.flatten(1),
            "a function without a name of its own and reaches no network. Define it",
        ),
        (torch.Tensor.flatten.__get__(torch.ones(30, 2)), "a function without a name"),
        (functools.partial(locked, Net(0)), "object of type _thread.lock"),
        (functools.partial(apply, Holder(torch.Generator())), "object of type torch._C.Generator"),
        (functools.partial(apply, io.BytesIO()), "object of type _io.BytesIO"),
        (functools.partial(apply, Holder(traced())), "object of type torch.jit.*ScriptFunction"),
        (functools.partial(apply, np.array([{}])), "numpy.ndarray of objects"),
    ],
    ids=["lambda", "builtin", "global", "object inside", "of C", "of C++", "array"],
)
def test_features_of_what_is_not_known_are_not_kept_and_the_log_says_so(
    function, why, data, tmp_path, caplog
):
    encoder = Encoder(function, cache=tmp_path / "f")
    assert encoder.identity is None
    with contextlib.suppress(TypeError, ValueError):  # some of these are no encoders
        encode_dataset(data, encoder, progress=False)
    assert re.search(why, caplog.text)
    assert f"Features are not kept in '{tmp_path / 'f'}'" in caplog.text
    assert not (tmp_path / "f").exists()


def test_scores_of_what_is_not_known_are_written_and_never_taken(data, tmp_path, caplog):
    cache = tmp_path / "s"

    def scores(features, dataset=data):
        return CGScoredDataset(dataset, features=features, cache=cache, ridge=0.1, progress=False)

    first = scores(lambda x: x.flatten(1))
    second = scores(lambda x: x.flatten(1)[:, :9])
    assert "may be of another encoder. Computing anew" in caplog.text
    assert second.computed
    assert not torch.equal(first.scores.values, second.scores.values)
    assert torch.equal(CGScores.load(cache).values, second.scores.values)
    with pytest.raises(ValueError, match="of another encoder"):
        scores(None)
    with pytest.raises(ValueError, match="differs"):
        scores(lambda x: x.flatten(1), TensorDataset(data.tensors[0] + 1, data.tensors[1]))


def in_train_mode(images):
    return nn.BatchNorm2d(3).train()(images).flatten(1)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: nn.functional.dropout(x.flatten(1)), "the second time: by chance"),
        (in_train_mode, "in a batch of another size: they depend on"),
        (lambda x: x.flatten(1) - x.flatten(1).mean(0), "in a batch of another size"),
    ],
    ids=["dropout", "batch norm", "centred"],
)
def test_features_by_chance_or_of_the_batch_are_refused_with_the_cure(function, text, data):
    with pytest.raises(ValueError, match=rf"{text}.*eval mode.*training=self.training"):
        encoded(data, function)


def test_features_of_a_batch_of_one_and_of_equal_images_are_consistent(data):
    flat = encoded(data, lambda x: x.flatten(1), batch_size=1)
    assert torch.equal(flat, data.tensors[0].flatten(1))
    assert encoded(TensorDataset(torch.zeros(9, 3, 4, 4)), lambda x: x.flatten(1)).eq(0).all()


@pytest.mark.parametrize("wrap", [lambda n: n, lambda n: lambda x: n(x)], ids=["module", "lambda"])
def test_autocast_around_it_changes_nothing(wrap, data):
    net = wrap(Net(0))
    want, mixed = encoded(data, net), encoded(data, net, autocast=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(encoded(data, net), want)
        assert torch.equal(encoded(data, net, autocast=torch.bfloat16), mixed)
        scored = CGScoredDataset(data, features=net, ridge=0.1, progress=False)
    plain = CGScoredDataset(data, features=net, ridge=0.1, progress=False)
    assert torch.equal(scored.scores.values, plain.scores.values)


class Fresh(nn.Module):
    """A network that makes a tensor and names no device."""

    def forward(self, images):
        return images.flatten(1) + torch.arange(3 * 8 * 8)


@pytest.mark.parametrize("net", [Net(0), Fresh(), models.squeezenet1_1()])
def test_another_default_device_changes_nothing(net, data):
    options = {"features": Encoder(net, resize=32 if not isinstance(net, Fresh) else None)}
    plain = CGScoredDataset(data, ridge=0.1, progress=False, **options)
    pixels = CGScoredDataset(data, ridge=0.1, progress=False)
    torch.set_default_device("meta")
    try:
        scored = CGScoredDataset(data, ridge=0.1, progress=False, **options)
        items = [(image, int(label)) for image, label in zip(*data.tensors, strict=True)]
        read = CGScoredDataset(items, ridge=0.1, progress=False, num_workers=1)
    finally:
        torch.set_default_device(None)
    assert torch.equal(scored.scores.values, plain.scores.values)
    assert torch.equal(read.scores.values, pixels.scores.values)
