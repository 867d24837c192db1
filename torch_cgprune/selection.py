"""A selection of a dataset as a sampler: in what order, and where to resume."""

from __future__ import annotations

import functools
import hashlib
import operator
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from torch_cgprune.errors import check_integer
from torch_cgprune.ranks import accelerate_is_up, group_size

# The indices, or what gives those of an epoch: sorted here in both cases.
Selection: TypeAlias = Tensor | Callable[[int], Tensor]

# Indices turned into Python ints at a time: a list of all of them would cost 36 bytes each.
_CHUNK = 8192


class SelectionSampler(Sampler[int]):
    """Iterate over a selection of indices, in an order that (seed, epoch) alone decides.

    Every iteration is an epoch of its own: the next one is shuffled anew, with or without
    :meth:`set_epoch`. No global random state is read or set.

    It knows nothing of ranks: right for one process, and for accelerate and the Trainer of
    transformers, which share out the batches of a sampler themselves. For anything else on several
    ranks there is :class:`DistributedSelectionSampler`; a warning says so.

    Args:
        selection: (m,) integers at least 0, indices into the dataset, m at least 1; or a function
            from the epoch to such indices, where they change. They are sorted here.
        num_samples: indices per epoch, None for m. More than m takes whole passes over the
            selection, each in a new order, then the rest of one: ``num_samples=len(dataset)`` keeps
            the iterations per epoch of the full dataset (the paper's protocol, sec. 4.1).
        shuffle: False for ascending indices.
        seed: of the order.

    Attributes:
        selection: the (m,) indices of the epoch under way, ascending.
        epoch: that epoch, or the next one where :meth:`set_epoch` has chosen it.
        num_samples: how many indices it hands out, as ``len`` does.

    Raises:
        TypeError, ValueError: an empty selection, a bad ``num_samples`` or ``seed``.

    """

    # Without set_epoch, is the next iteration the next epoch?
    _advances = True

    def __init__(
        self,
        selection: Selection,
        *,
        num_samples: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        owner = type(self).__name__
        self._select = selection if callable(selection) else _checked(selection, owner)
        self._wanted = (
            None
            if num_samples is None
            else check_integer("num_samples", owner, num_samples, minimum=1)
        )
        self.shuffle = shuffle
        self.seed = check_integer("seed", owner, seed, minimum=0)
        self._choose(0)
        self._place(0)

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> _Iteration:
        return _Iteration(self)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; another one than the present starts at 0.

        Args:
            epoch: number of the epoch, at least 0.

        """
        epoch = check_integer("epoch", type(self).__name__, epoch, minimum=0)
        if epoch != self.epoch:
            self._choose(epoch)
            self._place(0)
        self._next_epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        """Return seed, epoch, position and the selection's fingerprint: a few bytes, at any n."""
        return {
            "seed": self.seed,
            "epoch": self.epoch,
            "position": self._resume_at if self._latest is None else self._latest.position,
            "fingerprint": self._fingerprint,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken: the next iteration yields the rest of its epoch.

        The place is that of the last index handed out: a loader with workers is ahead of its
        batches, and wants torchdata's ``StatefulDataLoader``.

        Raises:
            ValueError: the state is of another selection in its epoch, ``num_samples`` or
                ``shuffle``.

        """
        before = self.epoch
        self._choose(state["epoch"])
        if state["fingerprint"] != self._fingerprint:
            ours = self._fingerprint
            self._choose(before)
            raise ValueError(
                f"The state is of another {type(self).__name__}: selection, num_samples or shuffle "
                f"differ (fingerprint {state['fingerprint']}, here {ours}). Build the sampler from "
                "the same scores with the same arguments, or start anew."
            )
        self.seed = state["seed"]
        self._place(state["position"])

    def _choose(self, epoch: int) -> None:
        """Make ``epoch`` the present one, with its selection."""
        if callable(self._select):
            self.selection = _checked(self._select(epoch), type(self).__name__)
            self.__dict__.pop("_fingerprint", None)
        else:
            self.selection = self._select
        self.epoch = epoch
        self.num_samples = self._in_all

    def _place(self, position: int) -> None:
        """Let the next iteration be of the present epoch, from ``position`` on."""
        self._next_epoch, self._resume_at = self.epoch, position
        self._latest: _Iteration | None = None  # the one whose place is the sampler's

    def _begin(self, iteration: _Iteration) -> Tensor:
        """Return the indices of an iteration that is asked for the first of them."""
        self._warn_of_ranks()
        if iteration is not self._latest:  # else it was told where to resume
            if self._next_epoch != self.epoch:
                self._choose(self._next_epoch)
            iteration.epoch, iteration.ahead = self.epoch, self._resume_at
            self._latest = iteration
        if self._next_epoch == self.epoch:
            self._next_epoch += self._advances
        self._resume_at = 0
        return self._order()[iteration.ahead :]

    def _take_up(self, iteration: _Iteration, epoch: int) -> None:
        """Let an iteration of ``epoch`` that knows its place be the latest."""
        if epoch != self.epoch:
            self._choose(epoch)
        self._place(0)
        # A loader loads when it is iterated. If it finds that epoch over, it begins another
        # iteration at once, before any set_epoch: that of the next epoch, also on ranks.
        self._latest, self._next_epoch = iteration, epoch + 1

    def _upcoming(self) -> tuple[int, int]:
        """Return epoch and position of the next iteration."""
        return self._next_epoch, self._resume_at

    def _warn_of_ranks(self) -> None:
        if group_size() > 1 and not accelerate_is_up():
            warnings.warn(
                f"{type(self).__name__} knows nothing of ranks, and a process group of "
                f"{group_size()} is up. In plain DDP every rank would see the whole selection; "
                "Lightning would wrap the sampler, and it could not be resumed. Use "
                f"Distributed{type(self).__name__} instead.",
                stacklevel=5,
            )

    @property
    def _in_all(self) -> int:
        """Indices of this epoch, those of all ranks."""
        return len(self.selection) if self._wanted is None else self._wanted

    @functools.cached_property
    def _fingerprint(self) -> str:
        content = hashlib.sha256(self.selection.numpy().data)
        content.update(self._options.encode())
        return content.hexdigest()[:16]

    @property
    def _options(self) -> str:
        """All but selection, seed and epoch that the order depends on."""
        return f"{self._in_all} {self.shuffle}"

    def _order(self) -> Tensor:
        passes = -(-self._in_all // len(self.selection))
        return torch.cat([self._pass(i) for i in range(passes)])[: self._in_all]

    def _pass(self, number: int) -> Tensor:
        if not self.shuffle:
            return self.selection
        # Mixed by SeedSequence: seed 0 in epoch 1 has nothing in common with seed 1 in epoch 0.
        entropy = np.random.SeedSequence([self.seed, self.epoch, number])
        seed = int(entropy.generate_state(1, np.uint64)[0]) >> 1
        rng = torch.Generator("cpu").manual_seed(seed)
        return self.selection[torch.randperm(len(self.selection), generator=rng, device="cpu")]


class _Iteration(Iterator[int]):
    """One epoch of a sampler, begun when its first index is asked for.

    Loaders make more iterators than they use. This one can say and be told its place: torchdata's
    loader asks for it.
    """

    def __init__(self, sampler: SelectionSampler) -> None:
        self._sampler = sampler
        self._rest: Tensor | None = None  # of the indices; None before the first is asked for
        self._chunk: Iterator[int] = iter([])
        self.epoch: int | None = None  # None before it is begun
        self.ahead = 0  # place in the epoch at the end of the chunk

    @property
    def position(self) -> int:
        """Indices of the epoch handed out so far."""
        return self.ahead - operator.length_hint(self._chunk)

    def __next__(self) -> int:
        for index in self._chunk:
            return index
        self._refill()
        return next(self._chunk)

    def _refill(self) -> None:
        if self._rest is None:
            self._rest = self._sampler._begin(self)  # noqa: SLF001 (its own sampler)
        chunk = self._rest[:_CHUNK].tolist()
        # At the end, a tensor of its own: a view would keep the whole order in memory.
        self._rest = self._rest[_CHUNK:] if len(self._rest) > _CHUNK else self._rest.new_empty(0)
        self.ahead += len(chunk)
        self._chunk = iter(chunk)

    def state_dict(self) -> dict[str, Any]:
        """Return epoch and position: of an iteration not begun, those it would begin with."""
        if self.epoch is None:
            epoch, position = self._sampler._upcoming()  # noqa: SLF001 (its own sampler)
            return {"epoch": epoch, "position": position}
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Begin where ``state`` was taken; the sampler's next iteration is the one after this."""
        self.epoch, self.ahead = state["epoch"], state["position"]
        self._sampler._take_up(self, state["epoch"])  # noqa: SLF001 (its own sampler)


def _checked(selection: Any, owner: str) -> Tensor:
    tensor = torch.as_tensor(selection, device="cpu")
    if tensor.numel() == 0:
        raise ValueError(f"The 'selection' of {owner} is empty: there is nothing to sample.")
    kind = tensor.dtype
    if tensor.ndim != 1 or kind == torch.bool or kind.is_floating_point or kind.is_complex:
        raise TypeError(
            f"The 'selection' of {owner} must be indices, integers in one dimension. Got {kind} of "
            f"shape {tuple(tensor.shape)} instead; for a mask pass mask.nonzero().flatten()."
        )
    if tensor.min() < 0:
        raise ValueError(f"The 'selection' of {owner} must be at least 0. Got {int(tensor.min())}.")
    indices = tensor.long()
    # Those of a policy are sorted already, and may be millions. A copy: the caller's may change.
    return indices.clone() if bool((indices.diff() >= 0).all()) else indices.sort().values
