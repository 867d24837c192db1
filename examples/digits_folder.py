"""A folder to try the shell on: `python examples/digits_folder.py FOLDER` (no download).

Writes scikit-learn's 1,797 digits to FOLDER/<class>/<number>.png, every twentieth into the folder
of a wrong class, as people mislay them.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

WRONG = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    images, wrong = write_folder(folder)
    print(f"{images} images in {folder}, {wrong} of them in a wrong folder")


def write_folder(folder: Path) -> tuple[int, int]:
    """Write the images, and return how many there are, and how many in a wrong folder."""
    digits, rng = load_digits(), np.random.default_rng(0)
    classes = digits.target.copy()
    wrong = rng.permutation(len(classes))[: round(WRONG * len(classes))]
    classes[wrong] = (classes[wrong] + rng.integers(1, 10, len(wrong))) % 10
    for i, (image, c) in enumerate(zip(digits.images, classes, strict=True)):
        path = folder / str(c) / f"{i:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255 / 16).astype(np.uint8)).save(path)
    return len(classes), len(wrong)


if __name__ == "__main__":
    main()
