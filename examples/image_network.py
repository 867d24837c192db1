"""A small modern CNN and its training, for images that are held in memory.

The recipe is that of the fast trainings of CIFAR-10: a first layer that whitens patches (set from
the data, not trained), three stages of two convolutions with batch norms, GELU, a scaled linear
head, label smoothing, Nesterov momentum with one cycle of the learning rate, flips and shifts, and
a flipped copy of every test image. On a CPU it runs in bfloat16.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import BatchSampler, Sampler
from torchvision.models import resnet18

# Seconds of training that an interruption may cost.
_SAVE_EVERY = 60
_SHIFT = 2


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        steps: of the optimiser.
        batch_size: images a step.
        rate: highest learning rate, per step of one image's mean loss.
        decay: weight decay.
        smoothing: of the labels.
        architecture: ``"small"``, or ``"resnet18"``, the paper's.
        widths: channels of the three stages of the small network.

    """

    steps: int
    batch_size: int = 500
    rate: float = 0.5
    decay: float = 5e-4
    smoothing: float = 0.1
    architecture: str = "small"
    widths: tuple[int, int, int] = (32, 96, 192)


@dataclass(frozen=True)
class Images:
    """A data set in memory.

    Attributes:
        pixels: (n, c, h, w) uint8.
        labels: (n,) int64.

    """

    pixels: Tensor
    labels: Tensor

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of every channel, (c, 1, 1) each, of 5,000 images."""
        some = self.pixels[:: max(1, len(self.pixels) // 5000)].float() / 255
        std, mean = torch.std_mean(some, (0, 2, 3), keepdim=False)
        return mean[:, None, None], std[:, None, None]


class Stage(nn.Sequential):
    """Two convolutions, the first one pooled, each with a batch norm and GELU."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(
            *(nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.MaxPool2d(2)),
            *(nn.BatchNorm2d(out), nn.GELU()),
            *(nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.GELU()),
        )


