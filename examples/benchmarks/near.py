"""Near copies found: `python examples/benchmarks/near.py fashion-mnist`, or FOLDER of photographs.

Of 1,000 images, 200 have a variant each, 50 of each kind: saved again as JPEG, cropped by a
sixteenth at every side, mirrored, brighter. Found are the pairs of a cosine from `near` on, in
pixels and in the space of EfficientNet-lite0. Then what the pairs cost.
"""

import argparse
import io
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from measuring import clustered, machine
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

import example_data

from torch_cgprune import cg_scores
from torch_cgprune.encoders import encode_dataset
from torch_cgprune.inputs.reading import read_dataset

IMAGES, VARIANTS = 1000, 50
PIXELS = (0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
ENCODED = (0.75, 0.8, 0.85, 0.9, 0.95)


def saved_again(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return Image.open(buffer).convert("RGB")


def cropped(image: Image.Image) -> Image.Image:
    edge = image.width // 16
    inner = (edge, edge, image.width - edge, image.height - edge)
    return image.crop(inner).resize(image.size, Image.Resampling.BILINEAR)


def brighter(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.3)


KINDS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG": saved_again,
    "crop": cropped,
    "mirror": ImageOps.mirror,
    "bright": brighter,
}


def with_variants(data: str, root: Path) -> list[tuple[Image.Image, int]]:
    """Return 1,000 images and their labels, then the variants of the first 200, kind by kind."""
    images: Any = example_data.load(data, root)[0]
    images.transform = None
    rng = torch.Generator().manual_seed(0)
    drawn = torch.randperm(len(images), generator=rng)[:IMAGES].tolist()
    items = [(image.convert("RGB"), label) for image, label in (images[i] for i in drawn)]
    for number, change in enumerate(KINDS.values()):
        first = number * VARIANTS
        items += [(change(image), label) for image, label in items[first : first + VARIANTS]]
    return items


def table(name: str, features: Tensor, labels: Any, values: Sequence[float]) -> None:
    """Print what is found in a space, by the cosine from which on."""
    scores = cg_scores(features, labels, near=min(values), progress=False)
    assert scores.near_copies is not None
    assert scores.near_cosines is not None
    pairs, cosines = scores.near_copies, scores.near_cosines
    right = pairs[:, 1] - pairs[:, 0] == IMAGES
    print(f"\n{name}\n")
    print(f"|  near | pairs | precision | recall | {' | '.join(map('{:>6}'.format, KINDS))} |")
    print(f"|------:|------:|----------:|-------:|{'|'.join('-------:' for _ in KINDS)}|")
    for near in values:
        inside = cosines >= near
        kinds = (pairs[inside & right, 0] // VARIANTS).bincount(minlength=len(KINDS))
        shares = " | ".join(f"{int(hits) / VARIANTS:6.0%}" for hits in kinds)
        found, hits = int(inside.sum()), int(kinds.sum())
        precision = f"{hits / found:.1%}" if found else ""
        recall = hits / (VARIANTS * len(KINDS))
        print(f"| {near:5} | {found:5} | {precision:>9} | {recall:6.1%} | {shares} |", flush=True)


def cost(n: int) -> None:
    """Print the processor's time of a scoring with pairs beside that of one without, in turn."""
    features, labels = clustered(n)
    for method in ("exact", "local"):
        seconds: dict[float | None, list[float]] = {None: [], 0.9: [], 0.2: []}
        pairs: dict[float | None, int] = {}
        for _ in range(3):
            for near, taken in seconds.items():
                start = time.process_time()
                scores = cg_scores(features, labels, method=method, near=near, progress=False)
                taken.append(time.process_time() - start)
                pairs[near] = 0 if scores.near_copies is None else len(scores.near_copies)
        alone, *others = (min(taken) for taken in seconds.values())
        said = [
            f"{share / alone:.3f} of it with near={near} ({pairs[near]} pairs)"
            for near, share in zip([*seconds][1:], others, strict=True)
        ]
        print(f"{method}, {n} x {features.shape[1]}: {alone:.1f} s, {', '.join(said)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", help="fashion-mnist, or a folder with train/<class>/*")
    parser.add_argument("--root", type=Path, default=Path("data"), help="of Fashion-MNIST")
    parser.add_argument(
        "--cost", type=int, default=4000, metavar="N", help="examples of the timing"
    )
    args = parser.parse_args()
    print(f"{args.data}; {machine()}")
    items = with_variants(args.data, args.root)
    pixels, labels = read_dataset(items, progress=False)
    encoded, _ = encode_dataset(items, example_data.pretrained(None, args.data), progress=False)
    table("pixels", pixels, labels, PIXELS)
    table("EfficientNet-lite0", encoded.features, labels, ENCODED)
    print()
    cost(args.cost)


if __name__ == "__main__":
    main()
