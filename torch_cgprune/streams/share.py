"""Which of all that is kept a rank, and in it a worker, delivers."""

from __future__ import annotations

from dataclasses import dataclass

from torch_cgprune.utils.checks import check_integer, wrong_value

_OWNER = "PrunedStream"


@dataclass
class Place:
    """How many examples of an epoch were delivered here."""

    epoch: int
    index: int


@dataclass(frozen=True)
class Share:
    """One rank among those that share what is kept.

    Args:
        rank: which it is, from 0.
        num_replicas: how many there are.
        num_workers: of the loader of each, which are to get equally many; None for up to one less.
        drop_last: leave out the last ones where they cannot be divided; False repeats the first.

    Raises:
        TypeError, ValueError: numbers out of range.

    """

    rank: int
    num_replicas: int
    num_workers: int | None = None
    drop_last: bool = False

    def __post_init__(self) -> None:
        check_integer("num_replicas", _OWNER, self.num_replicas, minimum=1)
        check_integer("rank", _OWNER, self.rank, minimum=0)
        if self.num_workers is not None:
            check_integer("num_workers", _OWNER, self.num_workers, minimum=0)
        if self.rank >= self.num_replicas:
            wanted = f"below num_replicas={self.num_replicas}"
            raise wrong_value("rank", _OWNER, wanted, self.rank)

    def of(self, m: int) -> int:
        """Return how many of m examples every rank delivers.

        Raises:
            ValueError: ``drop_last`` leaves nothing.

        """
        by = max(self.num_workers or 0, 1)
        each, rest = divmod(m, self.num_replicas * by)
        found = by * (each + (rest > 0 and not self.drop_last))
        if not found:
            raise ValueError(
                f"The 'drop_last' parameter of {_OWNER} must be False for {m} examples on "
                f"{self.num_replicas} ranks of {by} workers: nothing would be left."
            )
        return found

    def in_turn(self, m: int, worker: int, workers: int) -> range:
        """Return the places, of m that begin again at their end, of every so-and-so-many-th.

        Args:
            m: examples that are kept.
            worker: which of the rank's processes that is, from 0.
            workers: how many these are, 0 without any.

        """
        self._check(workers)
        step, stop = self.num_replicas * max(workers, 1), self.num_replicas * self.of(m)
        return range(self.rank + self.num_replicas * worker, stop, step)

    def together(self, m: int, worker: int, workers: int) -> range:
        """Return such places in one piece; for arguments see :meth:`in_turn`."""
        self._check(workers)
        of_rank, by = self.of(m), max(workers, 1)
        first = self.rank * of_rank
        return range(first + of_rank * worker // by, first + of_rank * (worker + 1) // by)

    def _check(self, workers: int) -> None:
        if self.num_workers is not None and workers != self.num_workers:
            raise wrong_value(
                "num_workers", _OWNER, f"that of its loader, {workers}", self.num_workers
            )
