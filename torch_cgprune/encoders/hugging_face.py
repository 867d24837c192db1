"""Encoders of images and of texts from transformers, by name or from a folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from torch_cgprune.encoders.families import Parts
from torch_cgprune.encoders.transforms import ImageTransform, Tokens
from torch_cgprune.encoders.weights import Wanted, check_fit, read_weights
from torch_cgprune.errors import ArgumentValueError, Message
from torch_cgprune.utils.extras import needed

# Tokens that are read of a text, where the model takes as many.
_TOKENS = 512
_FOLDER = Message("name a folder that has it, as transformers:FOLDER")
# What a model's configuration says of files and versions: its output does not depend on it.
_NOT_SHAPING = {"_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype"}


def open_transformers(wanted: Wanted) -> Parts:
    """Return a model of transformers: of images, pooled; of texts, the mean over their tokens.

    A model of both, as CLIP, takes images.
    """
    library: Any = needed("transformers", "Encoders of transformers", "transformers")
    with _quiet(library):
        config = _from_hub(wanted, library.AutoConfig, "configuration")
        model, missing = _model(wanted, library, config)
        takes = model.main_input_name
        if takes == "pixel_values" or hasattr(model, "get_image_features"):
            processor = _from_hub(wanted, library.AutoImageProcessor, "image processor")
            network: nn.Module = _Images(model, said=_said(config), pools=not missing)
            described = f"{type(processor).__name__} {processor.to_json_string()}"

            def prepare(image: Any) -> Tensor:
                pixels: Tensor = processor(images=image, return_tensors="pt")["pixel_values"][0]
                return pixels

            return Parts(network, ImageTransform(str(wanted), prepare, described))
        if takes != "input_ids":
            raise ArgumentValueError(
                "The encoder %r takes neither images nor texts, but %s.",
                str(wanted),
                takes,
                parameter="name",
            )
        tokenizer = _from_hub(wanted, library.AutoTokenizer, "tokenizer")
        _check_tokenizer(wanted, tokenizer)
        length = _length(tokenizer, config, model)
        network = _Texts(model, said=_said(config))
        return Parts(network, Tokens(str(wanted), tokenizer, length, _tokenizer_said(tokenizer)))


@contextlib.contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Say nothing of weights that are not used; what is wrong with them is checked."""
    said = library.utils.logging
    level, bars = said.get_verbosity(), said.is_progress_bar_enabled()
    said.set_verbosity_error()
    said.disable_progress_bar()
    try:
        yield
    finally:
        said.set_verbosity(level)
        if bars:
            said.enable_progress_bar()


def _from_hub(wanted: Wanted, kind: Any, what: str, **options: Any) -> Any:
    """Return what ``kind.from_pretrained`` makes of the model's files.

    Raises:
        ArgumentValueError: they are not there, or are none of these.

    """
    is_local = not wanted.download
    try:
        return kind.from_pretrained(
            wanted.model, local_files_only=is_local, trust_remote_code=False, **options
        )
    except ImportError:  # transformers says what to install
        raise
    except Exception as error:
        is_folder = os.path.isdir(wanted.model)  # noqa: PTH112 (as transformers asks)
        if isinstance(error, OSError) and not is_folder:
            raise (
                wanted.not_here(_FOLDER) if is_local else wanted.not_fetched(error, _FOLDER)
            ) from error
        raise ArgumentValueError(
            "The encoder %r has no %s that transformers can read (%s).",
            str(wanted),
            what,
            str(error).partition("\n")[0],
            parameter="name",
            value=str(wanted),
            cure="Name a folder that save_pretrained has written, with all that the model has.",
        ) from error


