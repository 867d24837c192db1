"""What a sampler was told to keep."""

from __future__ import annotations

import dataclasses
import os

from torch_cgprune.policies.by_name import POLICIES
from torch_cgprune.policies.quotas import checked_window
from torch_cgprune.policies.schedules import Share, share_at
from torch_cgprune.samplers.excluded import ListFile
from torch_cgprune.utils.checks import check_real


@dataclasses.dataclass(frozen=True)
class Choice:
    """What a sampler is to keep, as it was told. No data are in it: a sampler may hold it.

    Attributes:
        owner: the sampler's class, for messages.
        keep: see ``PrunedSampler``, as what follows, in its order; for a window the width.
        start: of the window.
        reviewed: see ``PrunedSampler``.
        cut: share of the hardest that ``stratified`` drops, where ``"auto"`` has found it.

    """

    owner: str
    keep: Share | ListFile | None
    policy: str
    rule: str | None = None
    fraction: float | None = None
    balanced: bool | None = None
    higher_is_harder: bool = True
    seed: int = 0
    start: Share | None = None
    reviewed: ListFile | None = None
    cut: float | None = None

    @property
    def is_balanced(self) -> bool:
        """Whether a policy that keeps a share is applied inside every class."""
        return self.balanced is None or bool(self.balanced)

    @property
    def changes(self) -> bool:
        """Whether an epoch may keep others than the one before."""
        redrawn = "epoch" in POLICIES[self.policy].takes
        return redrawn or callable(self.keep) or callable(self.start)

    def shares(self, epoch: int) -> tuple[float, float | None]:
        """Return the share to keep in an epoch, and the one below the window."""
        keep = share_at(self.keep, epoch)
        if "start" not in POLICIES[self.policy].takes:
            return check_real("keep", self.owner, keep, "(0, 1]"), None
        start, width = checked_window(self.owner, share_at(self.start, epoch), keep)
        return width, start


def described(choice: Choice) -> list[str]:
    """Return in words what a sampler was told to keep."""
    if isinstance(choice.keep, str | os.PathLike):
        return [f"keep={os.fspath(choice.keep)!r}"]
    given: dict[str, object] = {"keep": choice.keep, "rule": choice.rule}
    if choice.start is not None:
        given = {"start": choice.start, "width": choice.keep}
    given["fraction"] = choice.fraction
    words = [f"{name}={_brief(value)}" for name, value in given.items() if value is not None]
    return [choice.policy, *words]


def _brief(value: object) -> str:
    is_function = callable(value) and not dataclasses.is_dataclass(value)
    return "function" if is_function else repr(value)
