"""A symmetric matrix in row tiles of its lower half, shared by ranks: what is asked of it whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from torch_cgprune.solver.tiles import Tiles
from torch_cgprune.utils.ranks import Ranks

Bounds = Sequence[tuple[int, int]]

# Rows that are converted at a time.
_CONVERTED = 128


class SymmetricMatrix:
    """One matrix H, of which each rank has some of the row tiles.

    Args:
        tiles: of this rank, a batch of one.
        bounds: (first row, one past the last) of the tiles of all ranks, dealt out in turn.
        like: (n, c) tensor; its n, dtype and device are those of the matrix.
        ranks: that share it.

    """

    def __init__(self, tiles: Tiles, bounds: Bounds, like: Tensor, ranks: Ranks) -> None:
        self._tiles, self.bounds, self._like, self._ranks = tiles, bounds, like, ranks

    def __matmul__(self, vectors: Tensor) -> Tensor:
        """Return ``H V`` for (n, c) vectors, the same on all ranks, by one exchange.

        In float64 for vectors in float64, whatever H is in.
        """
        with self._ranks.together():
            out = torch.zeros_like(vectors)
            for start, stop, tile in self._tiles.read():
                height = stop - start if tile.dtype == vectors.dtype else _CONVERTED
                for number, part in enumerate(tile[0].split(height)):
                    rows = part.to(vectors.dtype)
                    of = slice(start + number * height, start + number * height + len(rows))
                    out[of].addmm_(rows, vectors[:stop])
                    out[:start].addmm_(rows[:, :start].mT, vectors[of])
        self._ranks.sum(out)
        return out

    def columns(self, chosen: Tensor) -> Tensor:
        """Return the (n, m) columns of (m,) int64 ``chosen``, ascending."""
        with self._ranks.together():
            out = self._like.new_zeros(len(self._like), len(chosen))
            at = chosen.tolist()
            for start, stop, tile in self._tiles.read():
                left = sum(column < stop for column in at)
                own = [i for i in range(left) if at[i] >= start]
                out[start:stop, :left] = tile[0][:, chosen[:left].to(tile.device)]
                if own and start:
                    rows = tile[0][chosen[own].to(tile.device) - start]
                    out[:start, own[0] : own[-1] + 1] = rows[:, :start].mT
        self._ranks.sum(out)
        return out

    def parts(self) -> Iterator[tuple[int, int, Tensor]]:
        """Yield (start, stop, the square on the diagonal) of each of this rank's tiles."""
        for start, stop, tile in self._tiles.read():
            yield start, stop, tile[0][:, start:].clone()

    def gather(self, own: Sequence[Tensor], shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """Return one tensor a tile, of all ranks, from those of this rank's tiles."""
        mine, gathered = iter(own), []
        for number, shape in enumerate(shapes):
            owner = number % self._ranks.size
            # Laid out alike on all ranks, whose products would differ in the last bits otherwise.
            own_turn = owner == self._ranks.rank
            tensor = next(mine).contiguous() if own_turn else self._like.new_empty(shape)
            self._ranks.broadcast(tensor, owner)
            gathered.append(tensor)
        return gathered
