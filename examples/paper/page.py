"""RESULTS.md: what the modules show of their measurements, under a heading each."""

import importlib
from pathlib import Path
from typing import Any

from paper.claims import render_claims
from paper.data import Data
from paper.results import Row, devices_of, rows_of

# Cheap ones first: the order in which they are measured, and shown.
MODULES = (
    *("table1", "table2", "table3", "table4", "table5"),
    *("figure1", "noise", "figure5", "figure7", "equation8"),
    *("figure15", "figure2", "figure4", "figure6", "figure16", "figure10"),
)
TITLE = """\
# The paper, regenerated

Tables and figures of Ki, Choi, Chung: Data valuation without training of a model (ICLR 2023), by
`python examples/paper --all --scale {scale} --data NAME=FOLDER ...`; {about}. A
cell without a figure says that it was not run here; figures of the paper stand beside ours where we
have them for certain."""


def write_page(folder: Path, data: Data) -> None:
    """Write RESULTS.md into a folder, from the measurements in it at the scale of the data."""
    rows: dict[str, list[Row]] = {}
    parts = [TITLE.format(scale=data.scale.name, about=_about(data))]
    for name in MODULES:
        module: Any = importlib.import_module(f"paper.{name}")
        rows[name] = rows_of(_file(folder, name), data.scale.name)
        parts += [module.render(rows[name], data, folder), *_measured_on(folder, name, data)]
    parts.append(render_claims(rows))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _file(folder: Path, name: str) -> Path:
    return folder / "results" / f"{name}.jsonl"


def _measured_on(folder: Path, name: str, data: Data) -> list[str]:
    """Return on what a module's rows were computed, where there are any."""
    devices = sorted(devices_of(_file(folder, name), data.scale.name))
    return [f"(Computed on: {', '.join(devices)}.)"] if devices else []


def _about(data: Data) -> str:
    scale = data.scale
    examples = "all examples" if scale.examples is None else f"at most {scale.examples:,} examples"
    return (
        f"{examples} of a data set, drawn at random, {scale.runs} draws of stochastic scores, mean "
        f"and standard deviation over {scale.seeds} seeds where there are several"
    )
