"""Samplers for the ``DataLoader`` one already has: what a policy keeps, alone or on ranks."""

from __future__ import annotations

from typing import Any

from torch_cgprune.policies.by_name import REDRAWN, WINDOW
from torch_cgprune.policies.schedules import Share
from torch_cgprune.samplers.arguments import by_share, pruned
from torch_cgprune.samplers.choice import Choice, described
from torch_cgprune.samplers.distributed import DistributedSelectionSampler
from torch_cgprune.samplers.excluded import ListFile
from torch_cgprune.samplers.selection import SelectionSampler
from torch_cgprune.samplers.source import Source, size_of


class PrunedSampler(SelectionSampler):
    """Sample the share of a dataset that a policy keeps.

    ``DataLoader(train, batch_size=128, sampler=PrunedSampler(train, keep=0.6))``

    Args:
        source: a ``CGScoredDataset``, a :class:`CGScores`, or a pair (scores, labels) of n numbers
            and n integers or strings, from any method.
        keep: share of the examples to keep, in (0, 1], or a function from the epoch to it (see
            :class:`LinearSchedule`); None for ``"noise-filter"``, which finds it. Or a file that
            lists what to keep, as ``torch-cgprune select`` writes it; leave ``policy`` as it is.
        policy: ``"redrawn"`` draws at random, anew every epoch, so that all get their turn;
            ``"soft"`` does so too, harder examples more often, which helps long trainings on much
            data a little and costs short ones or hard data much more. Of those that keep one
            selection, ``"stratified"`` keeps some of every score but the highest, ``"low-first"``
            drops the lowest-scoring (most regular) examples first, ``"high-first"`` the highest,
            ``"herding"`` follows the mean of each class in the space that is scored (of a
            ``CGScoredDataset`` alone, whose rows it reads again), ``"random"`` is the control,
            drawn once, and ``"auto"`` takes what predicts the other examples best, or ``"random"``
            where nothing is clearly better: see :func:`torch_cgprune.advise`, which takes some
            minutes (of a ``CGScoredDataset``, or of scores with advice on this share).
            ``"noise-filter"`` drops the suspected mislabels (not from a pair), logs how many of
            each class, and warns where that is far more than is estimated to be wrong, or more than
            half of a class. Those by scores warn where they gather suspects: where these are a
            larger share of what is kept, by a tenth, than of all. Each is described in
            :mod:`torch_cgprune.policies`. Those that draw (``"redrawn"``, ``"soft"``, ``"random"``,
            ``"stratified"``) have ``weights`` for the loss.
        rule: (noise-filter) which labels are suspected: ``"posterior"`` (None; but for stochastic
            scores ``"partial-sign"``), ``"partial-sign"``, ``"centred-sign"``, ``"margin"``,
            ``"adjusted"``, ``"confident"`` or ``"cleanlab"``; see
            :func:`torch_cgprune.noise.evidence`.
        fraction: (noise-filter) drop this share, in (0, 1), of the most suspicious by the rule.
        exclude: examples to leave out whatever their scores: ``"suspects"``, those whose label
            looks wrong, or ``"copies"``, ``CGScores.later_copies`` (neither from a pair); indices;
            a file that lists them, such as the CSV of the report's page; or a list of such words
            and files. ``keep`` is then a share of the others; the noise filter judges all, and
            drops these too. ``"suspects"`` warns as the noise filter does, ``"copies"`` where more
            than half of a class is lost. Of the page's CSV what is decided to be ``fine`` stays, as
            does what has its new label by now (``CGScoredDataset(relabel=...)`` of the same file).
        reviewed: the CSV of the report's page: what is ``fine`` there is no suspect (not of a
            pair).
        balanced: apply the policy inside every class, so that class proportions stay. None is True,
            but False for ``"noise-filter"``, which then drops exactly what the rule suspects.
        higher_is_harder: False for scores of a pair that are lower for harder, irregular examples,
            as C-scores are.
        num_samples: see :class:`SelectionSampler`, as are ``shuffle`` and errors.
        shuffle: False for ascending indices.
        seed: of the order, and of the draws of a policy.

    Example:
        >>> scores, labels = [3.0, 1.0, 2.0, 5.0], ["a", "a", "b", "b"]
        >>> sampler = PrunedSampler((scores, labels), keep=0.5, policy="low-first")
        >>> sampler.selection, len(sampler), sorted(sampler)
        (tensor([0, 3]), 2, [0, 3])

    """

    def __init__(
        self,
        source: Source,
        keep: Share | ListFile | None = None,
        policy: str = REDRAWN,
        *,
        rule: str | None = None,
        fraction: float | None = None,
        exclude: Any = None,
        reviewed: ListFile | None = None,
        balanced: bool | None = None,
        higher_is_harder: bool = True,
        num_samples: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        choice = Choice(
            type(self).__name__,
            keep,
            policy,
            rule,
            fraction,
            balanced,
            higher_is_harder,
            seed,
            reviewed=reviewed,
        )
        kept = pruned(choice, source, exclude)
        super().__init__(
            kept.selection,
            num_samples=num_samples,
            shuffle=shuffle,
            seed=seed,
        )
        self._n, self._told, self._weigh = size_of(source), described(choice), kept.weigh


class DistributedPrunedSampler(DistributedSelectionSampler):
    """A :class:`PrunedSampler` for the ranks of plain DDP or Lightning.

    Args:
        source: see :class:`PrunedSampler`, as are ``keep``, ``policy``, ``rule``, ``fraction``,
            ``exclude``, ``reviewed``, ``balanced`` and ``higher_is_harder``.
        keep: share of the examples to keep.
        policy: which of them.
        rule: (noise-filter) which labels are suspected.
        fraction: (noise-filter) share of the examples to drop.
        exclude: examples to leave out.
        reviewed: what a person has found to be fine.
        balanced: inside every class.
        higher_is_harder: False for scores of a pair that are lower for harder examples.
        num_samples: see :class:`DistributedSelectionSampler`, as are the rest and errors.
        shuffle: False for ascending indices.
        seed: of the order, and of the draws of a policy; the same on all ranks.
        num_replicas: ranks that share the selection.
        rank: which of them this is.
        drop_last: drop or repeat where the ranks do not divide the selection.

    Example:
        >>> scores, labels = [3.0, 1.0, 2.0, 5.0], ["a", "a", "b", "b"]
        >>> how = {"policy": "low-first", "num_replicas": 2, "seed": 1}
        >>> list(DistributedPrunedSampler((scores, labels), 0.5, rank=0, **how))
        [3]

    """

    def __init__(
        self,
        source: Source,
        keep: Share | ListFile | None = None,
        policy: str = REDRAWN,
        *,
        rule: str | None = None,
        fraction: float | None = None,
        exclude: Any = None,
        reviewed: ListFile | None = None,
        balanced: bool | None = None,
        higher_is_harder: bool = True,
        num_samples: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
        drop_last: bool = False,
    ) -> None:
        choice = Choice(
            type(self).__name__,
            keep,
            policy,
            rule,
            fraction,
            balanced,
            higher_is_harder,
            seed,
            reviewed=reviewed,
        )
        kept = pruned(choice, source, exclude)
        super().__init__(
            kept.selection,
            num_samples=num_samples,
            shuffle=shuffle,
            seed=seed,
            num_replicas=num_replicas,
            rank=rank,
            drop_last=drop_last,
        )
        self._n, self._told, self._weigh = size_of(source), described(choice), kept.weigh


class WindowSampler(SelectionSampler):
    """Sample a window of the examples sorted by ascending score.

    It warns where it gathers suspects, as :class:`PrunedSampler` does.

    Args:
        source: as for :class:`PrunedSampler`.
        start: share of the examples below the window, in [0, 1), or a function from the epoch to
            it.
        width: share of the examples in the window, in (0, 1], or such a function; ``start + width``
            is at most 1.
        exclude: see :class:`PrunedSampler`, as ``higher_is_harder``.
        balanced: a window inside every class, or one over all examples.
        higher_is_harder: False for scores of a pair that are lower for harder examples.
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
        source: Source,
        start: Share,
        width: Share,
        *,
        exclude: Any = None,
        balanced: bool = True,
        higher_is_harder: bool = True,
        num_samples: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        choice = Choice(
            type(self).__name__,
            width,
            WINDOW,
            start=start,
            balanced=balanced,
            higher_is_harder=higher_is_harder,
        )
        super().__init__(
            by_share(choice, source, exclude).selection,
            num_samples=num_samples,
            shuffle=shuffle,
            seed=seed,
        )
        self._n, self._told = size_of(source), described(choice)


class DistributedWindowSampler(DistributedSelectionSampler):
    """A :class:`WindowSampler` for the ranks of plain DDP or Lightning.

    Args:
        source: see :class:`WindowSampler`, as are ``start``, ``width``, ``exclude``, ``balanced``
            and ``higher_is_harder``.
        start: share of the examples below the window.
        width: share of the examples in the window.
        exclude: examples to leave out.
        balanced: inside every class.
        higher_is_harder: False for scores of a pair that are lower for harder examples.
        num_samples: see :class:`DistributedSelectionSampler`, as are the rest and errors.
        shuffle: False for ascending indices.
        seed: of the order; the same on all ranks.
        num_replicas: ranks that share the selection.
        rank: which of them this is.
        drop_last: drop or repeat where the ranks do not divide the selection.

    Example:
        >>> scores, labels = [0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0]
        >>> window = {"start": 0.25, "width": 0.5, "shuffle": False}
        >>> list(DistributedWindowSampler((scores, labels), **window, num_replicas=2, rank=1))
        [2]

    """

    def __init__(
        self,
        source: Source,
        start: Share,
        width: Share,
        *,
        exclude: Any = None,
        balanced: bool = True,
        higher_is_harder: bool = True,
        num_samples: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
        drop_last: bool = False,
    ) -> None:
        choice = Choice(
            type(self).__name__,
            width,
            WINDOW,
            start=start,
            balanced=balanced,
            higher_is_harder=higher_is_harder,
        )
        super().__init__(
            by_share(choice, source, exclude).selection,
            num_samples=num_samples,
            shuffle=shuffle,
            seed=seed,
            num_replicas=num_replicas,
            rank=rank,
            drop_last=drop_last,
        )
        self._n, self._told = size_of(source), described(choice)
