"""Whether features are those of an image alone: neither of chance nor of the images beside it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

# Batch statistics of so few images are far from those of a whole batch.
_IMAGES = 8
_CURE = (
    "Put its networks into eval mode (those that it reaches are), and give functional dropout "
    "training=self.training."
)


def check_consistent(encode: Callable[[Tensor], Tensor], images: Tensor, rows: Tensor) -> None:
    """Raise unless the first images of a batch have the same features in a smaller one, twice.

    Args:
        encode: from (b, c, h, w) images to their (b, d) features.
        images: (b, c, h, w) a batch.
        rows: (b, d) its features.

    Raises:
        ValueError: features that are drawn at random, that depend on the batch, or of another
            length; the message names the cure.

    """
    few = images[: min(_IMAGES, (len(images) + 1) // 2)]
    one, other = encode(few), encode(few)
    check_length(one, rows)
    size, spread = _rms(rows), _rms(rows - rows.mean(0))
    # Sums in another order differ by less, in bfloat16 too; batch statistics by some 0.03 at least.
    if _rms(one - other) > 1e-3 * size:
        raise ValueError(
            f"The encoder gives the same images other features the second time: by chance. {_CURE}"
        )
    if _rms(one - rows[: len(few)]) > 0.01 * (spread + size):
        raise ValueError(
            "The encoder gives images other features in a batch of another size: they depend on "
            f"the images beside them. {_CURE}"
        )


def check_length(rows: Tensor, features: Tensor) -> None:
    """Raise ValueError unless rows are as long as other features."""
    if rows.shape[1] != features.shape[1]:
        raise ValueError(
            f"The encoder must return rows of one length. Got {features.shape[1]} and "
            f"{rows.shape[1]}; pass 'resize', or a 'transform' that makes images equal."
        )


def _rms(rows: Tensor) -> float:
    """Return the root of the mean square length of rows."""
    return float(rows.double().square().sum(1).mean().sqrt())
