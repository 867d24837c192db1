"""A selection of a dataset as a sampler: in what order, and where to resume."""

from __future__ import annotations

import functools
import hashlib
import operator
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from torch_cgprune.utils.arrays import are_indices, real_numbers
from torch_cgprune.utils.checks import check_integer
from torch_cgprune.utils.ranks import accelerate_is_up, group_size
from torch_cgprune.utils.seeds import stream
from torch_cgprune.utils.warn import warn_caller

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
        self._asked: int | None = None  # by set_epoch, with no iteration since
        self._choose(0)
        self._start(0)

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
            self._start(0)
        self._next_epoch = self._asked = epoch

    def state_dict(self) -> dict[str, Any]:
        """Return seed, epoch, position and the selection's fingerprint: a few bytes, at any n."""
        return {
            "seed": self.seed,
            "epoch": self.epoch,
            "position": self._place.position,
            "fingerprint": self._fingerprint,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken: the next iteration yields the rest of its epoch.

        The place is that of the last index handed out: a loader with workers is ahead of its
        batches, and wants torchdata's ``StatefulDataLoader``.

        Raises:
            TypeError, ValueError: no state of such a sampler, or of another selection in its epoch,
                ``num_samples`` or ``shuffle``.

        """
        owner = type(self).__name__
        seed, epoch, position = (
            check_integer(f"state[{name!r}]", owner, state.get(name), minimum=0)
            for name in ("seed", "epoch", "position")
        )
        before = self.epoch
        self._choose(epoch)
        if state.get("fingerprint") != self._fingerprint or position > self.num_samples:
            ours = self._fingerprint
            self._choose(before)
            raise ValueError(
                f"The state is of another {owner}: selection, num_samples or shuffle differ "
                f"(fingerprint {state.get('fingerprint')}, here {ours}). Build the sampler from "
                "the same scores with the same arguments, or start anew."
            )
        self.seed = seed
        self._start(position)

    def _choose(self, epoch: int) -> None:
        """Make ``epoch`` the present one, with its selection; an error leaves all as it was."""
        selection = self._select
        if callable(selection):
            selection = _checked(selection(epoch), type(self).__name__)
            self.__dict__.pop("_fingerprint", None)
        in_all = len(selection) if self._wanted is None else self._wanted
        self.num_samples = self._share_of(in_all)
        self.selection, self.epoch, self._in_all = selection, epoch, in_all

    def _share_of(self, in_all: int) -> int:
        """Return how many of an epoch's indices are handed out here."""
        return in_all

    def _start(self, position: int) -> None:
        """Let the next iteration be of the present epoch, from ``position`` on."""
        self._next_epoch, self._place = self.epoch, _Place(self.epoch, position)
        self._resuming = True  # the next iteration takes this place up

    def _begin(self, place: _Place) -> Tensor:
        """Return the indices of an iteration that is asked for the first of them."""
        self._warn_of_ranks()
        if place is not self._place:  # else it was told where to resume
            ahead = self._place.position if self._resuming else 0
            if self._next_epoch != self.epoch:
                self._choose(self._next_epoch)
            place.epoch, place.ahead = self.epoch, ahead
            self._place = place
        if self._next_epoch == self.epoch:
            self._next_epoch += self._advances
        self._resuming, self._asked = False, None
        return self._order()[place.ahead :]

    def _take_up(self, place: _Place, epoch: int) -> None:
        """Let an iteration of ``epoch`` that knows its place be the latest."""
        if epoch != self.epoch:
            self._choose(epoch)
        # A loader loads when it is iterated. If it finds that epoch over, it begins another
        # iteration at once: of the epoch that set_epoch asked for before, or else the next.
        self._next_epoch = epoch + 1 if self._asked in (None, epoch) else self._asked
        self._place, self._resuming = place, False

    def _upcoming(self) -> _Place:
        """Return the place where the next iteration begins."""
        return _Place(self._next_epoch, self._place.position if self._resuming else 0)

    def _warn_of_ranks(self) -> None:
        if group_size() > 1 and not accelerate_is_up():
            warn_caller(
                f"{type(self).__name__} knows nothing of ranks, and a process group of "
                f"{group_size()} is up. In plain DDP every rank would see the whole selection; "
                "Lightning would wrap the sampler, and it could not be resumed. Use "
                f"Distributed{type(self).__name__} instead.",
            )

    @functools.cached_property
    def _fingerprint(self) -> str:
        content = hashlib.sha256(self.selection.numpy().data)
        content.update(self._options.encode())
        return content.hexdigest()[:16]

    @property
    def _options(self) -> str:
        """All but selection, seed and epoch that the order depends on."""
        return f"{self._in_all} {self.shuffle} {callable(self._select)}"

    def _order(self) -> Tensor:
        passes = -(-self._in_all // len(self.selection))
        return torch.cat([self._pass(i) for i in range(passes)])[: self._in_all]

    def _pass(self, number: int) -> Tensor:
        if not self.shuffle:
            return self.selection
        state = stream(self.seed, self.epoch, number).generate_state(1, np.uint64)
        rng = torch.Generator("cpu").manual_seed(int(state[0]) >> 1)
        return self.selection[torch.randperm(len(self.selection), generator=rng, device="cpu")]


class _Place:
    """How far an iteration is: apart from it, so that a sampler holds no order in memory."""

    def __init__(self, epoch: int | None = None, ahead: int = 0) -> None:
        self.epoch = epoch  # None before the iteration is begun
        self.ahead = ahead  # place in the epoch at the end of the chunk
        self.chunk: Iterator[int] = iter([])

    @property
    def position(self) -> int:
        """Indices of the epoch handed out so far."""
        return self.ahead - operator.length_hint(self.chunk)


class _Iteration(Iterator[int]):
    """One epoch of a sampler, begun when its first index is asked for.

    Loaders make more iterators than they use. This one can say and be told its place: torchdata's
    loader asks for it.
    """

    def __init__(self, sampler: SelectionSampler) -> None:
        self._sampler = sampler
        self._place = _Place()
        self._rest: Tensor | None = None  # of the indices; None before the first is asked for

    def __next__(self) -> int:
        for index in self._place.chunk:
            return index
        self._refill()
        return next(self._place.chunk)

    def _refill(self) -> None:
        if self._rest is None:
            self._rest = self._sampler._begin(self._place)  # noqa: SLF001 (its own sampler)
        chunk = self._rest[:_CHUNK].tolist()
        # At the end, a tensor of its own: a view would keep the whole order in memory.
        self._rest = self._rest[_CHUNK:] if len(self._rest) > _CHUNK else self._rest.new_empty(0)
        self._place.ahead += len(chunk)
        self._place.chunk = iter(chunk)

    def state_dict(self) -> dict[str, Any]:
        """Return epoch and position: of an iteration not begun, those it would begin with."""
        begun = self._place.epoch is not None
        place = self._place if begun else self._sampler._upcoming()  # noqa: SLF001 (its own sampler)
        return {"epoch": place.epoch, "position": place.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Begin where ``state`` was taken; the sampler's next iteration is the one after this."""
        self._place, self._rest = _Place(state["epoch"], state["position"]), None
        self._sampler._take_up(self._place, state["epoch"])  # noqa: SLF001 (its own sampler)


def _checked(selection: Any, owner: str) -> Tensor:
    tensor = real_numbers(selection, f"The 'selection' of {owner}")
    if tensor.numel() == 0:
        raise ValueError(f"The 'selection' of {owner} is empty: there is nothing to sample.")
    if not are_indices(tensor):
        raise TypeError(
            f"The 'selection' of {owner} must be indices, integers in one dimension. Got "
            f"{tensor.dtype} of shape {tuple(tensor.shape)} instead; for a mask pass "
            "mask.nonzero().flatten()."
        )
    indices = tensor.long()
    if indices.min() < 0:
        raise ValueError(
            f"The 'selection' of {owner} must be at least 0. Got {int(indices.min())}."
        )
    # Those of a policy are sorted already, and may be millions. A copy: the caller's may change.
    return indices.clone() if bool((indices.diff() >= 0).all()) else indices.sort().values
