"""``PrunedStream``: an iterable-style dataset of what a list keeps of another one."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch.utils.data import IterableDataset, get_worker_info

from torch_cgprune.streams.keep import KeepList, check_met
from torch_cgprune.streams.shards import Shards
from torch_cgprune.streams.share import Place, Share
from torch_cgprune.utils.ranks import group_is_up


class PrunedStream(IterableDataset[Any]):
    """What a list keeps of a stream, shared out over ranks and workers, resumable anywhere.

    All ranks get the same number of examples, and the workers of a rank as many each, up to one,
    or just as many with ``num_workers``. Where the kept ones cannot be divided so, the first ones
    of the epoch are repeated, so that none is left out, or, with ``drop_last``, the last ones are
    left out. Without repetition every example comes once an epoch, over all ranks and workers.

    Its state is what has been delivered: under ``StatefulDataLoader`` of torchdata, with workers
    too, that is what the loop has seen. A resumed run goes on with the next example; what came
    before is passed over, shard by shard with :class:`Shards`, else example by example.

    Args:
        dataset: one of these:

            - any iterable of mappings, as a dataset of webdataset or a stream of ``datasets``: in
              the same order whenever it is iterated, and all of it to every rank and worker
              (webdataset: ``nodesplitter=None, workersplitter=None``), each of which passes over
              the others' examples. Its ``set_epoch`` is called, if there is one.
            - :class:`Shards`: every rank and worker reads its own.

        keep: the list; or a function from an epoch to one, for a choice that changes: the same in
            all processes.
        num_workers: of the loader, so that its workers get equally many; None for up to one less.
        drop_last: leave out the last ones, not repeat the first ones.
        num_replicas: ranks that share the stream; None for those of the process group, or one.
        rank: which of them this is; None for the process group's.

    Raises:
        TypeError, ValueError: bad arguments; ``drop_last`` that leaves nothing.

    Example:
        >>> samples = [{"id": i} for i in range(6)]
        >>> keep = KeepList.by_key(range(6), [1, 3, 4], key="id")
        >>> stream = PrunedStream(samples, keep)
        >>> len(stream), [sample["id"] for sample in stream]
        (3, [1, 3, 4])

    """

    def __init__(
        self,
        dataset: Iterable[Any] | Shards,
        keep: KeepList | Callable[[int], KeepList],
        *,
        num_workers: int | None = None,
        drop_last: bool = False,
        num_replicas: int | None = None,
        rank: int | None = None,
    ) -> None:
        super().__init__()
        up = group_is_up()
        if num_replicas is None:
            num_replicas = dist.get_world_size() if up else 1
        if rank is None:
            rank = dist.get_rank() if up else 0
        self.share = Share(rank, num_replicas, num_workers, drop_last)
        self.dataset, self._keep = dataset, keep
        self._made: tuple[int, KeepList] | None = None
        # That set_epoch asked for, or -1: shared, so that workers that persist see it.
        self._asked = torch.full((), -1, dtype=torch.int64, device="cpu").share_memory_()
        self._place = self._latest = Place(0, 0)
        self._resumes: int | None = None  # of how many workers the state is that was loaded
        len(self)  # bad arguments are told now

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration is of."""
        return max(int(self._asked), 0)

    @property
    def keep(self) -> KeepList:
        """The list of the present epoch."""
        return self._list(self.epoch)

    def _list(self, epoch: int) -> KeepList:
        if isinstance(self._keep, KeepList):
            return self._keep
        if self._made is None or self._made[0] != epoch:
            self._made = (epoch, self._keep(epoch))
        found = self._made[1]
        if not isinstance(found, KeepList):
            raise TypeError(
                "The 'keep' parameter of PrunedStream must be a KeepList, or a function from an "
                f"epoch to one. Got {type(found).__name__} for epoch {epoch} instead."
            )
        return found

    def __len__(self) -> int:
        """Return the examples of this rank in the present epoch, the same on all ranks."""
        return self.share.of(len(self.keep))

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be of an epoch: with its order of shards, and its list.

        Asked for the epoch that it has resumed, the stream keeps its place.
        """
        self._asked.fill_(epoch)
        if self._resumes is None or self._place.epoch != epoch:
            self._place, self._resumes = Place(epoch, 0), None

    def state_dict(self) -> dict[str, Any]:
        """Return where the stream is: the epoch, and how many examples were delivered here."""
        _, workers = _worker()
        return {
            "epoch": self._place.epoch,
            "position": self._place.index,
            "num_workers": workers,
            "num_replicas": self.share.num_replicas,
            "selection": self._fingerprint(self._place.epoch),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next iteration go on where ``state`` was taken.

        Raises:
            ValueError: the state is of another list, or of other numbers of ranks or workers.

        """
        epoch, (_, workers) = state["epoch"], _worker()
        self._check_same("num_replicas", state["num_replicas"], self.share.num_replicas)
        self._check_same("num_workers", state["num_workers"], workers)
        if state["selection"] != self._fingerprint(epoch):
            raise ValueError(
                "The state is of another list, another order of shards, or another 'drop_last'. "
                "Resume with the same, or start the epoch anew with set_epoch()."
            )
        if self._asked < 0:  # else that one follows, as a loader loads when it is iterated
            self._asked.fill_(epoch)
        self._place, self._resumes = Place(epoch, state["position"]), workers

    def _check_same(self, name: str, there: int, here: int) -> None:
        if there != here:
            raise ValueError(
                f"The state is of {name}={there}, and here is {name}={here}: what was delivered "
                "would be others. Resume with as many, or start the epoch anew with set_epoch()."
            )

    def __iter__(self) -> Iterator[Any]:
        """Yield what is left of the epoch, for this rank and, in a worker, for that."""
        place = Place(self.epoch, 0)
        if self._resumes is not None:
            self._check_same("num_workers", self._resumes, _worker()[1])
            place = self._place
        self._place = self._latest = place
        self._resumes = None
        return self._followed(place)

    def _followed(self, place: Place) -> Iterator[Any]:
        """Yield what follows a place, which moves along: ours while no other iteration began."""
        items = self._items(self._list(place.epoch), place)
        for item in items:
            place.index += 1
            if place is self._latest:
                self._place = place
            yield item

    def _items(self, keep: KeepList, start: Place) -> Iterator[Any]:
        worker, workers = _worker()
        if isinstance(self.dataset, Shards):
            places = self.share.together(len(keep), worker, workers)[start.index :]
            return self.dataset.kept(keep, start.epoch, places)
        places = self.share.in_turn(len(keep), worker, workers)[start.index :]
        return _passed_over(_of_epoch(self.dataset, start.epoch), keep, places)

    def _fingerprint(self, epoch: int) -> str:
        shards = self.dataset
        order = [shards.shuffle, shards.seed, len(shards)] if isinstance(shards, Shards) else []
        share = [self.share.num_workers, self.share.drop_last]
        return f"{self._list(epoch).digest} {share} {order}"


