"""Solve positive definite systems, with the diagonal of the inverse, tile by tile."""

from torch_cgprune.solver.sweep import Solution, default_tile_rows, flops, numbers, sweep
from torch_cgprune.solver.tiles import Storage

__all__ = [
    "Solution",
    "Storage",
    "default_tile_rows",
    "flops",
    "numbers",
    "sweep",
]
