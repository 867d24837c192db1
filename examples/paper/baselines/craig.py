"""CRAIG (Mirzasoleiman et al., Coresets for Data-efficient Training, ICML 2020).

Inside each class, examples S are kept whose gradients stand for those of all, each with the number
of examples it stands for: facility location on distances between the last layer's gradients p - y,
maximised greedily. Gradients change, so every ten epochs of 200 the selection is made anew.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import Any

import torch
from image_training import Training
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Sampler

from torch_cgprune import SelectionSampler
from torch_cgprune.policies.quotas import class_quotas, total_kept

EVERY, PARTS = 10, 20


def facility_value(distances: Tensor, chosen: Tensor) -> float:
    r"""Return how well some examples stand for all.

    .. math:: F(S) = \sum_i (D - \min_{j \in S} d_{ij}), \quad D = \max_{ij} d_{ij}, \quad F(\{\})=0

    It is monotone and submodular, so that greedy choice comes within 1 - 1/e of the best.

    Args:
        distances: (n, n) d.
        chosen: (m,) indices S, m at least 1.

    """
    return float((distances.max() - distances[:, chosen].amin(1)).sum(dtype=torch.float64))


def greedy(distances: Tensor, count: int) -> Tensor:
    """Choose examples that stand for all, each the one that adds most to the facility value.

    Lazily (Minoux): a gain can only shrink, so one that is fresh and still the highest need not
    wait for the others. Of equal gains the first index is taken.

    Args:
        distances: (n, n) symmetric, at least 0.
        count: how many, at most n.

    Returns:
        (count,) int64, in the order of choice.

    """
    nearest = torch.full((len(distances),), float(distances.max()), dtype=distances.dtype)

    def gain(j: int) -> float:
        return float((nearest - distances[j]).clamp(min=0).sum(dtype=torch.float64))

    heap = [(-gain(j), j) for j in range(len(distances))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while len(chosen) < count:
        _, j = heapq.heappop(heap)
        fresh = (-gain(j), j)
        if heap and fresh > heap[0]:
            heapq.heappush(heap, fresh)
            continue
        chosen.append(j)
        nearest = nearest.minimum(distances[j])
    return torch.tensor(chosen)


def cluster_sizes(distances: Tensor, chosen: Tensor) -> Tensor:
    """Return (m,) int64, how many of the n examples each of m chosen ones is the nearest to."""
    return distances[:, chosen].argmin(1).bincount(minlength=len(chosen))


def craig(gradients: Tensor, labels: Tensor, keep: float) -> tuple[Tensor, Tensor]:
    """Choose a share of each class.

    Args:
        gradients: (n, k) floats, of the last layer.
        labels: (n,) int64 in [0, k), every class in it.
        keep: share to keep, in (0, 1].

    Returns:
        (m,) int64 indices, ascending, and (n,) float32 weights by index, 0 for what is left out:
        the examples each one stands for, times m / n, so that the mean of weights times losses over
        the kept ones stands for the mean loss of all (as ``SelectionSampler.weights``).

    """
    total = total_kept("craig", keep, labels)
    quotas = class_quotas(labels.bincount(), total)
    weights = torch.zeros(len(labels))
    chosen: list[Tensor] = []
    for c, quota in enumerate(quotas.tolist()):
        members = (labels == c).nonzero().flatten()
        own_gradients = gradients[members]
        # By differences: by inner products an example would not be at 0 from itself.
        distances = torch.cdist(
            own_gradients, own_gradients, compute_mode="donot_use_mm_for_euclid_dist"
        )
        own = greedy(distances, quota)
        chosen.append(members[own])
        weights[chosen[-1]] = cluster_sizes(distances, own).float()
    return torch.cat(chosen).sort().values, weights * total / len(labels)


def epochs_between(epochs: int) -> int:
    """Return the epochs from choice to choice in a training of so many: 10 of 200, at least one."""
    return max(1, epochs // PARTS)


class CraigSampler(Sampler[int]):
    """Sample what CRAIG keeps, chosen anew every ten epochs.

    ``training.run(sampler, weights=lambda: sampler.weights)``

    Args:
        gradients: gives the (n, k) gradients of the present network, see :func:`present_gradients`.
        labels: (n,) int64 in [0, k).
        keep: share to keep, in (0, 1].
        every: epochs between choices.
        num_samples: see :class:`SelectionSampler`.
        seed: of the order.

    Attributes:
        selection: (m,) the indices under way, ascending.
        weights: (n,) for the loss, see :func:`craig`.

    """

    def __init__(
        self,
        gradients: Callable[[], Tensor],
        labels: Tensor,
        keep: float,
        *,
        every: int = EVERY,
        num_samples: int | None = None,
        seed: int = 0,
    ) -> None:
        self._gradients, self._labels, self._keep = gradients, labels, keep
        self._every, self._num_samples, self._seed = every, num_samples, seed
        self._choose(0)

    @property
    def selection(self) -> Tensor:
        """The (m,) indices under way, ascending."""
        return self._order.selection

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[int]:
        return iter(self._order)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration, and anew what is kept where it is time."""
        if epoch // self._every != self._round:
            self._choose(epoch // self._every)
        self._order.set_epoch(epoch)

    def _choose(self, number: int) -> None:
        selection, self.weights = craig(self._gradients(), self._labels, self._keep)
        self._take(selection, number)

    def _take(self, selection: Tensor, number: int) -> None:
        self._round = number
        self._order = SelectionSampler(selection, num_samples=self._num_samples, seed=self._seed)

    def state_dict(self) -> dict[str, Any]:
        """Return what is kept and where the order is: the network has changed since the choice."""
        state = {"selection": self.selection, "weights": self.weights, "round": self._round}
        return {**state, "order": self._order.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.weights = state["weights"]
        self._take(state["selection"], state["round"])
        self._order.load_state_dict(state["order"])


def present_gradients(training: Training) -> Tensor:
    """Return (n, k) gradients p - y of the cross-entropy by the logits, of a training's images."""
    logits = training.logits(training.images)
    return logits.softmax(1) - functional.one_hot(training.images.labels, logits.shape[1])
