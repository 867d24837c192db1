"""A review whose decisions are written to a file as they are made."""

from __future__ import annotations

import os
import threading
from typing import Any

from torch_cgprune.lists import read_decisions
from torch_cgprune.lists.decisions import (
    FINE,
    WRONG,
    Decision,
    check_named_csv,
    listed_decisions,
)
from torch_cgprune.report.contents import Drawing, Request, contents, decision_row
from torch_cgprune.report.page import rendered
from torch_cgprune.report.pictures import WHOLE
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.files import check_writable, replacing


class Review:
    """What a person decides of labels, in a file that is whole at any time.

    Args:
        scores: of n examples.
        path: of the CSV file: what is decided there is taken up.
        drawing: where pictures come from.
        title: of the page.
        rule: which labels look wrong.
        called: the file of the scores, for the commands on the page.

    Attributes:
        decided: what is decided, by index.

    Raises:
        ValueError: the file is no list of decisions on these data.
        OSError: it cannot be written.

    """

    def __init__(
        self,
        scores: CGScores,
        path: str | os.PathLike[str],
        drawing: Drawing,
        *,
        title: str,
        rule: str | None = None,
        called: str | None = None,
    ) -> None:
        check_writable(path)
        self.path, self.scores = check_named_csv(path, "output", "decision"), scores
        self.decided: dict[int, Decision] = {}
        if self.path.exists():
            self.decided = read_decisions(self.path, scores)
        asked = Request(title=title, rule=rule, called=called, served=True)
        self._filled = contents(scores, drawing, asked)
        self._pictures = drawing.pictures(WHOLE, 0)
        self._lock = threading.Lock()

    def page(self) -> bytes:
        """Return the page, with all that is decided by now."""
        with self._lock:
            rows = [decision_row(self.scores, *one) for one in self.decided.items()]
            self._filled["data"]["decided"] = rows
            return rendered(self._filled).encode("utf-8", "replace")

    def picture(self, index: int) -> bytes | None:
        """Return the whole picture of an example as a WebP file; None where there is none."""
        if not 0 <= index < len(self.scores):
            return None
        found = self._pictures.content(index)
        return found if isinstance(found, bytes) else None

    def change(self, changes: Any) -> None:
        """Take decisions over, or back, and write the file.

        Args:
            changes: JSON values, a list of index, ``"wrong"``, ``"fine"`` or None for no decision,
                and the code of the new class, -1 for none.

        Raises:
            ValueError: no such changes; then nothing is changed.
            OSError: the file cannot be written.

        """
        made = [self._checked(*change) for change in changes]
        with self._lock:
            decided = dict(self.decided)
            for index, one in made:
                if one is None:
                    decided.pop(index, None)
                else:
                    decided[index] = one
            content = listed_decisions(decided, self.scores)
            with replacing(self.path) as temporary:
                temporary.write_bytes(content)
            self.decided = decided

    def _checked(self, index: Any, said: Any, label: Any) -> tuple[int, Decision | None]:
        integers = all(type(value) is int for value in (index, label))
        if not integers or not 0 <= index < len(self.scores) or said not in (WRONG, FINE, None):
            raise ValueError(f"no decision on an example: {index!r}, {said!r}, {label!r}")
        if not -1 <= label < len(self.scores.classes):
            raise ValueError(f"no class has the code {label!r}")
        if said is None:
            return index, None
        is_wrong = said == WRONG
        return index, Decision(is_wrong, label if is_wrong and label >= 0 else None)
