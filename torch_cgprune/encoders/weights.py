"""Weights of networks: where they are, files of them, and whether they are a network's own."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from torch_cgprune.errors import Argument, ArgumentValueError, Message
from torch_cgprune.inputs.bad_rows import some_of
from torch_cgprune.utils.files import read_safetensors

# What training scripts call the weights in a file of several things, and put before their names.
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "model.")
# Of the content, as torchvision and timm write it into a file's name.
_HASH = re.compile(r"-([0-9a-f]{8,})\.")
# Counters that old files lack, and that shape no output in eval mode.
_COUNTER = "num_batches_tracked"

# What to do where weights are not there and are not to be fetched.
OWN_WEIGHTS = Message("pass %s, a file of its weights", Argument("weights", "FILE"))

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """An encoder that is asked for.

    Attributes:
        family: of models.
        model: its name there.
        weights: a file of them; None for the published ones.
        download: whether what is not on this machine may be fetched.

    """

    family: str
    model: str
    weights: Path | None
    download: bool

    def __str__(self) -> str:
        return f"{self.family}:{self.model}"

    def check_name(self, known: Sequence[str]) -> None:
        """Raise ArgumentValueError, with the nearest names, unless the model is a known one."""
        if self.model not in known:
            close = [
                f"{self.family}:{name}"
                for name in get_close_matches(self.model, known, n=4, cutoff=0.5)
            ]
            raise ArgumentValueError(
                "There is no encoder %r.",
                str(self),
                parameter="name",
                value=str(self),
                cure=f"Did you mean {some_of(close)}?" if close else f"It has {some_of(known)}.",
            )

    def not_here(self, instead: Message = OWN_WEIGHTS) -> ArgumentValueError:
        """Return the error that something of the encoder is not on this machine."""
        return ArgumentValueError(
            "The encoder %r is not on this machine, or not all of it.",
            str(self),
            parameter="download",
            value=str(self),
            cure=Message("Pass %s to fetch it, or %s.", Argument("download", "True"), instead),
        )

    def not_fetched(self, error: Exception, instead: Message = OWN_WEIGHTS) -> ArgumentValueError:
        """Return the error that something of the encoder could not be fetched."""
        return ArgumentValueError(
            "The encoder %r cannot be fetched (%s).",
            str(self),
            str(error).partition("\n")[0] or type(error).__name__,
            parameter="download",
            value=str(self),
            cure=Message("Try again, or %s.", instead),
        )

    def from_hub(self, repository: str, names: Sequence[str]) -> Path:
        """Return the first of some files of a repository on the Hugging Face hub.

        Raises:
            ArgumentValueError: it is not on this machine, and may not or cannot be fetched.

        """
        import huggingface_hub as hub  # noqa: PLC0415 (all that needs this brings it)

        for name in names:
            found = hub.try_to_load_from_cache(repository, name)
            if isinstance(found, str):
                return Path(found)
        if not self.download:
            raise self.not_here()
        try:
            there = [name for name in names if hub.file_exists(repository, name)]
            return Path(hub.hf_hub_download(repository, (there or [*names])[0]))
        except Exception as error:
            raise self.not_fetched(error) from error

    def from_url(self, url: str, folder: Path) -> Path:
        """Return a file that is, or is to be, in a folder; errors as of :meth:`from_hub`."""
        path = folder / url.rpartition("/")[2]
        if path.is_file():
            return path
        if not self.download:
            raise self.not_here()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            digits = _HASH.search(path.name)
            torch.hub.download_url_to_file(
                url, os.fspath(path), digits and digits[1], progress=sys.stderr.isatty()
            )
        except Exception as error:
            raise self.not_fetched(error) from error
        return path


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors in a file of weights, by name; what training puts around them is left out.

    Args:
        path: of a safetensors file, or one that ``torch.save`` wrote, of tensors alone.

    Raises:
        FileNotFoundError: no such file.
        CacheError, ValueError: damaged, of another format, or with objects that would run code.

    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file of weights {str(path)!r}.")
    if path.suffix.lower() == ".safetensors":
        content: Any = read_safetensors(path, kind="weight")[0]
    else:
        content = _unpickled(path)
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            _log.info("The weights in %r are what it has as %r.", str(path), wrapper)
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise _no_weights(path, f"a {type(content).__name__}")
    other = [name for name, value in content.items() if not isinstance(value, Tensor)]
    if other:
        raise _no_weights(path, f"{some_of([*map(repr, other)])} among them")
    return _without_prefixes(dict(content), path)


def _unpickled(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything on other files
        text = " ".join(str(error).split())
        if "allowed global" in text:
            raise ValueError(
                f"The file {str(path)!r} holds Python objects, and to read it would run code: it "
                "is not read. Save its weights alone: torch.save(model.state_dict(), FILE)."
            ) from error
        raise ValueError(
            f"The file {str(path)!r} is damaged, or no file of weights "
            f"({type(error).__name__}). Name a .safetensors file, or one of "
            "torch.save(model.state_dict(), FILE)."
        ) from error


def _no_weights(path: Path, found: str) -> ValueError:
    return ValueError(
        f"The file {str(path)!r} must hold the tensors of a network by their names, as of "
        f"torch.save(model.state_dict(), FILE). Got {found}."
    )


def _without_prefixes(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return weights by their names in the network itself, not in what was around it."""
    prefix = next((p for p in _PREFIXES if all(name.startswith(p) for name in state)), None)
    if prefix is None:
        return state
    _log.info("The weights in %r have %r before their names.", str(path), prefix)
    return _without_prefixes({k.removeprefix(prefix): v for k, v in state.items()}, path)


def fit(network: nn.Module, state: Mapping[str, Tensor], wanted: Wanted, path: Path) -> None:
    """Give a network its weights.

    Args:
        network: an encoder's.
        state: all of its weights by name, and no others.
        wanted: the encoder, for messages.
        path: of the file, for messages.

    Raises:
        ArgumentValueError: they are another network's; the message names some that differ.

    """
    own = network.state_dict()
    shared = own.keys() & state.keys()
    check_fit(
        wanted,
        path,
        missing=[k for k in own if k not in state and not k.endswith(_COUNTER)],
        unexpected=[k for k in state if k not in own],
        misshapen=[k for k in own if k in shared and own[k].shape != state[k].shape],
    )
    network.load_state_dict(dict(state), strict=False)


def check_fit(
    wanted: Wanted,
    path: Path | str,
    *,
    missing: Sequence[str],
    unexpected: Sequence[str],
    misshapen: Sequence[str],
) -> None:
    """Raise ArgumentValueError, with some names of each, unless there are none of these weights."""
    found = {"not there": missing, "of no use": unexpected, "of another shape": misshapen}
    said = [f"{len(names)} are {how} ({some_of(names)})" for how, names in found.items() if names]
    if said:
        raise ArgumentValueError(
            "The weights in %r are not those of the encoder %r: %s.",
            str(path),
            str(wanted),
            ", ".join(said),
            parameter="weights",
            value=str(path),
            cure="Name the model that they are of.",
        )


def without(state: Mapping[str, Tensor], *parts: str) -> dict[str, Tensor]:
    """Return the weights but those of some parts of the network: its classifier, say."""
    return {
        name: value
        for name, value in state.items()
        if not any(name.startswith(f"{part}.") for part in parts)
    }
