"""The networks: shapes, and parameters as published."""

import pytest
import torch
from paper import networks
from torch import nn
from torchvision.models import vit_b_16


def standardised(channels, side=16):
    return torch.randn(20, channels, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("name", ["fast", "resnet18", "densenet"])
def test_images_become_logits(name, channels):
    images = standardised(channels)
    model = networks.network(name, images, 7).eval()
    with torch.inference_mode():
        assert model(images[:2]).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet18", 11_173_962),  # as kuangliu/pytorch-cifar, which the authors' code follows
        ("resnet50", 23_520_842),
        ("densenet", 769_162),  # "0.8M" in Huang et al., Table 2
    ],
)
def test_parameters_are_as_many_as_published(name, parameters):
    with torch.device("meta"):
        model = networks.network(name, torch.empty(1, 3, 32, 32), 10)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_the_stem_keeps_small_images():
    with torch.device("meta"):
        images = torch.empty(2, 3, 32, 32)
        dense = networks.network("densenet", images, 10)
        assert dense.features(images).shape == (2, 342, 8, 8)
        residual = networks.network("resnet50", images, 10)
        assert residual.maxpool(residual.conv1(images)).shape == (2, 64, 32, 32)


def test_a_convolution_is_folded_to_the_channels_there_are():
    first = nn.Conv2d(3, 5, 4, 4)
    grey = standardised(1)
    for channels in (1, 2, 3):
        out = networks.folded(first, channels)(grey.expand(-1, channels, -1, -1))
        torch.testing.assert_close(out, first(grey.expand(-1, 3, -1, -1)))


def test_a_vision_transformer_takes_small_images(monkeypatch):
    monkeypatch.setattr(networks.models, "vit_b_16", lambda weights: vit_b_16() if weights else 0)
    monkeypatch.setattr(networks, "timm_vit", missing)
    with torch.device("meta"):
        images = torch.empty(2, 1, 32, 32)
        model = networks.network("vit", images, 7)
        assert model(images).shape == (2, 7)
    assert sum(p.numel() for p in model.parameters()) == 85_798_656 - 2 * 768 * 16**2 + 7 * 769


def test_timms_transformer_takes_as_many_channels():
    pytest.importorskip("timm")
    with torch.device("meta"):
        model = networks.timm_vit(2, 7, pretrained=False)
        assert model(torch.empty(1, 2, 224, 224)).shape == (1, 7)


def missing(*_args, **_kwargs):
    raise OSError("no such host")


def test_missing_weights_are_said(monkeypatch):
    monkeypatch.setattr(networks.models, "vit_b_16", missing)
    monkeypatch.setattr(networks, "timm_vit", missing)
    with pytest.raises(RuntimeError, match=r"weights of the ViT are not on .*: no such host"):
        networks.network("vit", torch.empty(1, 3, 32, 32), 10)


def test_another_name_is_refused():
    with pytest.raises(ValueError, match=r"one of \['fast', .*Got 'resnet9' instead"):
        networks.network("resnet9", standardised(3), 10)
