"""Scores from the training loop one already has: forgetting, EL2N, area under the margin.

The dataset gives each example's index; the loop then gets two more lines::

    dynamics = TrainingDynamics(len(train))
    for epoch in range(epochs):
        for indices, images, labels in loader:
            logits = model(images)
            optimizer.zero_grad()
            functional.cross_entropy(logits, labels).backward()
            optimizer.step()
            dynamics.record(indices, logits, labels)
    scores = dynamics.forgetting  # or .el2n, .aum
    sampler = PrunedSampler((scores, train.targets), keep=0.6, policy="low-first")

Of all of them high is hard, as ``PrunedSampler`` takes it.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class TrainingDynamics:
    """What a training shows of every example, gathered batch by batch in O(n) numbers.

    A *pass* of an example is one time that it was in a batch; it is judged by the logits that the
    loss was computed from, as Toneva et al. do: augmented, before the step.

    Args:
        n: examples of the dataset.
        early: the pass that EL2N is taken at, or the last one before; Paul et al. take epoch 20 of
            200, so a tenth of the passes there will be.

    Example:
        >>> dynamics = TrainingDynamics(2)
        >>> for logits in ([[0, 3], [1, 0]], [[2, 0], [1, 0]], [[0, 3], [1, 0]]):
        ...     dynamics.record(torch.arange(2), torch.tensor(logits), torch.tensor([1, 0]))
        >>> dynamics.forgetting, dynamics.aum
        (tensor([1., 0.]), tensor([-1.3333, -1.0000]))

    """

    def __init__(self, n: int, early: int = 20) -> None:
        self._early = early
        self._passes = torch.zeros(n, dtype=torch.int64)
        self._forgotten = torch.zeros(n)
        self._right = torch.zeros(n, dtype=torch.bool)
        self._learned = torch.zeros(n, dtype=torch.bool)
        self._error = torch.zeros(n)
        self._margins = torch.zeros(n, dtype=torch.float64)

    def record(self, indices: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Take up a batch.

        Args:
            indices: (b,) integers in [0, n); one that is there twice has two passes.
            logits: (b, k) floats.
            labels: (b,) int64 in [0, k).

        """
        indices, labels = indices.cpu(), labels.cpu()
        logits = logits.detach().float().cpu()
        while len(indices):
            first = _firsts(indices)
            self._pass(indices[first], logits[first], labels[first])
            indices, logits, labels = indices[~first], logits[~first], labels[~first]

    def _pass(self, indices: Tensor, logits: Tensor, labels: Tensor) -> None:
        margins = margin(logits, labels)
        right = logits.argmax(1) == labels
        self._forgotten[indices] += (self._right[indices] & ~right).float()
        self._right[indices] = right
        self._learned[indices] |= right
        self._margins[indices] += margins.double()
        self._passes[indices] += 1
        early = self._passes[indices] <= self._early
        self._error[indices[early]] = error_norm(logits[early], labels[early])

    @property
    def forgetting(self) -> Tensor:
        """(n,) float32, how often an example went from right to wrong from a pass to the next.

        One that was never right counts as forgotten more often than any: as often as there were
        passes (Toneva et al., An Empirical Study of Example Forgetting, ICLR 2019; the paper's
        eq. 10).
        """
        self._check()
        return torch.where(self._learned, self._forgotten, self._passes.max().float())

    @property
    def el2n(self) -> Tensor:
        """(n,) float32, norm of the error of the probabilities, at an early pass.

        Of one network; Paul et al. take the mean over ten (Deep Learning on a Data Diet, NeurIPS
        2021).
        """
        self._check()
        return self._error.clone()

    @property
    def aum(self) -> Tensor:
        """(n,) float32, **minus** the area under the margin, the mean margin over the passes.

        Published with the other sign, low for labels that look wrong (Pleiss et al., Identifying
        Mislabeled Data using the Area Under the Margin Ranking, NeurIPS 2020).
        """
        self._check()
        return -(self._margins / self._passes).float()

    def _check(self) -> None:
        missing = (self._passes == 0).nonzero().flatten()
        if len(missing):
            raise ValueError(
                f"{len(missing)} of {len(self._passes)} examples were in no batch, the first of "
                f"them {int(missing[0])}. Train on all of them for an epoch at least, with "
                "drop_last=False where a selection is fixed."
            )

    def state_dict(self) -> dict[str, Any]:
        """Return what :meth:`load_state_dict` goes on from, in tensors."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state of as many examples."""
        for name in self.state_dict():
            setattr(self, name, state[name])


def error_norm(logits: Tensor, labels: Tensor) -> Tensor:
    r"""Return (b,) :math:`\lVert \mathrm{softmax}(z_i) - e_{y_i} \rVert_2`.

    Args:
        logits: (b, k) floats z.
        labels: (b,) int64 in [0, k).

    """
    onehot = functional.one_hot(labels, logits.shape[1])
    norms: Tensor = (logits.softmax(1) - onehot).norm(dim=1)
    return norms


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    r"""Return (b,) :math:`z_{i y_i} - \max_{c \ne y_i} z_{i c}`, of (b, k) logits, k at least 2."""
    own = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], -torch.inf)
    return own[:, 0] - others.amax(1)


def _firsts(indices: Tensor) -> Tensor:
    """Return (b,) bool, which entries are the first of their value."""
    order = indices.argsort(stable=True)
    changes = torch.ones(len(indices), dtype=torch.bool)
    changes[1:] = indices[order].diff() != 0
    return torch.zeros_like(changes).index_put((order,), changes)
