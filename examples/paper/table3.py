"""Table 3: the rates of the trainings, and which of them are the paper's."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from paper.data import Data
from paper.results import Cell, Row
from paper.shown import pick, table
from paper.training import NETWORKS, recipe

# Of CIFAR; Fashion-MNIST has 60,000.
EXAMPLES = 50_000
CODE = "their published code"
# The networks of the paper, on which data, and where our settings are from.
PAPER = {
    "resnet18": ("fashion-mnist, cifar10", CODE),
    "resnet50": ("cifar100", CODE),
    "densenet": ("see paper", "set by us, as for the ResNets"),
    "vit": ("see paper", "set by us, after Dosovitskiy et al., fewer epochs"),
    "fast": ("all, at scales smoke and small", "ours: in place of the paper's networks"),
}
NOTE = (
    "All take SGD. The authors' published code (github.com/JJchy/CG_score) has by default: "
    "ResNet-18, momentum 0.9, a rate of 0.1 that falls along a cosine, 200 epochs, batches of 128, "
    "weight decay 0.0005. Open: whether Table 3 prints other rates for some data sets; what it "
    "prints is not copied here."
)
HEADER = (
    *("network", "data", "rate, the paper", "rate, ours", "schedule", "epochs of 50,000"),
    *("batch", "momentum", "weight decay", "known from"),
)


def cells(data: Data, _: Path) -> Iterator[Cell]:
    for network in PAPER:
        yield Cell({"network": network}, partial(settings, data, network))


def settings(data: Data, network: str) -> Row:
    """Return how a network is trained at this scale."""
    how = recipe(network, EXAMPLES, data.scale.name)
    return {
        "rate": how.rate,
        "schedule": "cosine" if how.cosine else "one cycle",
        "steps": how.steps,
        "epochs": how.steps / how.epoch_steps(EXAMPLES),
        "batch": how.batch_size,
        "momentum": how.momentum,
        "decay": how.decay,
    }


def render(rows: list[Row], data: Data, _: Path) -> str:
    lines = [_line(row) for network in PAPER for row in pick(rows, network=network)]
    said = table(HEADER, lines) if lines else "Not run yet."
    used = f"What trains at this scale is {NETWORKS[data.scale.name]!r}."
    return f"## Table 3\n\nHow the networks are trained. {used}\n\n{said}\n\n{NOTE}"


def _line(row: Row) -> list[str]:
    trained_on, source = PAPER[row["network"]]
    epochs, rate, momentum = f"{row['epochs']:.0f}", f"{row['rate']:g}", f"{row['momentum']:g}"
    ours = [rate, row["schedule"], epochs, str(row["batch"]), momentum, f"{row['decay']:g}"]
    return [row["network"], trained_on, "see paper", *ours, source]