def _model(wanted: Wanted, library: Any, config: Any) -> tuple[nn.Module, list[str]]:
    """Return the model without its head, and the weights of its pooling that there are none for.

    Raises:
        ArgumentValueError: other weights are not there, or of another shape.

    """
    options = {"output_loading_info": True, "ignore_mismatched_sizes": True}
    if wanted.weights is None:
        model, found = _from_hub(wanted, library.AutoModel, "weights", **options)
    else:
        kind = library.MODEL_MAPPING[type(config)]
        state = read_weights(wanted.weights)
        model, found = kind.from_pretrained(None, config=config, state_dict=state, **options)
    missing = sorted(found["missing_keys"])
    pooling = [name for name in missing if "pool" in name]
    check_fit(
        wanted,
        wanted.weights or wanted.model,
        missing=[name for name in missing if name not in pooling],
        unexpected=[],  # heads
        misshapen=sorted(str(entry[0]) for entry in found["mismatched_keys"]),
    )
    if config.is_encoder_decoder:
        model = model.get_encoder()
    return model.float(), pooling


def _said(config: Any) -> str:
    """Return what a configuration says of the model's output."""
    found = {k: v for k, v in config.to_diff_dict().items() if k not in _NOT_SHAPING}
    return json.dumps(found, default=str, sort_keys=True)


class _Images(nn.Module):
    """A model of images, as one that gives a row of features for each.

    Args:
        model: of transformers.
        said: its configuration; part of what it is known by.
        pools: whether its own pooling has weights. Else the token that stands for the whole image
            is taken, or the mean over all.

    """

    def __init__(self, model: Any, *, said: str, pools: bool) -> None:
        super().__init__()
        if not pools:
            model.pooler = None  # drawn at random: it must be neither used nor known
        self.model, self.said, self.pools = model, said, pools
        self.has_token = any("cls_token" in name for name, _ in model.named_parameters())

    def extra_repr(self) -> str:
        return self.said

    def forward(self, images: Tensor) -> Tensor:
        if hasattr(self.model, "get_image_features"):
            found = self.model.get_image_features(pixel_values=images)
            return found if isinstance(found, Tensor) else found.pooler_output
        found = self.model(pixel_values=images)
        pooled: Tensor | None = getattr(found, "pooler_output", None)
        if pooled is not None:
            return pooled.flatten(1)
        last: Tensor = found.last_hidden_state
        if last.ndim == 4:
            return last.mean((2, 3))
        return last[:, 0] if self.has_token else last.mean(1)


class _Texts(nn.Module):
    """A model of texts, as one that gives the mean over the tokens of each.

    Args:
        model: of transformers.
        said: its configuration; part of what it is known by.

    """

    def __init__(self, model: Any, *, said: str) -> None:
        super().__init__()
        if getattr(model, "pooler", None) is not None:
            model.pooler = None  # not used, and often drawn at random
        self.model, self.said = model, said

    def extra_repr(self) -> str:
        return self.said

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (b, d) features of (b, 2, length) tokens; see :class:`Tokens`."""
        longest = int(tokens[:, 1].sum(1).max())
        ids, mask = tokens[:, :, :longest].unbind(1)
        last: Tensor = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask[..., None].to(last.dtype)
        return (last * weights).sum(1) / weights.sum(1)


def _check_tokenizer(wanted: Wanted, tokenizer: Any) -> None:
    """Raise ArgumentValueError for an empty one: transformers makes it where files are missing."""
    if len(tokenizer) <= len({*tokenizer.all_special_ids}):
        raise ArgumentValueError(
            "The encoder %r comes without a tokenizer, or with an empty one.",
            str(wanted),
            parameter="name",
            value=str(wanted),
            cure="Save it beside the model: tokenizer.save_pretrained(FOLDER).",
        )


def _length(tokenizer: Any, config: Any, model: Any) -> int:
    """Return how many tokens of a text the model takes."""
    places = getattr(config, "max_position_embeddings", None) or _TOKENS
    # RoBERTa and its kin count places from beyond this one.
    unused = getattr(getattr(model, "embeddings", None), "padding_idx", None)
    places -= 0 if unused is None else unused + 1
    return int(min(tokenizer.model_max_length, places, _TOKENS))


def _tokenizer_said(tokenizer: Any) -> str:
    """Return a hash of all that a tokenizer does."""
    if tokenizer.is_fast:
        said = tokenizer.backend_tokenizer.to_str()
    else:
        said = repr((type(tokenizer).__name__, sorted(tokenizer.get_vocab().items())))
    return hashlib.sha256(said.encode()).hexdigest()
