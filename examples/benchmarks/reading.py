"""Reading image files: `python examples/benchmarks/reading.py [FILES]`, 1,500 without.

The seconds in which the command line reads a folder, with what it chooses by the files' size, and
those of a plain DataLoader, in turn, the best of three. Files are written for it: noise that is
smooth, so that a JPEG of 300 x 300 pixels has some 20 kB.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from measuring import machine
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import ToTensor
from torchvision.transforms.functional import to_pil_image

from torch_cgprune.cli.source import open_source
from torch_cgprune.cli.unreadable import workers_of
from torch_cgprune.inputs.reading import read_images

TURNS = 3


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    print(f"{files} files; {machine()}")
    print("| files | DataLoader | with 2 workers | here | by |")
    print("| --- | ---: | ---: | ---: | --- |")
    for side in (32, 300):
        for kind in ("png", "jpg"):
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder), files, side, kind)
                compare(folder, f"{kind} of {side} x {side}")


def write(folder: Path, files: int, side: int, kind: str) -> None:
    """Write smooth noise in two classes."""
    rng = torch.Generator().manual_seed(0)
    for i in range(files):
        place = folder / "ab"[i % 2]
        place.mkdir(exist_ok=True)
        noise = torch.rand(3, 32, 32, generator=rng)
        image: Image.Image = to_pil_image(noise).resize((side, side), Image.Resampling.BICUBIC)
        image.save(place / f"{i:06}.{kind}")


def compare(folder: str, called: str) -> None:
    ways: dict[str, Callable[[], object]] = {
        "0": lambda: plain(folder, 0),
        "2": lambda: plain(folder, 2),
        "here": lambda: here(folder),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(TURNS):
        for name, read in ways.items():
            start = time.perf_counter()
            read()
            best[name] = min(best[name], time.perf_counter() - start)
    opened = open_source(folder, progress=False)
    workers = workers_of(opened, None)
    threads = getattr(opened.dataset, "reading_threads", 0)
    by = f"{threads} threads" if threads else f"{workers or 'no'} workers"
    print(f"| {called} | {' | '.join(f'{best[name]:.2f} s' for name in ways)} | {by} |", flush=True)


def plain(folder: str, workers: int) -> None:
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
        ImageFolder(folder, transform=ToTensor()), batch_size=256, num_workers=workers
    )
    for _ in loader:
        pass


def here(folder: str) -> None:
    opened = open_source(folder, progress=False)
    workers = workers_of(opened, None)
    for _ in read_images(opened.dataset, num_workers=workers, progress=False):
        pass


if __name__ == "__main__":
    main()
