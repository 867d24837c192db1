"""Networks and functions that turn a batch of images into features."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from torch_cgprune.encoders.identity import identify, unknown
from torch_cgprune.encoders.reach import networks
from torch_cgprune.utils.checks import check_integer
from torch_cgprune.utils.devices import pick_device, plain_settings

# Mean and standard deviation per channel, of images in [0, 1].
Statistics: TypeAlias = tuple[Sequence[float], Sequence[float]]
IMAGENET: Statistics = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True, eq=False)
class Encoder:
    """How images become features: a network or function, and what is done to images before it.

    As ``features=`` of ``CGScoredDataset``, a bare module or function is an ``Encoder`` with these
    defaults. Features are computed once: in eval mode, without gradients; the module's modes and
    its device are afterwards as they were. So are the modes of all networks that a function
    reaches: in its closure, its arguments (``functools.partial``), its object, or as globals that
    it names. Around it, ``torch.autocast`` and ``torch.set_default_device`` change nothing.

    Args:
        module: from (b, c, h, w) images, floats in [0, 1] before ``normalize``, to a tensor of b
            rows (trailing axes are flattened). A classifier of ``torchvision.models`` gives its
            penultimate layer, what its last one is fed; any other module its output.
        resize: (h, w), or one number for both, to which batches are scaled (bilinear); None as is.
        normalize: (means, standard deviations) per channel, such as ``IMAGENET``; a single grey
            channel is repeated. None leaves images in [0, 1].
        batch_size: images at a time.
        device: where the module runs; None takes that of the dataset's scoring.
        autocast: ``torch.bfloat16`` or ``torch.float16`` for mixed precision; None for the module's
            own. Features come back in float32.
        cache: a file to load the features from if it exists, and to write them to, every minute
            while they are computed: an interrupted run goes on there. None takes
            ``<cache>.features``, with the ``cache`` of the dataset, if there is one. Features of
            a function that nothing tells from another are not kept, and the log says so.
        column: of the images or texts, in a dataset of mappings or a data frame.
        transform: from one image or text, as the dataset gives it, to a tensor, of one shape for
            all: of these come the batches. So photographs of different sizes, and texts as the
            numbers of their tokens, can be encoded. None takes images as they are.

    Raises:
        TypeError: ``module`` or ``transform`` cannot be called.
        ValueError: a bad ``batch_size``.

    References:
        Ki, Choi, Chung (ICLR 2023), App. H, for scores in a feature space.

    """

    module: Callable[[Tensor], Tensor]
    resize: int | tuple[int, int] | None = None
    normalize: Statistics | None = None
    batch_size: int = 256
    device: torch.device | str | None = None
    autocast: torch.dtype | None = None
    cache: str | os.PathLike[str] | None = None
    column: str | None = None
    transform: Callable[[Any], Tensor] | None = None

    def __post_init__(self) -> None:
        if not callable(self.module):
            raise TypeError(
                "The 'module' of an Encoder must be a torch.nn.Module or a function. Got "
                f"{type(self.module).__name__} instead."
            )
        if self.transform is not None and not callable(self.transform):
            raise TypeError(
                "The 'transform' of an Encoder must be a function. Got "
                f"{type(self.transform).__name__} instead."
            )
        check_integer("batch_size", "Encoder", self.batch_size, minimum=1)

    @property
    def identity(self) -> str | None:
        """Hexadecimal SHA-256 of all that shapes the features; None where it is not known.

        A network is known by its weights; a function by its name, or its code where it has no name
        of its own, and by the networks and values that it reaches. A lambda that reaches no
        network, or what reaches objects of other runtimes, is not known.
        """
        options = [self.resize, self.normalize, self.autocast]
        return identify(self.module, options, self.transform)

    @property
    def unknown(self) -> str | None:
        """Why nothing tells this encoder from another, and the cure; None where something does."""
        return unknown(self.module, self.transform)

    @contextlib.contextmanager
    def running(self) -> Iterator[Callable[[Tensor], Tensor]]:
        """Give a function from (b, c, h, w) CPU images to their (b, d) float32 CPU features."""
        with torch.no_grad(), _evaluating(networks(self.module)):
            if isinstance(self.module, nn.Module):
                with _borrowed(self.module, self.device) as device:
                    with plain_settings(device):
                        network = _penultimate(self.module)
                    yield lambda images: self._encode(network, images, device)
            else:
                device = torch.device("cpu" if self.device is None else self.device)
                yield lambda images: self._encode(self.module, images, device)

    def _encode(
        self, network: Callable[[Tensor], Any], images: Tensor, device: torch.device
    ) -> Tensor:
        with plain_settings(device):
            batch = self._prepared(images.to(device))
            if batch.is_floating_point():
                batch = batch.to(_dtype(self.module))
            mixed = self.autocast is not None
            with torch.autocast(
                device.type, dtype=self.autocast, enabled=mixed, cache_enabled=False
            ):
                output = network(batch)
            _check_output(output, len(images))
            rows: Tensor = output.detach().reshape(len(images), -1).float().cpu()
        return rows

    def _prepared(self, batch: Tensor) -> Tensor:
        if self.resize is not None:
            size = (self.resize, self.resize) if isinstance(self.resize, int) else self.resize
            batch = interpolate(batch, size, mode="bilinear", antialias=True)
        if self.normalize is not None:
            mean, std = (batch.new_tensor(s)[:, None, None] for s in self.normalize)
            batch = (batch - mean) / std
        # Convolutions on a CPU take half the time in this order.
        return batch.contiguous(memory_format=torch.channels_last) if batch.ndim == 4 else batch


@contextlib.contextmanager
def _evaluating(modules: list[nn.Module]) -> Iterator[None]:
    """Put modules into eval mode, and all their parts back into their own modes."""
    modes = {part: part.training for module in modules for part in module.modules()}
    try:
        for module in modules:
            module.eval()
        yield
    finally:
        for part, training in modes.items():
            part.training = training


@contextlib.contextmanager
def _borrowed(module: nn.Module, wanted: torch.device | str | None) -> Iterator[torch.device]:
    """Put a module onto a device, and back into its own place."""
    tensors = [*module.parameters(), *module.buffers()]
    places = {tensor.device for tensor in tensors}
    home = tensors[0].device if tensors else torch.device("cpu")
    together = len(places) < 2  # else it stays where it is
    if wanted is not None and not together:
        raise ValueError(
            f"The 'device' of an Encoder must be None for a module on several devices "
            f"({', '.join(sorted(map(str, places)))}). Got {wanted} instead."
        )
    device = pick_device(wanted, home) if together else home
    try:
        if together:
            module.to(device)
        yield device
    finally:
        if together:
            module.to(home)


def _dtype(module: Any) -> torch.dtype:
    """Return what a module computes in: a network in half precision takes no float32 images."""
    tensors = module.parameters() if isinstance(module, nn.Module) else ()
    return next((t.dtype for t in tensors if t.is_floating_point()), torch.float32)


def _penultimate(module: nn.Module) -> Callable[[Tensor], Any]:
    """Cut a torchvision classifier before its last layer; leave any other module whole."""
    if not type(module).__module__.startswith("torchvision.models."):
        return module
    quiet = {"suppress_diff_warning": True}  # only eval mode matters
    _, nodes = get_graph_node_names(module, **quiet)
    wanted = {"eval_return_nodes": [nodes[-2]], "train_return_nodes": []}
    cut = create_feature_extractor(module, **wanted, **quiet).eval()
    return lambda batch: cut(batch)[nodes[-2]]


def _check_output(output: Any, b: int) -> None:
    if not isinstance(output, Tensor):
        raise TypeError(
            f"The encoder must return one tensor of features. Got {type(output).__name__} instead; "
            "wrap it in a function that picks one, as lambda images: encoder(images)[0]."
        )
    if output.ndim < 2 or len(output) != b:
        raise ValueError(
            f"The encoder must return one row per image, ({b}, ...) for a batch of {b}. "
            f"Got shape {tuple(output.shape)} instead."
        )
    bad = ~torch.isfinite(output.reshape(b, -1)).all(1)
    if bad.any():
        raise ValueError(
            f"The encoder returns NaN or infinity for {int(bad.sum())} of {b} images of a batch. "
            "Check 'normalize', or pass autocast=None for full precision."
        )
