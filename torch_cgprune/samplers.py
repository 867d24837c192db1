"""Samplers for the ``DataLoader`` one already has: a selection, an order, a place to resume."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from torch_cgprune import policies
from torch_cgprune.errors import check_choice, check_integer
from torch_cgprune.labels import Labels
from torch_cgprune.scores import CGScores

POLICIES = ("low-first", "high-first", "random", "noise-filter")

# Indices turned into Python ints at a time: a list of all of them would cost 36 bytes each.
_CHUNK = 8192


class SelectionSampler(Sampler[int]):
    """Iterate over a selection of indices, in an order that (seed, epoch) alone decides.

    Every iteration is an epoch of its own: the next one is shuffled anew, with or without
    :meth:`set_epoch`. No global random state is read or set.

    Args:
        selection: (m,) integers at least 0, indices into the dataset, m at least 1; sorted here.
        num_samples: indices per epoch, None for m. More than m takes whole passes over the
            selection, each in a new order, then the rest of one: ``num_samples=len(dataset)`` keeps
            the iterations per epoch of the full dataset (the paper's protocol, sec. 4.1).
        shuffle: False for ascending indices.
        seed: of the order.

    Raises:
        TypeError, ValueError: an empty selection, a bad ``num_samples`` or ``seed``.

    """

    def __init__(
        self,
        selection: Tensor,
        *,
        num_samples: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        owner = type(self).__name__
        self.selection = _check_selection(selection, owner)
        self.num_samples = (
            len(self.selection)
            if num_samples is None
            else check_integer("num_samples", owner, num_samples, minimum=1)
        )
        self.shuffle = shuffle
        self.seed = check_integer("seed", owner, seed, minimum=0)
        self.epoch = 0
        self._position = 0  # indices of this epoch handed out so far
        self._resume_at = 0  # where the next iteration starts: not 0 after a state was loaded
        self._begun = False  # whether this epoch was iterated since it was last chosen or loaded

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        # A generator: nothing happens before the first index is asked for, so that a loader may
        # call iter(), then load a state, then call iter() again.
        if self._begun:
            self.epoch += 1
        self._begun, start = True, self._resume_at
        self._position, self._resume_at = start, 0
        for chunk in torch.split(self._order(self.epoch)[start:], _CHUNK):
            for index in chunk.tolist():
                self._position += 1
                yield index

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration; another epoch than the present one starts at 0.

        Args:
            epoch: number of the epoch, at least 0.

        """
        epoch = check_integer("epoch", type(self).__name__, epoch, minimum=0)
        self._begun = False
        if epoch != self.epoch:
            self.epoch, self._position, self._resume_at = epoch, 0, 0

    def state_dict(self) -> dict[str, Any]:
        """Return seed, epoch, position and the selection's fingerprint: a few bytes, at any n."""
        return {
            "seed": self.seed,
            "epoch": self.epoch,
            "position": self._position,
            "fingerprint": self._fingerprint,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken: the next iteration yields the rest of its epoch.

        Raises:
            ValueError: the state is of another selection, ``num_samples`` or ``shuffle``.

        """
        if state["fingerprint"] != self._fingerprint:
            raise ValueError(
                f"The state is of another {type(self).__name__}: selection, num_samples or shuffle "
                f"differ (fingerprint {state['fingerprint']}, here {self._fingerprint}). Build the "
                "sampler from the same scores with the same arguments, or start anew."
            )
        self.seed, self.epoch = state["seed"], state["epoch"]
        self._position = self._resume_at = state["position"]
        self._begun = False

    @functools.cached_property
    def _fingerprint(self) -> str:
        content = hashlib.sha256(self.selection.numpy().tobytes())
        content.update(f"{self.num_samples} {self.shuffle}".encode())
        return content.hexdigest()[:16]

    def _order(self, epoch: int) -> Tensor:
        passes = -(-self.num_samples // len(self.selection))
        return torch.cat([self._pass(epoch, i) for i in range(passes)])[: self.num_samples]

    def _pass(self, epoch: int, number: int) -> Tensor:
        if not self.shuffle:
            return self.selection
        # Mixed by SeedSequence: seed 0 in epoch 1 has nothing in common with seed 1 in epoch 0.
        mixed = np.random.SeedSequence([self.seed, epoch, number]).generate_state(1, np.uint64)
        rng = torch.Generator("cpu").manual_seed(int(mixed[0]) >> 1)
        return self.selection[torch.randperm(len(self.selection), generator=rng, device="cpu")]


class PrunedSampler(SelectionSampler):
    """Sample the share of a dataset that a policy keeps.

    ``DataLoader(train, batch_size=128, sampler=PrunedSampler(train, keep=0.6))``

    Args:
        source: a ``CGScoredDataset``, a :class:`CGScores`, or a pair (scores, labels) of n numbers
            and n integers or strings, from any method.
        keep: share of the examples to keep, in (0, 1]; None for ``"noise-filter"``, which finds it.
        policy: ``"low-first"`` drops the lowest-scoring (most regular) examples first,
            ``"high-first"`` the highest, ``"random"`` is the control, ``"noise-filter"`` drops
            the suspected mislabels (not from a pair).
        balanced: apply the policy inside every class, so that class proportions stay. None is True,
            but False for ``"noise-filter"``, which then drops exactly ``scores.suspects``.
        num_samples: see :class:`SelectionSampler`, as are ``shuffle`` and errors.
        shuffle: False for ascending indices.
        seed: of the order, and of the draw of ``"random"``.

    Example:
        >>> sampler = PrunedSampler(([3.0, 1.0, 2.0, 5.0], ["a", "a", "b", "b"]), keep=0.5)
        >>> sampler.selection, len(sampler), sorted(sampler)
        (tensor([0, 3]), 2, [0, 3])

    """

    def __init__(
        self,
        source: Any,
        keep: float | None = None,
        policy: str = "low-first",
        *,
        balanced: bool | None = None,
        num_samples: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        check_choice("policy", "PrunedSampler", policy, POLICIES)
        if (keep is None) != (policy == "noise-filter"):
            wanted = "in (0, 1]" if keep is None else "None"
            raise ValueError(
                f"The 'keep' parameter of PrunedSampler must be {wanted} for the policy "
                f"{policy!r}. Got {keep!r} instead."
            )
        selection = _select(source, keep, policy, balanced=balanced, seed=seed)
        super().__init__(selection, num_samples=num_samples, shuffle=shuffle, seed=seed)


class WindowSampler(SelectionSampler):
    """Sample a window of the examples sorted by ascending score.

    Args:
        source: as for :class:`PrunedSampler`.
        start: share of the examples below the window, in [0, 1).
        width: share of the examples in the window, in (0, 1]; ``start + width`` is at most 1.
        balanced: a window inside every class, or one over all examples.
        num_samples: see :class:`SelectionSampler`, as are ``shuffle``, ``seed`` and errors.
        shuffle: False for ascending indices.
        seed: of the order.

    Example:
        >>> scores, labels = [0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0]
        >>> WindowSampler((scores, labels), start=0.25, width=0.5).selection
        tensor([1, 2])

    """

    def __init__(
        self,
        source: Any,
        start: float,
        width: float,
        *,
        balanced: bool = True,
        num_samples: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        values, labels = _values_and_labels(source)
        selection = policies.window(values, labels, start, width, balanced=balanced)
        super().__init__(selection, num_samples=num_samples, shuffle=shuffle, seed=seed)


def _check_selection(selection: Any, owner: str) -> Tensor:
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
    return tensor.long().sort().values


def _select(
    source: Any, keep: float | None, policy: str, *, balanced: bool | None, seed: int
) -> Tensor:
    if policy == "noise-filter":
        scores = _scores(source)
        if scores is None:
            raise TypeError(
                "The policy 'noise-filter' needs a CGScoredDataset or CGScores as 'source'. For "
                "scores of another method, pass the indices that policies.noise_filter gives to "
                "SelectionSampler."
            )
        return policies.noise_filter(scores.suspicion, scores.labels, balanced=bool(balanced))
    assert keep is not None  # noqa: S101
    balanced = balanced is not False
    values, labels = _values_and_labels(source)
    if policy == "random":
        return policies.random(labels, keep, balanced=balanced, seed=seed)
    rule = policies.low_first if policy == "low-first" else policies.high_first
    return rule(values, labels, keep, balanced=balanced)


def _scores(source: Any) -> CGScores | None:
    scores = getattr(source, "scores", source)
    return scores if isinstance(scores, CGScores) else None


def _values_and_labels(source: Any) -> tuple[Any, Labels]:
    scores = _scores(source)
    if scores is not None:
        return scores.values, scores.labels
    if isinstance(source, tuple) and len(source) == 2:
        return source
    raise TypeError(
        "The 'source' of a sampler must be a CGScoredDataset, CGScores, or a tuple "
        f"(scores, labels). Got {type(source).__name__} instead."
    )