class Network(nn.Module):
    """The small network, its first layer set from standardised images.

    Args:
        images: (m, c, h, w) some of the data, standardised.
        classes: how many.
        widths: channels of the three stages.

    """

    def __init__(self, images: Tensor, classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        filters = whitening(images)
        self.first = nn.Conv2d(images.shape[1], len(filters), 2, padding=0)
        self.first.weight = nn.Parameter(filters, requires_grad=False)
        nn.init.zeros_(self.first.bias)  # type: ignore[arg-type]
        self.stages = nn.Sequential(
            *map(Stage, (len(filters), *widths[:-1]), widths), nn.AdaptiveMaxPool2d(1), nn.Flatten()
        )
        self.head = nn.Linear(widths[-1], classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return (b, k) logits."""
        features = self.stages(functional.gelu(self.first(images)))
        logits: Tensor = self.head(features) / 9  # else the first steps are too large
        return logits


def whitening(images: Tensor) -> Tensor:
    """Return (2 p, c, 2, 2) filters: principal axes of 2 x 2 patches over their deviations, +-."""
    patches = functional.unfold(images[:2000].float(), 2).transpose(1, 2)
    patches = patches.reshape(-1, patches.shape[-1])
    values, vectors = torch.linalg.eigh(patches.T.cov())
    filters = (vectors / (values + 5e-4).sqrt()).T.reshape(-1, images.shape[1], 2, 2)
    return torch.cat([filters, -filters])


def _resnet(channels: int, classes: int) -> nn.Module:
    """Return a ResNet-18 whose stem is that for small images."""
    model: nn.Module = resnet18(num_classes=classes)
    model.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


class Training:
    """One network in training, which can be left and taken up again.

    Args:
        images: what is trained on, the order given by the sampler.
        classes: how many.
        recipe: how.
        seed: of the weights and of the augmentation.
        device: where.

    """

    def __init__(
        self, images: Images, classes: int, recipe: Recipe, seed: int, device: torch.device
    ) -> None:
        self.images, self.recipe, self.device = images, recipe, device
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.mean, self.std = (values.to(device) for values in images.statistics())
        if recipe.architecture == "small":
            some = images.pixels[:: max(1, len(images.pixels) // 2000)].to(device)
            model: nn.Module = Network(self._standardised(some), classes, recipe.widths)
        else:
            model = _resnet(images.pixels.shape[1], classes)
        self.model = model.to(device).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(
            [p for p in self.model.parameters() if p.requires_grad],
            lr=recipe.rate,
            momentum=0.85,
            nesterov=True,
            weight_decay=recipe.decay,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            recipe.rate,
            total_steps=recipe.steps,
            pct_start=0.25,
            anneal_strategy="linear",
            cycle_momentum=False,
            final_div_factor=1e3,
        )
        self.step = 0

    def run(self, sampler: Sampler[int], checkpoint: Path | None = None) -> None:
        """Train for all steps on what the sampler gives, epoch after epoch.

        Args:
            sampler: with ``set_epoch``, and resumable in mid-epoch.
            checkpoint: a file to go on from, and to write to every minute.

        """
        if checkpoint is not None and checkpoint.is_file():
            self._load(checkpoint, sampler)
        self.model.train()
        saved = time.monotonic()
        for batch in self._batches(sampler):
            self._advance(batch)
            if checkpoint is not None and time.monotonic() - saved > _SAVE_EVERY:
                self._save(checkpoint, sampler)
                saved = time.monotonic()
            if self.step == self.recipe.steps:
                break
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)

    def _batches(self, sampler: Any) -> Iterator[list[int]]:
        size = min(self.recipe.batch_size, len(sampler))
        while True:
            yield from BatchSampler(sampler, size, drop_last=True)

    def _advance(self, batch: list[int]) -> None:
        images = self._augmented(self.images.pixels[batch]).to(self.device)
        with self._autocast():
            logits = self.model(self._standardised(images))
        loss = functional.cross_entropy(
            logits.float(),
            self.images.labels[batch].to(self.device),
            label_smoothing=self.recipe.smoothing,
        )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.step += 1

    def _augmented(self, pixels: Tensor) -> Tensor:
        """Shift images by up to two pixels, and mirror half of them."""
        b, _, height, width = pixels.shape
        padded = functional.pad(pixels.float(), [_SHIFT] * 4, mode="reflect").byte()
        down, right = torch.randint(0, 2 * _SHIFT + 1, (2, b, 1), generator=self.generator)
        rows = down + torch.arange(height)
        columns = right + torch.arange(width)
        mirrored = torch.rand(b, 1, generator=self.generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
        where = torch.arange(b)[:, None, None]
        return padded.permute(0, 2, 3, 1)[where, rows[:, :, None], columns[:, None, :]].permute(
            0, 3, 1, 2
        )

    def _standardised(self, pixels: Tensor) -> Tensor:
        return (pixels.float() / 255 - self.mean) / self.std

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def accuracy(self, test: Images) -> float:
        """Return the accuracy in percent, with every image beside its mirror image."""
        self.model.eval()
        right = 0
        with torch.inference_mode(), self._autocast():
            for pixels, labels in zip(
                test.pixels.split(1000), test.labels.split(1000), strict=True
            ):
                images = self._standardised(pixels.to(self.device))
                logits = self.model(images).float() + self.model(images.flip(3)).float()
                right += int((logits.argmax(1).cpu() == labels).sum())
        return 100 * right / len(test.labels)

    def _save(self, path: Path, sampler: Any) -> None:
        state = {name: getattr(self, name).state_dict() for name in ("model", "optimizer")}
        state |= {"schedule": self.schedule.state_dict(), "step": self.step}
        state |= {"sampler": sampler.state_dict(), "generator": self.generator.get_state()}
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, path)  # noqa: PTH105 (atomic on every platform)

    def _load(self, path: Path, sampler: Any) -> None:
        state = torch.load(path, weights_only=True)
        for name in ("model", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]
        sampler.load_state_dict(state["sampler"])
        self.generator.set_state(state["generator"])
