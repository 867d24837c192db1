"""Solve positive definite systems, with the diagonal of the inverse, by a sweep or by iteration."""

from torch_cgprune.solver.conjugate import Kept, State
from torch_cgprune.solver.iterative import Iterated, iterate, iterative_numbers
from torch_cgprune.solver.sweep import Solution, default_tile_rows, flops, numbers, sweep
from torch_cgprune.solver.tiles import Storage

__all__ = [
    "Iterated",
    "Kept",
    "Solution",
    "State",
    "Storage",
    "default_tile_rows",
    "flops",
    "iterate",
    "iterative_numbers",
    "numbers",
    "sweep",
]
