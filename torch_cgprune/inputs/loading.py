"""Items in batches, read in this process or by workers whose reading is compared with it.

A dataset says with ``reading_threads`` that threads may read its items, and how many.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from torch_cgprune.errors import (
    Argument,
    DetailedError,
    Message,
    UnreadableItemError,
    UnstableDatasetError,
)
from torch_cgprune.inputs.items import Items, same_marks
from torch_cgprune.utils.devices import plain_settings

BATCH = 256
# Below this many items, starting worker processes takes longer than reading.
_WORKERS_FROM = 4096
# Of so many items one is read again after workers, and of any number so many: where 1 in 50 items
# is read wrongly, none of them is seen with probability 0.98^256 = 0.006.
_ONE_IN = 16
_FEWEST, _MOST = 16, 256


def workers_for(n: int) -> int:
    """Return how many worker processes read n image files fastest, each opening its own.

    A dataset of a user's may share an open file or a GPU with its workers, which then read wrongly
    or not at all: there, only who wrote it can ask for any.
    """
    # Spawned workers would import the caller's script anew and need its transforms pickled.
    # allow_none: asking otherwise would settle the method, and the caller could choose none.
    chosen = multiprocessing.get_start_method(allow_none=True)
    method = chosen or multiprocessing.get_all_start_methods()[0]  # the first is the default
    if n < _WORKERS_FROM or method != "fork":
        return 0
    return cores()


def cores() -> int:
    """Return how many cores may read."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on every platform
    return min(len(allowed(0)) if allowed else os.cpu_count() or 1, 8)


def spread(n: int, count: int) -> list[int]:
    """Return ``count`` of n indices, or all there are, at equal distances from first to last."""
    return sorted({i * (n - 1) // (count - 1) for i in range(count)})


def batches(
    items: Items,
    indices: Sequence[int],
    num_workers: int | None,
    *,
    progress: bool,
    batch_size: int = BATCH,
) -> Iterator[Any]:
    """Yield the items at ``indices`` in batches, as their ``collate`` makes them.

    Args:
        items: of a dataset.
        indices: m of them.
        num_workers: processes that read; None or 0 reads in this one, with the dataset's threads.
        progress: show a progress bar in items.
        batch_size: items at a time.

    Raises:
        UnstableDatasetError: workers read an item, or failed to, and this process reads another.
        UnreadableItemError: an item that the dataset does not give.

    """
    threads = 0 if num_workers else getattr(items.dataset, "reading_threads", 0)
    loader: Iterable[Any]
    if threads:
        loader = _in_threads(items, indices, batch_size, threads)
    else:
        loader = DataLoader(
            _Guarded(items) if num_workers else items,
            batch_size=batch_size,
            sampler=indices,
            num_workers=num_workers or 0,
            collate_fn=_Collate(items) if num_workers else items.collate,
            generator=torch.Generator("cpu"),  # else the loader draws from the global one
        )
    count = min(max(len(indices) // _ONE_IN, _FEWEST), _MOST)
    compared = spread(len(indices), count) if num_workers else []
    marks: dict[int, Any] = {}
    done = 0
    with tqdm(total=len(indices), desc="Reading items", unit="item", disable=not progress) as bar:
        reading = _pulled(loader)
        for batch in reading:
            if isinstance(batch, Exception | _Failed):
                reading.close()  # workers end, so that nothing moves beneath the second reading
                raise batch if isinstance(batch, Exception) else _why(items, batch)
            within = range(done, min(done + batch_size, len(indices)))
            marks |= {i: items.mark(batch, i - done) for i in compared if i in within}
            yield batch
            done = within.stop
            bar.update(len(within))
    _compare(items, {indices[i]: mark for i, mark in marks.items()})


def _in_threads(
    items: Items, indices: Sequence[int], batch_size: int, threads: int
) -> Iterator[Any]:
    """Yield the batches in order; the next is read while whoever takes one works on it."""
    ahead: deque[list[Future[Any]]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for start in range(0, len(indices), batch_size):
            chosen = indices[start : start + batch_size]
            ahead.append([pool.submit(items.__getitem__, i) for i in chosen])
            if len(ahead) > 1:
                yield items.collate([item.result() for item in ahead.popleft()])
        yield items.collate([item.result() for item in ahead.popleft()])
    finally:
        pool.shutdown(cancel_futures=True)


def _pulled(loader: Iterable[Any]) -> Generator[Any, None, None]:
    """Yield the batches; settings hold while one is read, and not for whoever takes it."""
    with plain_settings():
        reading = iter(loader)
    while True:
        with plain_settings():
            batch = _next(reading)
        if batch is None:
            return
        yield batch


def _next(reading: Iterator[Any]) -> Any:
    try:
        return next(reading, None)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise UnreadableItemError(
            "A worker process ended while it read items: %s.",
            error,
            cure=Message("Pass %s: where they are read in this one, the cause shows.", _NONE),
        ) from error


def _compare(items: Items, marks: dict[int, Any]) -> None:
    """Raise unless items have the marks that they had for the workers."""
    for index, mark in marks.items():
        with plain_settings():
            again = items.mark_of(index)
        if not same_marks(mark, again):
            raise UnstableDatasetError(
                f"{items.called(index)} of the dataset is another in a worker process than in this "
                f"one: workers share something of the dataset, such as an open file. {_ALONE}"
            )


_NONE = Argument("num_workers", "0")
_ALONE = (
    "Pass num_workers=0, or open files in __getitem__, in each process its own, where none is open."
)


@dataclass(frozen=True)
class _Failed:
    """That an item could not be read by a worker.

    Attributes:
        index: of the item.
        text: of the error, which may not be able to travel.

    """

    index: int
    text: str


def _why(items: Items, failed: _Failed) -> Exception:
    """Return the error that an item gives in this process too, or that it gives none."""
    try:
        with plain_settings():
            items[failed.index]
    except Exception as error:  # noqa: BLE001 (whatever it is, it is raised by the caller)
        return error
    return UnstableDatasetError(
        f"{items.called(failed.index)} of the dataset can be read in this process, and not in a "
        f"worker process ({failed.text}): workers share something of the dataset, such as an open "
        f"file or a GPU. {_ALONE}"
    )


class _Guarded(Dataset[Any]):
    """Items, or that they failed: of an error raised in a worker, a loader passes the text on."""

    def __init__(self, items: Items) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        try:
            return self.items[index]
        except Exception as error:  # noqa: BLE001 (a dataset may fail in any way)
            return _Failed(index, str(error) or type(error).__name__)


class _Collate:
    """A batch, or the first failure in it."""

    def __init__(self, items: Items) -> None:
        self.collate = items.collate

    def __call__(self, batch: list[Any]) -> Any:
        failed = [item for item in batch if isinstance(item, _Failed)]
        if failed:
            return failed[0]
        try:
            return self.collate(batch)
        except DetailedError as error:  # it can travel
            return error
