"""A selection shared out over ranks, as torch's DistributedSampler shares out a dataset."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DistributedSampler, TensorDataset

from torch_cgprune.samplers.iteration import Position
from torch_cgprune.samplers.selection import Selection, SelectionSampler
from torch_cgprune.utils.ranks import accelerate_is_up, group_is_up
from torch_cgprune.utils.warn import warn_caller

_NOTHING = TensorDataset(torch.empty(0, device="cpu"))


class DistributedSelectionSampler(SelectionSampler, DistributedSampler[int]):
    """Hand every rank its share of a selection: for plain DDP and Lightning.

    All ranks go through one order, rank r taking every ``num_replicas``-th index from the r-th on,
    as torch's ``DistributedSampler``; as there, call :meth:`SelectionSampler.set_epoch` before each
    epoch, also after a resume: else every one has the order, and the selection, of the first. Where
    that would be another one, a warning says so.

    Lightning calls it, but where it resumes after an epoch only when the loader's workers have
    begun, with epoch 0. Tell the sampler in ``train_dataloader``, as Lightning would:
    ``sampler.set_epoch(self.trainer.fit_loop.epoch_progress.current.processed)``.

    Args:
        selection: see :class:`SelectionSampler`, as are ``num_samples`` (those of all ranks
            together), ``shuffle`` and ``seed``: the same on all ranks.
        num_samples: per epoch, over all ranks.
        shuffle: False for ascending indices.
        seed: of the order.
        num_replicas: ranks that share the selection; None for those of the process group.
        rank: which of them this is; None for the process group's.
        drop_last: where the ranks do not divide the indices, drop the last ones of the order;
            False repeats the first ones, so that no example is left out.

    Attributes:
        num_samples: indices of this rank in the present epoch, the same on all ranks.
        total_size: those of all ranks, with padding.

    Raises:
        RuntimeError: no process group is up, and ``num_replicas`` or ``rank`` not given.
        TypeError, ValueError: as :class:`SelectionSampler`; a rank out of range; ``drop_last`` that
            leaves nothing.

    Example:
        >>> ranks = [
        ...     DistributedSelectionSampler(torch.arange(5), num_replicas=2, rank=r, shuffle=False)
        ...     for r in range(2)
        ... ]
        >>> [list(sampler) for sampler in ranks]
        [[0, 2, 4], [1, 3, 0]]

    """

    _advances = False  # one rank that looks at a batch must not leave the others behind

    def __init__(
        self,
        selection: Selection,
        *,
        num_samples: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
        drop_last: bool = False,
    ) -> None:
        if (num_replicas is None or rank is None) and not group_is_up():
            raise RuntimeError(
                f"{type(self).__name__} must know its ranks, and no process group is up. Call "
                "torch.distributed.init_process_group() first, or pass num_replicas=... and "
                "rank=..."
            )
        # Sizes and epoch follow from the selection, below.
        DistributedSampler.__init__(self, _NOTHING, num_replicas, rank, drop_last=drop_last)
        SelectionSampler.__init__(
            self, selection, num_samples=num_samples, shuffle=shuffle, seed=seed
        )

    def __repr__(self) -> str:
        whole = super().__repr__().removesuffix(")")
        return f"{whole}, rank {self.rank} of {self.num_replicas})"

    def state_dict(self) -> dict[str, Any]:
        """Return the state of :class:`SelectionSampler` and the number of ranks; it serves all."""
        return {**super().state_dict(), "num_replicas": self.num_replicas}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken, on whichever rank.

        Raises:
            ValueError: the state is of another number of ranks, or as :class:`SelectionSampler`.

        """
        theirs = state.get("num_replicas")
        if theirs != self.num_replicas:
            raise ValueError(
                f"The state is of {theirs or 'no'} ranks, and here are {self.num_replicas}: the "
                "place in the epoch would be another. Resume with as many ranks, or start the "
                "epoch anew with set_epoch()."
            )
        super().load_state_dict(state)

    @property
    def _options(self) -> str:
        return f"{super()._options} {self.num_replicas} {self.drop_last}"

    def _take(self, selection: Tensor) -> None:
        super()._take(selection)
        self.total_size = self.num_samples * self.num_replicas

    def _share_of(self, in_all: int) -> int:
        each, rest = divmod(in_all, self.num_replicas)
        share = each + (rest > 0 and not self.drop_last)
        if not share:
            raise ValueError(
                f"The 'drop_last' parameter of {type(self).__name__} must be False for "
                f"{in_all} indices on {self.num_replicas} ranks: nothing would be left."
            )
        return share

    def _order(self) -> Tensor:
        order = super()._order()
        places = torch.arange(self.rank, self.total_size, self.num_replicas, device="cpu")
        return order[places.remainder_(len(order))]  # what pads is taken from the front

    def _indices(self, start: Position) -> Tensor:
        if self._select is not None and self._progress.repeats(start, self.num_samples):
            warn_caller(
                f"{type(self).__name__} goes through epoch {start.epoch} again, with the same "
                "selection, and is to have another one in every epoch. Call set_epoch(epoch) "
                "before each, on all ranks."
            )
        return super()._indices(start)

    def _warn_of_ranks(self) -> None:
        if self.num_replicas > 1 and accelerate_is_up():
            warn_caller(
                f"{type(self).__name__} gives each rank its share, and accelerate is up. If it has "
                "prepared the loader, it shares out the batches again, and most examples are "
                f"lost: use {type(self).__name__.removeprefix('Distributed')} there. For a loader "
                "never prepared this sampler is right.",
            )
