"""Small pictures of examples, or the beginnings of texts, as many as fit into a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from torch_cgprune.dataset.dataset import shown_view
from torch_cgprune.inputs.frames import columns_of, is_frame
from torch_cgprune.inputs.pixels import in_unit_range, is_deep, on_white
from torch_cgprune.inputs.views import is_array
from torch_cgprune.utils.progress import progress_bar

# The longer side of a picture, in pixels: enough for a person to say what is on it. The fewer there
# are to draw, the larger they may be.
_SIDES = ((300, 256), (1000, 160))
_SMALLEST, SMALL, WHOLE = 96, 64, 1600
_QUALITY = 70
# Characters of a text: what a person reads at a glance.
_LETTERS = 240
# Numbers of an example that a person reads: more are features of something else.
_NUMBERS = 16
THREADS, _AT_ONCE = 4, 256


def side_for(count: int) -> int:
    """Return the longer side of so many pictures, in pixels, with which they find room."""
    return next((side for most, side in _SIDES if count <= most), _SMALLEST)


class Excerpt(str):
    """The beginning of a text, which stands where an image has a picture."""

    __slots__ = ()


class Pictures:
    """Pictures of a dataset's examples, base64-coded WebP, until a budget is used up.

    Of a text there is an ``Excerpt``.

    Args:
        dataset: items ``(image, ...)``, or images; an array of images; None for none. Texts, too.
        budget: characters that all pictures together may take.
        threads: that read and draw; 0 for none but the caller's.
        side: the longer one of a picture, in pixels.
        progress: show how many are drawn.

    """

    def __init__(
        self,
        dataset: Any,
        budget: int,
        *,
        threads: int = THREADS,
        side: int = _SMALLEST,
        progress: bool = False,
    ) -> None:
        self.dataset, self.side = _to_see(dataset), side
        self.left = budget if self.dataset is not None else 0
        self.threads, self._drawn = threads, dict[int, str | None]()
        self._bar = progress_bar("Drawing pictures", None, "picture", show=progress)

    def draw(self, indices: Iterable[int]) -> dict[int, str | None]:
        """Return the pictures of examples, in order; None where there is none, or no room."""
        wanted = dict.fromkeys(indices)
        new = [i for i in wanted if i not in self._drawn]
        for index, picture in zip(new, self._encoded(new), strict=False):
            self._drawn[index] = picture
            self.left -= len(picture or "")
            self._bar.update()
        return {index: self._drawn.get(index) for index in wanted}

    def close(self) -> None:
        """End the progress bar."""
        self._bar.close()

    def _encoded(self, indices: list[int]) -> Iterator[str | None]:
        with ThreadPoolExecutor(self.threads) if self.threads else nullcontext() as pool:
            each = map if pool is None else pool.map
            for first in range(0, len(indices), _AT_ONCE):
                if self.left <= 0:
                    return
                yield from each(self._encode, indices[first : first + _AT_ONCE])

    def _encode(self, index: int) -> str | None:
        found = self.content(index)
        return found if isinstance(found, Excerpt | None) else base64.b64encode(found).decode()

    def content(self, index: int) -> bytes | Excerpt | None:
        """Return the picture of an example as a WebP file, whatever room is left, or its text."""
        try:
            item = self.dataset[index]
            seen = item[0] if isinstance(item, tuple | list) else item
            words = _in_words(seen)
            return _as_webp(seen, self.side) if words is None else _excerpt(words)
        except Exception:  # noqa: BLE001 (a file that is gone: the page is of use without it)
            return None


class _Rows:
    """The rows of a data frame, as mappings from the names of its columns."""

    def __init__(self, frame: Any) -> None:
        self.columns = {str(name): [*series] for name, series in columns_of(frame)}

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {name: values[index] for name, values in self.columns.items()}


def _to_see(dataset: Any) -> Any:
    """Return what has the examples that a person is to see."""
    if dataset is None or is_array(dataset):
        return dataset
    return _Rows(dataset) if is_frame(dataset) else shown_view(dataset)


def _in_words(seen: Any) -> str | None:
    """Return a text, a row of a table or a few numbers as words; None for anything else."""
    if isinstance(seen, str):
        return seen
    if isinstance(seen, dict):
        return "; ".join(f"{name}: {_brief(value)}" for name, value in seen.items())
    if is_array(seen) and seen.ndim == 1 and len(seen) <= _NUMBERS:
        return ", ".join(_brief(value) for value in seen.tolist())
    return None


def _brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _as_webp(seen: Any, side: int) -> bytes | None:
    """Return what an item holds as the content of a WebP file; None where it is no picture.

    Args:
        seen: see :func:`as_image`.
        side: the longer side of the picture at most, in pixels.

    """
    image = as_image(seen)
    if image is None:
        return None
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()


def _excerpt(text: str) -> Excerpt:
    """Return the beginning of a text, in one line."""
    line = " ".join(text[: 4 * _LETTERS].split())
    whole = len(text) <= 4 * _LETTERS and len(line) <= _LETTERS
    return Excerpt(line if whole else f"{line[:_LETTERS]}…")


def as_image(value: Any) -> Image.Image | None:
    """Return what an item holds as a picture: PIL, (h, w), (h, w, c) or (c, h, w); else None.

    Numbers are bytes, or real numbers in [0, 1]; others (normalised images) are scaled to that.
    """
    if isinstance(value, Image.Image):
        if not is_deep(value):
            return value.convert("L") if value.mode in ("1", "L") else on_white(value)
        value = np.asarray(in_unit_range(value))
    if not is_array(value):
        return None
    pixels = value.detach().cpu() if isinstance(value, Tensor) else torch.from_numpy(value.copy())
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4) and pixels.shape[2] not in (1, 3, 4):
        pixels = pixels.movedim(0, -1)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        return None
    bytes_ = pixels if pixels.dtype == torch.uint8 else _as_bytes(pixels.double())
    array = np.ascontiguousarray(bytes_[..., :3].numpy() if pixels.ndim == 3 else bytes_.numpy())
    return Image.fromarray(array)


def _as_bytes(pixels: Tensor) -> Tensor:
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > 1:
        pixels = (pixels - low) / ((high - low) or 1)
    return (255 * pixels).round().to(torch.uint8)
