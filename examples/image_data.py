"""Images that are held in memory, and what a training does to them."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


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


def augmented(pixels: Tensor, shift: int, padding: str, rng: torch.Generator) -> Tensor:
    """Shift images by some pixels, and mirror half of them.

    Args:
        pixels: (b, c, h, w) uint8, on any device.
        shift: at most so many pixels, in both directions.
        padding: what comes in, as a mode of ``functional.pad``.
        rng: on the CPU, so that it draws the same for every device.

    """
    b, _, height, width = pixels.shape
    padded = functional.pad(pixels.float(), [shift] * 4, mode=padding).byte()
    down, right = torch.randint(0, 2 * shift + 1, (2, b, 1), generator=rng)
    rows = down + torch.arange(height)
    columns = right + torch.arange(width)
    mirrored = torch.rand(b, 1, generator=rng) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    rows, columns = rows.to(pixels.device), columns.to(pixels.device)
    where = torch.arange(b, device=pixels.device)[:, None, None]
    found = padded.permute(0, 2, 3, 1)[where, rows[:, :, None], columns[:, None, :]]
    return found.permute(0, 3, 1, 2)
