"""What a user names on the command line, as a dataset: a folder, a file, a torchvision dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torchvision import datasets, transforms

from torch_cgprune.cli.array_files import ARRAYS, load_labels, open_arrays
from torch_cgprune.cli.class_folders import open_folder
from torch_cgprune.cli.image_files import ListedImages, in_three_channels
from torch_cgprune.cli.opened import Opened
from torch_cgprune.cli.skipping import without_bad
from torch_cgprune.utils.files import open_matrix

KNOWN = {
    "cifar10": datasets.CIFAR10,
    "cifar100": datasets.CIFAR100,
    "fashion-mnist": datasets.FashionMNIST,
    "mnist": datasets.MNIST,
}


def open_source(
    source: str,
    *,
    labels: str | None = None,
    keys: tuple[str, str] | None = None,
    features: str | None = None,
    encoder: str | None = None,
    resize: int | None = None,
    skip_unreadable: bool = False,
    download: bool = False,
    progress: bool = True,
    part: str = "train",
    labelled: bool = True,
) -> Opened:
    """Open a dataset by the name a user gives it.

    Args:
        source: a folder with one folder of images per class; a CSV file with the columns ``path``
            and ``label``; an ``.npz``, ``.npy`` or ``.safetensors`` file of features and labels; or
            ``NAME:ROOT``, a dataset of torchvision (``KNOWN``).
        labels: a file of labels, ``.npy`` or one a line; an ``.npy`` file needs it.
        keys: what features and labels are called in an ``.npz`` or ``.safetensors`` file.
        features: a file of features to score instead of images.
        encoder: the name of what makes features of the images or texts; it is not looked at.
        resize: the side to scale images to, in pixels.
        skip_unreadable: leave out files that cannot be read, and images or rows that are all zeros
            or hold NaN.
        download: let torchvision fetch what is not there.
        progress: show progress bars.
        part: ``"train"`` or ``"test"``, of a dataset of torchvision.
        labelled: False if an ``.npy`` file may go without labels.

    Raises:
        FileNotFoundError, ValueError: no such source, or an option that it does not take.

    """
    name, colon, root = source.partition(":")
    is_known, path = bool(colon) and name in KNOWN, Path(source)
    is_array = not is_known and path.suffix.lower() in ARRAYS and not path.is_dir()
    skips = skip_unreadable or None
    options = {
        "keys": keys,
        "features": features,
        "encoder": encoder,
        "resize": resize,
        "skip_unreadable": skips,
    }
    _check_options(source, options, is_array=is_array, is_known=is_known)
    if is_array:
        wanted = labels is None and (labelled or path.suffix.lower() != ".npy")
        matrix, own = open_arrays(path, keys or ("features", "labels"), labelled=wanted)
        opened = Opened(matrix, matrix, load_labels(labels) if labels else own)
    else:
        opened = Opened(
            _torchvision(name, root, part, download=download) if is_known else _files(path),
            None if features is None else open_matrix(features),
            load_labels(labels) if labels else None,
            _transform(resize, files=not is_known),
        )
    if not skip_unreadable:
        return opened
    return without_bad(opened, encoded=encoder is not None, progress=progress)


def _transform(resize: int | None, *, files: bool) -> Callable[[Any], Any] | None:
    steps: list[Callable[[Any], Any]] = [transforms.Resize((resize, resize))] if resize else []
    if files:
        steps.append(in_three_channels)
    return transforms.Compose(steps) if steps[1:] else next(iter(steps), None)


def _files(path: Path) -> Any:
    """Open a folder of images, or a list of them."""
    if path.is_dir():
        return open_folder(path)
    if path.is_file() and path.suffix.lower() == ".csv":
        return ListedImages(path)
    raise FileNotFoundError(
        f"There is no source {str(path)!r}. Name a folder with one folder of images per class, a "
        ".csv file of paths and labels, an .npz, .npy or .safetensors file of features, or one of "
        f"{', '.join(f'{known}:ROOT' for known in KNOWN)}."
    )


def _check_options(source: str, options: dict[str, Any], *, is_array: bool, is_known: bool) -> None:
    """Raise ValueError for an option that the source does not take."""
    taken = {
        "images": not is_array,
        "images or texts": not is_array,
        "files": not is_known,
        "an .npz or .safetensors file": is_array and not source.lower().endswith(".npy"),
    }
    kinds = {
        "keys": "an .npz or .safetensors file",
        "encoder": "images or texts",
        "skip_unreadable": "files",
    }
    for option, value in options.items():
        kind = kinds.get(option, "images")
        if value is not None and not taken[kind]:
            raise ValueError(
                f"The option --{option.replace('_', '-')} is for {kind}. Got it with {source!r}: "
                "leave it out."
            )


def _torchvision(name: str, root: str, part: str, *, download: bool) -> Any:
    try:
        return KNOWN[name](root, train=part == "train", download=download)
    except RuntimeError as error:
        if download:
            raise
        raise FileNotFoundError(
            f"There is no {KNOWN[name].__name__} below {root!r}, or it is damaged. Name the folder "
            "it was downloaded to before, or pass --download."
        ) from error
