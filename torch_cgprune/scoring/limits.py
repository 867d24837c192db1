"""How much is held at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch

# Two cores are busy with one block of 2,048 rows (batches of 17 MB gain on smaller ones); a GPU
# takes 1 GB of float32.
_ON_CPU, _ON_GPU = 2**22, 2**28


@dataclass(frozen=True)
class Limits:
    """How many numbers are held at once, so that a scoring fits beside its data.

    Attributes:
        unit_rows: the unit rows of all examples are kept up to this many numbers (1 GB in float32),
            else made anew for every block.
        predictions: those of all classes are kept up to this many (512 MB in float32), else what is
            concluded of them.
        sketch: the sketches of rows, of 64 numbers in float32, are kept up to this many (256 MB),
            else sketches of 32 in float16, a quarter of that, by which neighbours are found a
            little less well.
        batch: blocks of equal size are solved together up to this many; None for what keeps the
            device busy.
        asked_rows: rows of a block that is asked for the ridge. Larger ones choose the same, but
            for neighbours on the grid, and cost more than the choice is worth.
        part_rows: rows of a part of neighbours, where a matrix is solved by iteration. Its square
            on the diagonal is inverted.

    """

    unit_rows: int = 2**28
    predictions: int = 2**27
    sketch: int = 2**26
    batch: int | None = None
    asked_rows: int = 1024
    part_rows: int = 1024

    def keeps_predictions(self, m: int, k: int) -> bool:
        """Return whether the predictions of k classes are kept for m examples."""
        return m * k <= self.predictions

    def sketch_of(self, n: int) -> tuple[int, torch.dtype]:
        """Return how many numbers sketch one of n rows, and their dtype."""
        return (64, torch.float32) if 64 * n <= self.sketch else (32, torch.float16)

    def batch_on(self, device: torch.device, room: int | None) -> int:
        """Return the numbers in a batch.

        Args:
            device: that solves it.
            room: numbers that it has left, None where nothing is known. There are temporaries: a
                GPU gives a quarter of it.

        """
        if self.batch is not None:
            return self.batch
        if device.type == "cpu":
            return _ON_CPU
        return _ON_GPU if room is None else min(_ON_GPU, room // 4)
