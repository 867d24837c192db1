"""The arc-cosine kernel: unit rows, tiles of their Gram matrix, and the closest pairs in it."""

from torch_cgprune.kernel.gram import Scaling, gram_matrix, gram_tile, unit_rows

__all__ = ["Scaling", "gram_matrix", "gram_tile", "unit_rows"]
