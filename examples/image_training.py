"""The training of networks on images that are held in memory.

The recipe is that of the fast trainings of CIFAR-10, unless another is asked for: label smoothing,
Nesterov momentum with one cycle of the learning rate, flips and shifts, and a flipped copy of every
test image. It runs in bfloat16.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from image_data import Images, augmented
from image_network import Network, Standardised, residual
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import BatchSampler, Sampler
from torchvision.models import resnet18

# Seconds of training that an interruption may cost.
_SAVE_EVERY = 60


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        steps: of the optimiser.
        batch_size: images a step.
        rate: highest learning rate, per step of one image's mean loss.
        decay: weight decay.
        smoothing: of the labels.
        architecture: ``"small"``, or ``"resnet18"``, the paper's, where no other is built.
        widths: channels of the three stages of the small network.
        momentum: of the optimiser.
        nesterov: whether it looks ahead.
        cosine: the rate falls along a cosine from the first step on, instead of one cycle.
        shift: pixels that an image is shifted by at most.
        padding: what is beyond its border: ``"reflect"``, or ``"constant"`` for black.
        drop_last: whether an epoch leaves out what fills no batch.
        mirrored: whether every test image stands beside its mirror image.

    """

    steps: int
    batch_size: int = 500
    rate: float = 0.5
    decay: float = 5e-4
    smoothing: float = 0.1
    architecture: str = "small"
    widths: tuple[int, int, int] = (32, 96, 192)
    momentum: float = 0.85
    nesterov: bool = True
    cosine: bool = False
    shift: int = 2
    padding: str = "reflect"
    drop_last: bool = True
    mirrored: bool = True

    def epoch_steps(self, n: int) -> int:
        """Return the steps of an epoch of n images."""
        size = min(self.batch_size, n)
        return n // size if self.drop_last else -(-n // size)

    def epochs(self, n: int) -> int:
        """Return the epochs of n images that the steps come to, the last of them perhaps a part."""
        return -(-self.steps // self.epoch_steps(n))


class Hook:
    """What is measured in a training; a subclass overrides what it needs."""

    def batch(self, indices: Tensor, logits: Tensor) -> None:
        """Look at a step: (b,) int64 indices and their (b, k) float32 logits, as it was trained."""

    def epoch(self, epoch: int, training: "Training") -> None:
        """Look at the network after an epoch, the first of which is 0."""

    def state_dict(self) -> dict[str, Any]:
        """Return what an interrupted training needs to go on measuring."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""


# From standardised images, (m, c, h, w) some of the data, and the classes to a network.
Build = Callable[[Tensor, int], nn.Module]


class Training:
    """One network in training, which can be left and taken up again.

    Args:
        images: what is trained on, the order given by the sampler.
        classes: how many.
        recipe: how.
        seed: of the weights and of the augmentation.
        device: where.
        build: what makes the network; None for the recipe's architecture.

    Attributes:
        network: from (b, c, h, w) uint8 pixels to (b, k) logits; its ``network`` takes standardised
            images.
        step: of the optimiser, how many there were.
        epoch: the present one.
        rate: of the last step.

    """

    def __init__(
        self,
        images: Images,
        classes: int,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        build: Build | None = None,
    ) -> None:
        self.images, self.recipe, self.device = images, recipe, device
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        mean, std = images.statistics()
        some = (images.pixels[:: max(1, len(images.pixels) // 2000)].float() / 255 - mean) / std
        # Augmented where the network is: a step is so short there that the host would hold it up.
        self._pixels, self._labels = images.pixels.to(device), images.labels.to(device)
        model = (build or self._built)(some.to(device), classes)
        self.network = Standardised(model, mean, std).to(device)
        self.network.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(
            [p for p in self.network.parameters() if p.requires_grad],
            lr=recipe.rate,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
            weight_decay=recipe.decay,
        )
        self.schedule = _schedule(self.optimizer, recipe)
        self.step = self.epoch = 0
        self.rate = recipe.rate

    def _built(self, images: Tensor, classes: int) -> nn.Module:
        if self.recipe.architecture == "small":
            return Network(images, classes, self.recipe.widths)
        return residual(resnet18, images.shape[1], classes)

    def run(
        self,
        sampler: Sampler[int],
        checkpoint: Path | None = None,
        hooks: Sequence[Hook] = (),
        *,
        steps: int | None = None,
        weights: Callable[[], Tensor] | None = None,
    ) -> None:
        """Train on what the sampler gives, epoch after epoch.

        Args:
            sampler: with ``set_epoch``, and resumable in mid-epoch.
            checkpoint: a file to go on from, and to write to every minute.
            hooks: what is measured.
            steps: to stop after, for a later call to go on in the next epoch; None for all.
            weights: gives (n,) weights of the examples in the loss, asked for in every epoch.

        """
        last = self.recipe.steps if steps is None else steps
        if checkpoint is not None and checkpoint.is_file():
            self._load(checkpoint, sampler, hooks)
        saved = time.monotonic()
        while self.step < last:
            for batch, weight in self._batches(sampler, weights):
                self._advance(batch, weight, hooks)
                if self.step == last:
                    break
                if checkpoint is not None and time.monotonic() - saved > _SAVE_EVERY:
                    self._save(checkpoint, sampler, hooks)
                    saved = time.monotonic()
            for hook in hooks:
                hook.epoch(self.epoch, self)
            self.epoch += 1
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)

    def _batches(
        self, sampler: Any, weights: Callable[[], Tensor] | None
    ) -> Iterable[tuple[Tensor, Tensor | None]]:
        """Yield the indices of an epoch's batches, and their weights."""
        sampler.set_epoch(self.epoch)
        self.network.train()  # a hook or the sampler may have evaluated it
        by_index = None if weights is None else weights()
        size = min(self.recipe.batch_size, len(sampler))
        for indices in BatchSampler(sampler, size, drop_last=self.recipe.drop_last):
            batch = torch.tensor(indices)
            yield batch, None if by_index is None else by_index[batch]

    def _advance(self, batch: Tensor, weight: Tensor | None, hooks: Sequence[Hook] = ()) -> None:
        here = batch.to(self.device)
        shift, padding = self.recipe.shift, self.recipe.padding
        pixels = augmented(self._pixels[here], shift, padding, self.generator)
        with self._autocast():
            logits = self.network(pixels).float()
        losses = functional.cross_entropy(
            logits,
            self._labels[here],
            label_smoothing=self.recipe.smoothing,
            reduction="mean" if weight is None else "none",
        )
        loss = losses if weight is None else (losses * weight.to(losses)).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.rate = float(self.schedule.get_last_lr()[0])
        self.schedule.step()
        self.step += 1
        for hook in hooks:
            hook.batch(batch, logits.detach())

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def logits(self, images: Images, *, mirrored: bool = False) -> Tensor:
        """Return (n, k) float32 logits on the CPU, of images that are not augmented.

        Args:
            images: (n, c, h, w) pixels.
            mirrored: add those of the mirror images.

        """
        self.network.eval()
        found = []
        with torch.inference_mode(), self._autocast():
            for part in images.pixels.split(1000):
                pixels = part.to(self.device)
                logits = self.network(pixels).float()
                if mirrored:
                    logits = logits + self.network(pixels.flip(3)).float()
                found.append(logits.cpu())
        return torch.cat(found)

    def accuracy(self, test: Images) -> float:
        """Return the accuracy in percent."""
        predicted = self.logits(test, mirrored=self.recipe.mirrored).argmax(1)
        return 100 * int((predicted == test.labels).sum()) / len(test.labels)

    def _save(self, path: Path, sampler: Any, hooks: Sequence[Hook]) -> None:
        parts = {name: getattr(self, name) for name in ("network", "optimizer", "schedule")}
        state = {name: part.state_dict() for name, part in parts.items()}
        state |= {"step": self.step, "epoch": self.epoch, "rate": self.rate}
        state |= {"hooks": [hook.state_dict() for hook in hooks]}
        state |= {"sampler": sampler.state_dict(), "generator": self.generator.get_state()}
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, path)  # noqa: PTH105 (atomic on every platform)

    def _load(self, path: Path, sampler: Any, hooks: Sequence[Hook]) -> None:
        state = torch.load(path, weights_only=True)
        for name in ("network", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.epoch, self.rate = state["step"], state["epoch"], state["rate"]
        sampler.load_state_dict(state["sampler"])
        self.generator.set_state(state["generator"])
        for hook, measured in zip(hooks, state["hooks"], strict=True):
            hook.load_state_dict(measured)


def _schedule(optimizer: torch.optim.SGD, recipe: Recipe) -> torch.optim.lr_scheduler.LRScheduler:
    if recipe.cosine:
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.rate,
        total_steps=recipe.steps,
        pct_start=0.25,
        anneal_strategy="linear",
        cycle_momentum=False,
        final_div_factor=1e3,
    )
