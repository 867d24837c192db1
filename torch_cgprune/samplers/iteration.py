"""Where in which epoch a sampler is, and the iterations that go on from there."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

# Indices turned into Python ints at a time. A list of all of them would cost 36 bytes each; of
# lists from 1,000 to 30,000 all are as fast.
_CHUNK = 8192


@dataclasses.dataclass(frozen=True)
class Position:
    """A place in an epoch: how many of its indices have been handed out."""

    epoch: int
    index: int


class Cursor:
    """How far an iteration is: apart from it, as its sampler has to know, and is to hold no order.

    Args:
        start: where the iteration begins.

    """

    def __init__(self, start: Position) -> None:
        self._ahead = start  # by what is left of the chunk
        self._chunk: Iterator[int] = iter(())

    @property
    def position(self) -> Position:
        """The place behind the last index handed out."""
        left = operator.length_hint(self._chunk)
        return Position(self._ahead.epoch, self._ahead.index - left)

    def over(self, chunk: list[int]) -> Iterator[int]:
        """Iterate over the next chunk of the order, and be as far as that is."""
        self._ahead = Position(self._ahead.epoch, self._ahead.index + len(chunk))
        self._chunk = iter(chunk)
        return self._chunk


class Progress:
    """Which iteration of a sampler is the latest, and where the next one begins.

    ============  ================================  ==========  ======================
    state         comes from                        latest      next
    ============  ================================  ==========  ======================
    not begun     a new sampler                     none        (0, 0)
    asked         set_epoch(e), another epoch       none        (e, 0)
    resumed       load_state_dict of the sampler    none        (e, i), as loaded
    told          load_state_dict of an iteration   at (e, i)   (e + 1, 0), or as asked
    under way     its first index                   at (e, i)   (e + 1, 0); ranks (e, 0)
    at the end    its last index                    at (e, m)   the same
    asked again   set_epoch(e), the same epoch      at (e, i)   (e, 0)
    ============  ================================  ==========  ======================

    Asked for the epoch that it has resumed, a sampler keeps its place. An iteration that is not the
    latest any more goes on by itself, and is not followed here.

    Args:
        advances: whether without ``set_epoch`` the next iteration is the next epoch.

    Attributes:
        latest: how far the iteration is that was begun or told last; None where there was none
            since the sampler was sent elsewhere.
        next: where the next iteration begins.

    """

    def __init__(self, *, advances: bool) -> None:
        self._advances = advances
        self._asked: int | None = None  # by set_epoch, with no iteration since
        self.latest: Cursor | None = None
        self.next = Position(0, 0)

    @property
    def position(self) -> Position:
        """The place of the sampler, which its state names."""
        return self.next if self.latest is None else self.latest.position

    def repeats(self, start: Position, length: int) -> bool:
        """Return whether an iteration is of an epoch that the latest went through, unasked for.

        Args:
            start: where it begins.
            length: of the epoch.

        """
        if self.latest is None or self._asked is not None or start.index:
            return False
        return self.latest.position == Position(start.epoch, length)

    def ask(self, epoch: int) -> None:
        """Let the next iteration be of an epoch."""
        if epoch != self.position.epoch:
            self.resume(Position(epoch, 0))
        elif self.latest is not None:
            self.next = Position(epoch, 0)
        self._asked = epoch

    def resume(self, position: Position) -> None:
        """Let the next iteration begin at a place."""
        self.latest, self.next = None, position

    def tell(self, cursor: Cursor) -> None:
        """Let an iteration that was told its place be the latest, and the next one follow it."""
        epoch = cursor.position.epoch
        # A loader loads when it is iterated. If it finds that epoch over, it begins another
        # iteration at once: of the epoch that set_epoch asked for before, or else the next.
        follows = epoch + 1 if self._asked in (None, epoch) else self._asked
        self.latest, self.next = cursor, Position(follows, 0)

    def begin(self, cursor: Cursor) -> None:
        """Let an iteration that hands out its first index be the latest."""
        epoch = cursor.position.epoch
        if self.next.epoch == epoch:
            self.next = Position(epoch + self._advances, 0)
        self.latest, self._asked = cursor, None


class Iteration(Iterator[int]):
    """One epoch of a sampler, begun when its first index is asked for.

    Loaders make more iterators than they use. This one can say and be told its place: torchdata's
    loader asks for it.

    Args:
        progress: of the sampler.
        choose: makes an epoch the sampler's present one.
        indices: gives those that are left from a place on, in their order.

    """

    def __init__(
        self,
        progress: Progress,
        choose: Callable[[int], None],
        indices: Callable[[Position], Tensor],
    ) -> None:
        self._progress, self._choose, self._indices = progress, choose, indices
        self._told: Cursor | None = None
        self._begun: tuple[Cursor, Iterator[Tensor]] | None = None  # with the chunks to come
        self._chunk: Iterator[int] = iter(())

    def __next__(self) -> int:
        for index in self._chunk:
            return index
        if self._begun is None:
            self._begun = self._begin()
        cursor, chunks = self._begun
        self._chunk = cursor.over(next(chunks).tolist())
        return next(self._chunk)

    def _begin(self) -> tuple[Cursor, Iterator[Tensor]]:
        cursor = self._told
        if cursor is None or cursor is not self._progress.latest:  # or sent elsewhere since
            cursor = Cursor(self._progress.next)
        indices = self._indices(cursor.position)
        self._progress.begin(cursor)
        return cursor, iter(indices.split(_CHUNK))

    def state_dict(self) -> dict[str, Any]:
        """Return epoch and position: of an iteration not begun, those it would begin with."""
        cursor = self._told if self._begun is None else self._begun[0]
        position = self._progress.next if cursor is None else cursor.position
        return {"epoch": position.epoch, "position": position.index}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Begin where ``state`` was taken; the sampler's next iteration is the one after this."""
        self._told = Cursor(Position(state["epoch"], state["position"]))
        self._begun, self._chunk = None, iter(())
        self._choose(state["epoch"])
        self._progress.tell(self._told)
