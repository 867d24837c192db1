"""A selection of a dataset as a sampler: in what order, and where to resume."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler, Subset

from torch_cgprune.inputs.frames import frame_part, is_frame
from torch_cgprune.inputs.tables import is_table
from torch_cgprune.policies.by_name import DRAWN
from torch_cgprune.samplers.indices import checked_selection
from torch_cgprune.samplers.iteration import Iteration, Position, Progress
from torch_cgprune.utils.checks import check_integer
from torch_cgprune.utils.ranks import accelerate_is_up, group_size
from torch_cgprune.utils.seeds import stream
from torch_cgprune.utils.warn import warn_caller

# The indices, or what gives those of an epoch: sorted here in both cases.
Selection: TypeAlias = Tensor | Callable[[int], Tensor]
# From an epoch and its selection to the weights of all examples.
Weigh: TypeAlias = Callable[[int, Tensor], Tensor]


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
    # Where it is known: how many examples the dataset has, and what was to be kept of them.
    _n: int | None = None
    _told: Sequence[str] = ()
    # If that is drawn.
    _weigh: Weigh | None = None
    _weighted: Tensor | None = None

    def __init__(
        self,
        selection: Selection,
        *,
        num_samples: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        owner = type(self).__name__
        self._select = selection if callable(selection) else None
        self._wanted = (
            None
            if num_samples is None
            else check_integer("num_samples", owner, num_samples, minimum=1)
        )
        self.shuffle = shuffle
        self.seed = check_integer("seed", owner, seed, minimum=0)
        self._take(selection(0) if callable(selection) else selection)
        self.epoch = 0
        self._progress = Progress(advances=self._advances)

    def __len__(self) -> int:
        return self.num_samples

    def __repr__(self) -> str:
        of = "" if self._n is None else f" of {self._n}"
        samples = [] if self._wanted is None else [f"num_samples={self._wanted}"]
        order = [*samples, *([] if self.shuffle else ["shuffle=False"]), f"seed={self.seed}"]
        words = [*self._told, f"{len(self.selection)}{of} examples", *order, f"epoch={self.epoch}"]
        return f"{type(self).__name__}({', '.join(words)})"

    def __iter__(self) -> Iterator[int]:
        return Iteration(self._progress, self._choose, self._indices)

    @property
    def weights(self) -> Tensor:
        r"""Weights for the loss, under which what is drawn stands for what it is drawn from.

        .. math:: v_i = \frac{m}{N \pi_i}

        by index, (n,) float32 on the CPU, for the m examples of ``selection``, 0 for others: the
        mean of weights times losses over these is, in the mean over all draws, the mean loss of the
        N examples that had a chance :math:`\pi_i > 0` to be kept. With items that carry their index
        that is ``(sampler.weights[index] * losses).mean()``.

        ``"redrawn"`` and ``"soft"`` draw anew every epoch; the draws of ``"random"`` and
        ``"stratified"`` are those of different seeds. ``"stratified"`` gives no chance to the
        hardest, which it cuts, nor to strata too small for a share: the loss is that of the rest.
        ``"soft"`` seldom keeps the easiest of a large class, then with large weights:
        ``weights.clamp(max=10)`` lowers their noise, at the cost of some bias. Its chances are off
        by 0.3 % in the mean in a class of 100, 3 % in one of 10, 10 % in one of 2; those of the
        others are exact. With ``balanced=False`` all are approximate where classes are so small
        that a draw may miss them, those of ``"stratified"`` roughly.

        Raises:
            AttributeError: nothing was drawn. What is left out then had no chance, and no weights
                make up for it.

        Example:
            >>> from torch_cgprune import PrunedSampler
            >>> sampler = PrunedSampler((range(4), [0] * 4), keep=0.5, policy="soft")
            >>> sampler.selection, sampler.weights
            (tensor([1, 3]), tensor([0.0000, 1.1098, 0.0000, 0.7163]))

        """
        if self._weigh is None:
            what = self._told[0] if self._told else "given indices"
            raise AttributeError(
                f"{type(self).__name__} has no 'weights' for {what}: what is left out had no "
                "chance to be kept, and no weights make up for it. Those for an unbiased loss are "
                f"of the policies that draw: {', '.join(map(repr, DRAWN))} of PrunedSampler."
            )
        if self._weighted is None:
            self._weighted = self._weigh(self.epoch, self.selection)
        return self._weighted

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; another one than the present starts at 0.

        Args:
            epoch: number of the epoch, at least 0.

        """
        epoch = check_integer("epoch", type(self).__name__, epoch, minimum=0)
        self._choose(epoch)
        self._progress.ask(epoch)

    def subset(self, dataset: Any) -> Any:
        """Return the part of a dataset that is kept: for trainers that take no sampler.

        ``Trainer(model, train_dataset=PrunedSampler(train, 0.6, "stratified").subset(train))``

        It has each selected example once, in ascending order. It does not change with the epoch:
        of a selection that does, as the default policy's, it is that of the present one: a random
        choice, for good.

        Args:
            dataset: map-style, of the examples that were scored, in their order. A
                ``CGScoredDataset`` keeps its new labels.

        Returns:
            A ``datasets.Dataset`` of such a table, made by its ``select``; of a data frame one of
            these rows; of all else a ``torch.utils.data.Subset``.

        Raises:
            TypeError, ValueError: no map-style dataset, or one of another size.

        Example:
            >>> sampler = SelectionSampler(torch.tensor([3, 0]))
            >>> list(sampler.subset(["zero", "one", "two", "three"]))
            ['zero', 'three']

        """
        owner = type(self).__name__
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise TypeError(
                f"The 'dataset' of {owner}.subset must be map-style, with __len__ and __getitem__. "
                f"Got {type(dataset).__name__} instead."
            )
        n, last = len(dataset), int(self.selection[-1])
        if n != (n if self._n is None else self._n) or n <= last:
            wanted = f"{last + 1} examples at least" if self._n is None else f"{self._n} examples"
            raise ValueError(
                f"The 'dataset' of {owner}.subset must have the {wanted} that are selected from. "
                f"Got {n}."
            )
        indices = self.selection.tolist()
        # Of its class: a wrapper of a table may hand on what the table can, and give other labels.
        if is_table(type(dataset)):
            return dataset.select(indices)
        if is_frame(type(dataset)):
            return frame_part(dataset, indices)
        return Subset(dataset, indices)

    def state_dict(self) -> dict[str, Any]:
        """Return seed, epoch, position and the selection's fingerprint: a few bytes, at any n."""
        return {
            "seed": self.seed,
            "epoch": self.epoch,
            "position": self._progress.position.index,
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
        self._progress.resume(Position(epoch, position))

    def _choose(self, epoch: int) -> None:
        """Make ``epoch`` the present one, with its selection; an error leaves all as it was."""
        if self._select is not None and epoch != self.epoch:
            self._take(self._select(epoch))
        self.epoch = epoch

    def _take(self, selection: Tensor) -> None:
        """Let a selection be the present one."""
        selection = checked_selection(selection, type(self).__name__)
        in_all = len(selection) if self._wanted is None else self._wanted
        self.num_samples = self._share_of(in_all)
        self.selection, self._in_all = selection, in_all
        self._weighted = None
        content = hashlib.sha256(selection.numpy().data)
        content.update(self._options.encode())
        self._fingerprint = content.hexdigest()[:16]

    @property
    def _options(self) -> str:
        """All but selection, seed and epoch that the order depends on."""
        return f"{self._in_all} {self.shuffle} {self._select is not None}"

    def _share_of(self, in_all: int) -> int:
        """Return how many of an epoch's indices are handed out here."""
        return in_all

    def _indices(self, start: Position) -> Tensor:
        """Return the indices from a place on, now that an iteration is asked for the first."""
        self._warn_of_ranks()
        self._choose(start.epoch)
        return self._order()[start.index :]

    def _warn_of_ranks(self) -> None:
        if group_size() > 1 and not accelerate_is_up():
            warn_caller(
                f"{type(self).__name__} knows nothing of ranks, and a process group of "
                f"{group_size()} is up. In plain DDP every rank would see the whole selection; "
                "Lightning would wrap the sampler, and it could not be resumed. Use "
                f"Distributed{type(self).__name__} instead.",
            )

    def _order(self) -> Tensor:
        passes = -(-self._in_all // len(self.selection))
        return torch.cat([self._pass(i) for i in range(passes)])[: self._in_all]

    def _pass(self, number: int) -> Tensor:
        if not self.shuffle:
            return self.selection
        state = stream(self.seed, self.epoch, number).generate_state(1, np.uint64)
        rng = torch.Generator("cpu").manual_seed(int(state[0]) >> 1)
        return self.selection[torch.randperm(len(self.selection), generator=rng, device="cpu")]