def _worker() -> tuple[int, int]:
    """Return which worker process this is, of how many; 0 of 0 where it is none."""
    info = get_worker_info()
    return (0, 0) if info is None else (info.id, info.num_workers)


def _passed_over(dataset: Iterable[Any], keep: KeepList, places: range) -> Iterator[Any]:
    """Yield what is at some places of all that is kept, which begins again at its end."""
    m, places_left = len(keep), iter(places)
    wanted = next(places_left, None)
    while wanted is not None:
        first = wanted // m * m
        at = first - 1
        for at, item in enumerate(keep.only(_whole(dataset)), first):
            if at == first + m:
                check_met(m + 1, m, "stream")
            if at == wanted:
                yield item
                wanted = next(places_left, None)
                if wanted is None:
                    return
        check_met(at + 1 - first, m, "stream")


def _of_epoch(dataset: Any, epoch: int) -> Any:
    """Return a dataset as it is in an epoch.

    A stream of ``datasets`` holds its epoch in memory that all workers share, and adds the
    difference to it: of two that do so at once both add it, and their orders are of no epoch.
    """
    if _is_of_datasets(dataset):
        dataset = copy.copy(dataset)
        dataset._epoch = epoch  # noqa: SLF001 (where nobody else sees it)
    elif hasattr(dataset, "set_epoch"):
        dataset.set_epoch(epoch)
    return dataset


def _is_of_datasets(dataset: Any) -> bool:
    datasets = sys.modules.get("datasets")  # imported by nobody, it has made no stream
    return datasets is not None and isinstance(dataset, datasets.IterableDataset)


def _whole(dataset: Any) -> Iterable[Any]:
    """Return all samples of a dataset, in a worker process too.

    Streams of ``datasets`` hand every worker a part of their own, but by ``iter(batch_size)``.
    """
    samples: Iterable[Any] = dataset
    if get_worker_info() is not None and _is_of_datasets(dataset):
        batches = dataset.iter(batch_size=1)
        samples = ({name: values[0] for name, values in batch.items()} for batch in batches)
    return samples
