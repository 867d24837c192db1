"""The settings of the study of wrong labels: images, and the ways in which labels go wrong."""

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import example_data
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

from torch_cgprune.encoders import encode_dataset

# The class that each class is taken for, by people: digits by their shape, clothes, CIFAR-10.
DIGITS = (6, 7, 7, 8, 9, 6, 0, 1, 3, 4)
FASHION = (6, 3, 4, 0, 2, 7, 0, 9, 0, 7)
CIFAR = (2, 9, 4, 5, 2, 3, 4, 5, 0, 1)
# People take the easiest class for another one this often, and the hardest, ...
RATES = (0.02, 0.30)
# ... and for its look-alike in this share of the cases.
ALIKE = 2 / 3


class Source(NamedTuple):
    """Examples, of which every noise makes a setting.

    Attributes:
        family: of settings, over which results are averaged.
        data: what the examples are.
        features: what is known of each.
        noises: by name, what makes the (n,) given classes of the (n,) true ones.
        load: reads (n, d) rows and (n,) true classes, not before they are needed.

    """

    family: str
    data: str
    features: str
    noises: dict[str, Callable[[Tensor], Tensor]]
    load: Callable[[], tuple[Tensor, Tensor]]


def symmetric(shares: Iterable[float]) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return a noise for each share of labels that become any other class."""
    return {
        f"{100 * share:g} % symmetric" if share else "clean": partial(
            example_data.corrupted, share=share
        )
        for share in shares
    }


def people(labels: Tensor, look_alikes: tuple[int, ...]) -> Tensor:
    """Give labels as people err: classes are hard or easy, and most errors go to the look-alike.

    Args:
        labels: (n,) true classes.
        look_alikes: of each of the k classes, the one that it is most often taken for.

    """
    rng = torch.Generator().manual_seed(0)
    n, k = len(labels), len(look_alikes)
    rates = torch.linspace(*RATES, k)[torch.randperm(k, generator=rng)]
    wrong = torch.rand(n, generator=rng) < rates[labels]
    alike = torch.rand(n, generator=rng) < ALIKE
    anywhere = (labels + torch.randint(1, k, (n,), generator=rng)) % k
    return torch.where(alike, torch.tensor(look_alikes)[labels], anywhere).where(wrong, labels)


def images(args: Namespace) -> Iterator[Source]:
    """Yield images, by their pixels and by what the pretrained encoder makes of them."""
    for name in args.data:
        noises = symmetric(args.symmetric)
        for share in args.asymmetric:
            noises[f"{100 * share:g} % asymmetric"] = partial(
                example_data.corrupted, share=share, swaps=example_data.swaps(name)
            )
        if args.people:
            look_alikes = {"digits": DIGITS, "fashion-mnist": FASHION}.get(name, CIFAR)
            noises["people"] = partial(people, look_alikes=look_alikes)
        title = Path(name).resolve().name + (f"[:{args.examples}]" if args.examples else "")
        for kind in args.features:
            load = partial(read_images, name, kind, args)
            yield Source("images", title, kind, noises, load)


def read_images(name: str, kind: str, args: Namespace) -> tuple[Tensor, Tensor]:
    """Return (n, d) features of images, and (n,) true classes."""
    data = some(example_data.load(name, args.root)[0], args.examples)
    inputs, labels = example_data.in_memory(data)
    k = int(labels.max()) + 1
    if k != len(CIFAR) and (args.asymmetric or args.people):
        raise SystemExit(
            f"Which classes look alike is known of CIFAR-10, and {name} has {k} classes: "
            "add '--asymmetric --no-people'."
        )
    if kind == "pixels":
        return inputs.flatten(1), labels
    encoder = example_data.pretrained(args.cache, name, f"-{len(labels)}")
    read, _ = encode_dataset(TensorDataset(inputs, labels), encoder)
    return read.features, labels


def some(data: Dataset[Any], examples: int | None) -> Dataset[Any]:
    """Return a random part of the data, the same every time."""
    n = len(data)  # type: ignore[arg-type]
    if examples is None or examples >= n:
        return data
    chosen = torch.randperm(n, generator=torch.Generator().manual_seed(0))[:examples]
    return (
        TensorDataset(*data[chosen])
        if isinstance(data, TensorDataset)
        else Subset(data, chosen.tolist())
    )
