"""What the study of pruning trains, in which order, and the tables of what came out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from json_lines import read_rows

# What coverage-centric selection leaves out for being hardest (Zheng et al. 2023), by share kept.
CUTS = {0.6: 0.0, 0.3: 0.1, 0.1: 0.3}
TRAINED = ("random", "redrawn", "soft", "low-first", "herding", "auto")
DRAWN_ONCE = ("stratified", "high-first")
ON_PIXELS = ("low-first", "soft", "herding")
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Cell:
    """One training.

    Attributes:
        policy: which examples; "all" for all of them.
        keep: share of the examples.
        space: "encoder" or "pixels", what scores or herding were computed on; "" for neither.
        steps: of the optimiser.
        seed: of the training and of draws.
        examples: how many there are to choose from, drawn at random; 0 for the whole data set.

    """

    policy: str
    keep: float = 1.0
    space: str = ""
    steps: int = 800
    seed: int = 0
    examples: int = 0


def plan(steps: int) -> Iterator[Cell]:
    """Yield what is trained, most telling first.

    Args:
        steps: of a short training; long ones have three times as many.

    """
    for seed in SEEDS:
        yield Cell("all", steps=steps, seed=seed)
        for keep in CUTS:
            yield from (cell_of(policy, keep, steps, seed) for policy in TRAINED)
    for seed in SEEDS:
        for keep in CUTS:
            yield from (cell_of(policy, keep, steps, seed) for policy in DRAWN_ONCE)
            yield from (Cell(policy, keep, "pixels", steps, seed) for policy in ON_PIXELS)
    for seed in SEEDS:
        # The time saved: as many passes, of fewer examples.
        yield Cell("all", steps=round(0.6 * steps), seed=seed)
        for keep in (0.6, 0.3):
            yield from (cell_of(policy, keep, round(keep * steps), seed) for policy in TRAINED)
    for seed in SEEDS:
        yield Cell("all", steps=3 * steps, seed=seed)
        for keep in (0.6, 0.3):
            yield from (cell_of(policy, keep, 3 * steps, seed) for policy in TRAINED)


def cell_of(policy: str, keep: float, steps: int, seed: int = 0) -> Cell:
    """Return the training of a policy, in the space in which it is first."""
    by_chance = policy in ("random", "redrawn")
    return Cell(policy, keep, "" if by_chance else "encoder", steps, seed)


def known(path: Path, data: str, architecture: str) -> dict[Cell, float]:
    """Return the accuracies in a file of results."""
    found = {}
    for row in read_rows(path):
        if (row["data"], row["architecture"]) == (data, architecture):
            found[Cell(**row["cell"])] = row["accuracy"]
    return found


def print_tables(data: str, done: dict[Cell, float]) -> None:
    """Print test accuracies: a row a policy and space, a column a share, a table a length."""
    for examples, steps in sorted({(cell.examples, cell.steps) for cell in done}):
        here = {c: done[c] for c in done if (c.examples, c.steps) == (examples, steps)}
        shares = sorted({cell.keep for cell in here}, reverse=True)
        rows = sorted({(cell.policy, cell.space) for cell in here}, key=_place)
        of = f" ({examples:,} examples)" if examples else ""
        print(f"\n{data}{of}, {steps} steps; test accuracy in percent\n")
        print("| kept by | " + " | ".join(f"{share:.0%}" for share in shares) + " |")
        print("| --- |" + " ---: |" * len(shares))
        for policy, space in rows:
            cells = [_shown(here, policy, share, space) for share in shares]
            print(f"| {policy}{f', {space}' if space else ''} | {' | '.join(cells)} |")


def _place(row: tuple[str, str]) -> tuple[int, str]:
    """Return what rows of a table are ordered by: the policy, then the space."""
    return ("all", *TRAINED, *DRAWN_ONCE).index(row[0]), row[1]


def _shown(done: dict[Cell, float], policy: str, share: float, space: str) -> str:
    found = [done[c] for c in done if (c.policy, c.keep, c.space) == (policy, share, space)]
    if not found:
        return ""
    mean = sum(found) / len(found)
    spread = f" ± {(max(found) - min(found)) / 2:.2f}" if found[1:] else ""
    return f"{mean:.2f}{spread}"
