"""Row tiles of a triangular matrix: on the device, in host memory, or in a mapped file."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import tempfile
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Fills rows start:stop, columns 0:stop of the matrix into the last argument.
FillTile = Callable[[int, int, Tensor], object]

# On the device, for tiles that live elsewhere: one is worked on while the next is fetched and the
# last is stored. With fewer, copies and products would wait for each other; more would only wait.
_BUFFERS = 3


class Storage(NamedTuple):
    """Where row tiles live.

    Attributes:
        on_device: bytes of tiles to keep on the device that computes.
        folder: of a temporary file for the other tiles; None keeps them in host memory.
        anew: the other tiles live nowhere, and are filled whenever they are read.

    """

    on_device: int
    folder: str | os.PathLike[str] | None = None
    anew: bool = False


class Tile(NamedTuple):
    """A row tile: rows ``start:stop``, columns ``:stop``.

    Attributes:
        start: its first row.
        stop: one past its last row.
        home: returns its numbers, (B, stop - start, stop), where they live.
        away: whether that is not the device.

    """

    start: int
    stop: int
    home: Callable[[], Tensor]
    away: bool


class Tiles:
    """The row tiles of a batch of lower triangles, used from the first to the last.

    Args:
        bounds: (first row, one past the last) of each tile.
        fill: writes ``H[:, start:stop, :stop]`` into the (B, stop - start, stop) tensor it is
            given; called once per tile, of those to fill anew once for each reading.
        like: (B, n, k) tensor; its B, dtype and device are those of the tiles.
        storage: where they live; None keeps all on the device.

    Raises:
        OSError: the folder has no room for the file.

    """

    def __init__(
        self,
        bounds: Iterable[tuple[int, int]],
        fill: FillTile,
        like: Tensor,
        storage: Storage | None,
    ) -> None:
        self._like = like
        bounds = list(bounds)
        left_out = set() if storage is None else set(self._away(bounds, storage.on_device))
        anew = left_out if storage and storage.anew else set()
        away = left_out - anew
        place = self._place(sum(self._bytes(*b) for b in away), storage)
        self._tiles: deque[Tile] = deque()
        for start, stop in bounds:
            values = self._filled(fill, start, stop)
            if (start, stop) in away:
                home = place(values.shape)
                home().copy_(values)
            elif (start, stop) in anew:
                home = functools.partial(self._filled, fill, start, stop)
            else:
                home = functools.partial(_itself, values)
            self._tiles.append(Tile(start, stop, home, away=(start, stop) in away))
        # They go round: from here to the reader, to whoever works on the tile, to the writer, back.
        longest = max((math.prod(self._shape(*b)) for b in away), default=0)
        self._free: SimpleQueue[Tensor] = SimpleQueue()
        for _ in range(_BUFFERS if away else 0):
            self._free.put(like.new_empty(longest))
        self._cuda = like.device if like.device.type == "cuda" else None

    def pop(self) -> Tensor:
        """Take the first tile off, as (B, rows, stop) on the device."""
        tile = self._tiles.popleft()
        if not tile.away:
            return tile.home()
        return self._empty(tile.start, tile.stop).copy_(tile.home())

    def columns(self, first: int, last: int) -> Iterator[tuple[int, int, Tensor]]:
        """Yield (start, stop, columns ``first:last``) of every tile, to read."""
        for tile in self._tiles:
            yield tile.start, tile.stop, tile.home()[..., first:last].to(self._like.device)

    def each(self) -> Iterator[tuple[int, int, Tensor]]:
        """Yield (start, stop, numbers on the device) of every tile, to change in place.

        Not of tiles that are filled anew.

        Tiles that live elsewhere are fetched ahead and stored behind, in threads of their own.
        """
        yield from self._pass(change=True)

    def read(self) -> Iterator[tuple[int, int, Tensor]]:
        """Yield what :meth:`each` does, to read only: nothing is stored."""
        yield from self._pass(change=False)

    def _pass(self, *, change: bool) -> Iterator[tuple[int, int, Tensor]]:
        waiting = deque(tile for tile in self._tiles if tile.away)
        fetched: deque[Future[tuple[Tensor, Tensor]]] = deque()
        stored: list[Future[None]] = []
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:

            def fetch_next() -> None:
                if waiting:
                    fetched.append(reader.submit(self._fetch, waiting.popleft()))

            fetch_next()
            for tile in self._tiles:
                if not tile.away:
                    yield tile.start, tile.stop, tile.home()
                    continue
                buffer, values = fetched.popleft().result()
                fetch_next()  # while this one is worked on; waits itself for a buffer that is free
                yield tile.start, tile.stop, values
                # On a GPU the work is only asked for by now: the writer waits until it is done.
                computed = self._computed()
                stored.append(
                    writer.submit(self._store, tile, buffer, values, computed, change=change)
                )
            for store in stored:
                store.result()

    def _shape(self, start: int, stop: int) -> tuple[int, int, int]:
        return len(self._like), stop - start, stop

    def _filled(self, fill: FillTile, start: int, stop: int) -> Tensor:
        values = self._empty(start, stop)
        fill(start, stop, values)
        return values

    def _empty(self, start: int, stop: int) -> Tensor:
        return self._like.new_empty(self._shape(start, stop))

    def _bytes(self, start: int, stop: int) -> int:
        return math.prod(self._shape(start, stop)) * self._like.itemsize

    def _away(self, bounds: list[tuple[int, int]], room: int) -> Iterator[tuple[int, int]]:
        """Yield the tiles without room on the device, where the last stay: they are used most."""
        for bound in reversed(bounds):
            room -= self._bytes(*bound)
            if room < 0:
                yield bound

    def _place(
        self, size: int, storage: Storage | None
    ) -> Callable[[torch.Size], Callable[[], Tensor]]:
        if storage is None or storage.folder is None or not size:
            return self._in_host_memory
        return _MappedFile(storage.folder, size, self._like.dtype).place

    def _in_host_memory(self, shape: torch.Size) -> Callable[[], Tensor]:
        # Page-locked, or copies would not run beside the computation.
        pinned = self._like.device.type == "cuda"
        values = torch.empty(shape, dtype=self._like.dtype, device="cpu", pin_memory=pinned)
        return lambda: values

    def _fetch(self, tile: Tile) -> tuple[Tensor, Tensor]:
        buffer, shape = self._free.get(), self._shape(tile.start, tile.stop)
        values = buffer[: math.prod(shape)].view(shape)
        home = tile.home()  # mapped until the copy is done
        with self._copying():
            values.copy_(home, non_blocking=True)
        return buffer, values

    def _store(
        self,
        tile: Tile,
        buffer: Tensor,
        values: Tensor,
        computed: Callable[[], None],
        *,
        change: bool,
    ) -> None:
        try:
            computed()
            if change:
                home = tile.home()
                with self._copying():
                    home.copy_(values, non_blocking=True)
        finally:
            self._free.put(buffer)

    @contextlib.contextmanager
    def _copying(self) -> Iterator[None]:
        """Copy beside the computation, and be done at the end."""
        if self._cuda is None:
            yield
            return
        stream = torch.cuda.Stream(self._cuda)
        with torch.cuda.stream(stream):
            yield
        stream.synchronize()

    def _computed(self) -> Callable[[], None]:
        """Return what waits for the computations asked for so far."""
        if self._cuda is None:
            return lambda: None
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self._cuda))
        return event.synchronize


def _itself(values: Tensor) -> Tensor:
    return values


class _MappedFile:
    """A nameless temporary file, gone with the process; a part of it is mapped while in use."""

    def __init__(self, folder: str | os.PathLike[str], size: int, dtype: torch.dtype) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by the next line)
        weakref.finalize(self, self._file.close)
        self._file.truncate(size)
        if hasattr(os, "posix_fallocate"):  # a full disk fails here, not on a write
            os.posix_fallocate(self._file.fileno(), 0, size)
        self._used = 0
        self._dtype = torch.empty(0, dtype=dtype).numpy().dtype

    def place(self, shape: torch.Size) -> Callable[[], Tensor]:
        offset, self._used = self._used, self._used + math.prod(shape) * self._dtype.itemsize
        return lambda: torch.from_numpy(
            np.memmap(self._file, self._dtype, mode="r+", offset=offset, shape=tuple(shape))
        )
