"""The processes of a torch.distributed group that share one scoring."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import itertools
import pickle
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Item = TypeVar("Item")

# Whether this rank computes something that the others only wait for.
_by_itself = contextvars.ContextVar("_by_itself", default=False)


@dataclasses.dataclass(frozen=True)
class Ranks:
    """One process among those that do the same work; alone, every exchange is a no-op.

    Attributes:
        rank: which of them, from 0.
        size: how many there are.
        beside: how many run on this machine, this one included.

    """

    rank: int = 0
    size: int = 1
    beside: int = 1

    def mine(self, items: Iterable[Item]) -> Iterator[Item]:
        """Take every ``size``-th item, from ``rank`` on."""
        return itertools.islice(items, self.rank, None, self.size)

    def sum(self, tensor: Tensor) -> None:
        """Replace a tensor, in place, by its sum over all ranks."""
        if self.size > 1:
            _carry(tensor, dist.all_reduce)

    def broadcast(self, tensor: Tensor, source: int) -> None:
        """Replace a tensor, in place, by that of rank ``source``."""
        if self.size > 1:
            _carry(tensor, lambda wire: dist.broadcast(wire, source))

    def each(self, tensor: Tensor) -> Iterator[Tensor]:
        """Yield the tensor of every rank in turn; they may differ in length."""
        for rank in range(self.size):
            length = torch.tensor(len(tensor))
            self.broadcast(length, rank)
            mine = rank == self.rank
            theirs = tensor if mine else tensor.new_empty(int(length), *tensor.shape[1:])
            self.broadcast(theirs, rank)
            yield theirs

    def tell(self, value: Any) -> Any:
        """Return the value that rank 0 has."""
        if self.size == 1:
            return value
        told = [value]
        dist.broadcast_object_list(told, src=0)
        return told[0]

    def once(self, compute: Callable[[], Item]) -> Item:
        """Return what rank 0 computes; an error there is raised on all ranks.

        Whatever it calls finds itself alone: an exchange would wait for ranks that wait for this.
        """
        made = None
        with self.together():
            if self.rank == 0:
                token = _by_itself.set(True)
                try:
                    made = compute()
                finally:
                    _by_itself.reset(token)
        told: Item = self.tell(made)
        return told

    def check_same(self, value: Any, what: str) -> None:
        """Raise, on all ranks, unless they have equal values.

        Raises:
            ValueError: it names a rank that differs from rank 0.

        """
        values = self._gather(value)
        for rank, other in enumerate(values):
            if other != values[0]:
                raise ValueError(
                    f"All ranks must be given the same {what}. Those of rank {rank} are not those "
                    "of rank 0: pass the whole data to each; the work is shared inside."
                )

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Raise the error of one rank on all of them, so that no other waits for it.

        For work between two exchanges, not around one.
        """
        if self.size == 1:
            yield
            return
        error = None
        try:
            yield
        except Exception as raised:  # noqa: BLE001 (whatever it is, all ranks raise it)
            error = raised
        failures = torch.tensor([int(error is not None)])
        self.sum(failures)
        if failures.item():
            self._raise(error)

    def _raise(self, own: Exception | None) -> None:
        errors = self._gather(None if own is None else _portable(own))
        if own is not None:
            raise own
        rank, first = next((r, error) for r, error in enumerate(errors) if error is not None)
        raise first from RuntimeError(f"raised on rank {rank} of {self.size}")

    def _gather(self, value: Any) -> list[Any]:
        if self.size == 1:
            return [value]
        values = [None] * self.size
        dist.all_gather_object(values, value)
        return values


ALONE = Ranks()


def group_is_up() -> bool:
    """Return whether a torch.distributed process group is initialised."""
    return dist.is_available() and dist.is_initialized()


def group_size() -> int:
    """Return the number of ranks of the default process group, 1 where none is up."""
    return dist.get_world_size() if group_is_up() else 1


def accelerate_is_up() -> bool:
    """Return whether accelerate is in charge, as it is under the Trainer of transformers."""
    state = sys.modules.get("accelerate.state")  # imported by nobody, it does nothing
    return state is not None and bool(state.is_initialized())


def current_ranks() -> Ranks:
    """Return the ranks of the default process group, or this process alone where none is up.

    Alone too is what :meth:`Ranks.once` lets one of them compute.
    """
    if group_is_up() and not _by_itself.get():
        ranks = Ranks(dist.get_rank(), dist.get_world_size())
        hosts = ranks._gather(socket.gethostname())  # noqa: SLF001 (our own)
        return dataclasses.replace(ranks, beside=hosts.count(socket.gethostname()))
    return ALONE


def _carry(tensor: Tensor, exchange: Callable[[Tensor], object]) -> None:
    """Exchange a tensor in place, over the GPU where the group has no other way (NCCL)."""
    if not tensor.numel():
        return
    by_gpu = tensor.device.type == "cpu" and "cpu:" not in dist.get_backend_config()
    wire = tensor.cuda() if by_gpu else tensor.contiguous()
    exchange(wire)
    if wire is not tensor:
        tensor.copy_(wire)


def _portable(error: Exception) -> Exception:
    """Return the error itself if it can travel, else one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
    except Exception:  # noqa: BLE001 (any failure has the same cure)
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
