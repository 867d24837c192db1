"""RESULTS.md: what the modules show of their measurements, under a heading each."""

import importlib
import re
import textwrap
from pathlib import Path
from typing import Any

from paper.claims import render_claims
from paper.data import Data
from paper.results import devices_of, rows_of

# The order in which they are measured: cheap ones first.
MODULES = (
    *("table1", "table2", "table3", "table4", "table5"),
    *("figure1", "noise", "figure5", "figure7", "equation8"),
    *("figure15", "figure2", "figure4", "figure6", "figure16", "figure10"),
)
# The order in which they are shown: the paper's.
SHOWN = (
    *("table1", "table2", "table3", "table4", "table5"),
    *("figure1", "figure2", "noise", "figure4", "figure5", "figure6", "figure7"),
    *("figure10", "figure15", "figure16", "equation8"),
)
TITLE = """\
# The paper, regenerated

Tables and figures of Ki, Choi, Chung: Data valuation without training of a model (ICLR 2023), by
`python examples/paper --all --scale {scale} --data NAME=FOLDER ...`. {about} A cell
without a figure says whether it waits ("not run yet") or needs what is not on this machine ("not
run here"). The paper's figures stand beside ours where we have them for certain ("see paper" where
not). What holds of what the paper says is in the [table of claims](#claims) at the end."""


def write_page(folder: Path, data: Data) -> None:
    """Write RESULTS.md into a folder, from the measurements in it at the scale of the data."""
    rows = {name: rows_of(_file(folder, name), data.scale.name) for name in MODULES}
    parts = [TITLE.format(scale=data.scale.name, about=_about(data))]
    for name in SHOWN:
        module: Any = importlib.import_module(f"paper.{name}")
        parts += [module.render(rows[name], data, folder), *_measured_on(folder, name, data)]
    parts.append(render_claims(rows, data))
    folder.mkdir(parents=True, exist_ok=True)
    blocks = "\n\n".join(parts).split("\n\n")
    page = "\n\n".join(map(wrapped, blocks)) + "\n"
    (folder / "RESULTS.md").write_text(page, encoding="utf-8")


def wrapped(block: str) -> str:
    """Return a block of Markdown in lines of 100 letters, if it is prose; code stays together."""
    if block.startswith(("#", "|", "![")):
        return block
    bound = re.sub("`[^`]*`", lambda code: code[0].replace(" ", "\0"), block)
    lines = textwrap.fill(bound, 100, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\0", " ")


def _file(folder: Path, name: str) -> Path:
    return folder / "results" / f"{name}.jsonl"


def _measured_on(folder: Path, name: str, data: Data) -> list[str]:
    """Return on what a module's rows were computed, where there are any."""
    devices = sorted(devices_of(_file(folder, name), data.scale.name))
    return [f"(Computed on: {', '.join(devices)}.)"] if devices else []


def _about(data: Data) -> str:
    scale = data.scale
    examples = "All examples" if scale.examples is None else f"At most {scale.examples:,} examples"
    return (
        f"{examples} of a data set are taken, at random; stochastic scores are of {scale.runs} "
        "draws; figures are of one seed, with ± the mean and the standard deviation over "
        f"{scale.seeds} at most."
    )
