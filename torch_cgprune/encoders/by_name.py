"""Encoders by their names."""

from __future__ import annotations

import os
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from torch_cgprune.encoders.encoder import Encoder
from torch_cgprune.encoders.families import (
    Parts,
    open_efficientnet_lite,
    open_open_clip,
    open_timm,
    open_torchvision,
)
from torch_cgprune.encoders.hugging_face import open_transformers
from torch_cgprune.encoders.weights import Wanted
from torch_cgprune.errors import ArgumentTypeError, ArgumentValueError

_FAMILIES: dict[str, Callable[[Wanted], Parts]] = {
    "efficientnet_lite": open_efficientnet_lite,
    "open_clip": open_open_clip,
    "timm": open_timm,
    "torchvision": open_torchvision,
    "transformers": open_transformers,
}
# Photographs are large, and a network's activations larger.
_BATCH = 64


def load(
    name: str, weights: str | os.PathLike[str] | None = None, *, download: bool = False
) -> Encoder:
    """Return a pretrained encoder by its name, with the model's own preprocessing.

    As ``features=`` of ``CGScoredDataset`` it takes photographs of any size, or texts.

    ===========================  ===============================================================
    ``name``                     what
    ===========================  ===============================================================
    ``torchvision:resnet50``     a classifier of torchvision: its penultimate layer
    ``timm:NAME``                a model of timm without its classifier
    ``open_clip:NAME/TAG``       the image tower; the tag names the weights
    ``efficientnet_lite:lite0``  the means over its last feature maps; weights are in a package
    ``transformers:NAME``        of images, pooled as the model does; of texts, the mean over
                                 their tokens. NAME may be a folder
    ===========================  ===============================================================

    Args:
        name: FAMILY:NAME, as above.
        weights: a file of the network's weights: safetensors, or of ``torch.save``, of tensors
            alone. A classifier in it is not used. None takes the published ones, if they are on
            this machine.
        download: fetch what is not on this machine. Else nothing is.

    Raises:
        ArgumentValueError: no such encoder; weights that are not on this machine, or those of
            another network. The message says what to do.
        FileNotFoundError, CacheError, ValueError: ``weights`` that are not there, damaged, or would
            run code.
        ImportError: the package of the family is not installed.

    Example:
        >>> import torch
        >>> encoder = load("efficientnet_lite:lite0")
        >>> encoder.module(encoder.transform(torch.rand(3, 40, 60))[None]).shape
        torch.Size([1, 1280])

    """
    if not isinstance(name, str):
        raise ArgumentTypeError(
            "The name of an encoder must be a text. Got %r of type %s instead.",
            name,
            type(name).__name__,
            parameter="name",
            value=name,
        )
    family, colon, model = name.partition(":")
    if family not in _FAMILIES or not model:
        raise _no_family(name, family if colon else "")
    wanted = Wanted(family, model, None if weights is None else Path(weights), download)
    if wanted.weights is not None and not wanted.weights.is_file():
        raise FileNotFoundError(f"There is no file of weights {str(weights)!r}.")
    network, transform = _FAMILIES[family](wanted)
    return Encoder(network.eval(), transform=transform, batch_size=_BATCH)


def _no_family(name: str, family: str) -> ArgumentValueError:
    close = [] if family in _FAMILIES else get_close_matches(family, _FAMILIES, n=1)
    cure = f"Did you mean {name.replace(family, close[0], 1)}?" if close else None
    return ArgumentValueError(
        "An encoder is named FAMILY:NAME, as 'torchvision:resnet50', with FAMILY one of %s. "
        "Got %r instead.",
        ", ".join(_FAMILIES),
        name,
        parameter="name",
        value=name,
        cure=cure,
    )
