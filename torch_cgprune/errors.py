"""The exceptions of the library, and its messages as data.

A message is made as those of ``logging`` are: of a template and its values. Where a value is an
:class:`Argument` or a :class:`Parameter`, Python and the command line each write it in their way.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Argument:
    """An argument that a message mentions.

    Args:
        name: of the parameter that it is for.
        code: its value, as Python writes it; None where only the name is mentioned.

    Example:
        >>> print(Argument("method", "'local'"), Argument("rule"))
        method='local' 'rule'

    """

    name: str
    code: str | None = None

    def __str__(self) -> str:
        return repr(self.name) if self.code is None else f"{self.name}={self.code}"


class Parameter:
    """The parameter that a message is about, or several of them, of a function or class.

    Example:
        >>> print(f"The {Parameter('PrunedSampler', 'keep')} must be in (0, 1].")
        The 'keep' parameter of PrunedSampler must be in (0, 1].

    """

    def __init__(self, owner: str, *names: str) -> None:
        self.owner, self.names = owner, names

    def __str__(self) -> str:
        plural = "s" if self.names[1:] else ""
        return f"{' and '.join(map(repr, self.names))} parameter{plural} of {self.owner}"


class Message:
    """A template and its values; ``str()`` is ``template % values``, as Python users read it.

    A text without values is taken as it is, with its percent signs.
    """

    args: tuple[Any, ...]

    def __init__(self, template: str, *values: Any) -> None:
        self.args = (template, *values)

    @property
    def template(self) -> str:
        """The text, with a place for each value."""
        return str(self.args[0])

    def __str__(self) -> str:
        return self.worded(lambda value: value)

    def worded(self, word: Callable[[Any], Any]) -> str:
        """Return the text, with ``word(value)`` in place of each value."""
        values = tuple(map(word, self.args[1:]))
        return self.template % values if values else self.template


class DetailedError(Message, Exception):
    """An exception that carries what its message says.

    Attributes:
        parameter: name of the argument that is wrong, or that is to be passed instead.
        value: what was given.
        row: index of the example that is wrong, the first of ``rows``.
        rows: indices of all that are wrong in this way.
        cure: what to do instead; the message ends with it.

    """

    def __init__(
        self,
        template: str,
        *values: Any,
        parameter: str | None = None,
        value: Any = None,
        row: int | None = None,
        rows: Sequence[int] = (),
        cure: Message | str | None = None,
    ) -> None:
        super().__init__(template, *values)
        self.parameter, self.value, self.cure = parameter, value, cure
        self.rows = tuple(rows) if row is None else (row,)

    @property
    def row(self) -> int | None:
        """Index of the example that is wrong, the first of them."""
        return self.rows[0] if self.rows else None

    def worded(self, word: Callable[[Any], Any]) -> str:
        """Return the text, with ``word(value)`` in place of each value, and of the cure."""
        text = super().worded(word)
        return f"{text} {word(self.cure)}" if self.cure else text

    def __reduce__(self) -> Any:
        """Go to another process with all data; as a text where one of them cannot go."""
        try:
            pickle.dumps((self.args, self.__dict__))
        except Exception:  # noqa: BLE001 (a value may be anything, and fail in any way)
            return type(self), (str(self),), {"parameter": self.parameter, "rows": self.rows}
        return super().__reduce__()


class ArgumentValueError(DetailedError, ValueError):
    """An argument has a value that it cannot have."""


class ArgumentTypeError(DetailedError, TypeError):
    """An argument is of another type than it must be."""


class NotEnoughMemoryError(DetailedError, MemoryError):
    """A job needs more memory than there is."""


class NotPositiveDefiniteError(DetailedError, ArithmeticError):
    """The Gram matrix has no Cholesky factor at the working precision."""


class UnstableDatasetError(ValueError):
    """A dataset gave two different items for one index."""


class NothingToPredictError(ValueError):
    """Advice has no labels to predict: one class, classes of one example, or copies alone."""


class CacheError(OSError):
    """A score file cannot be read: truncated, or not written by this library."""


class CacheMismatchError(DetailedError, ValueError):
    """A score file is sound but belongs to other data or other options."""


class UnreadableImageError(OSError):
    """A file is truncated, or no image."""


class UnreadableItemError(DetailedError, RuntimeError):
    """A dataset fails to give an item; ``row`` is its index, the cause the dataset's own error."""


class DetailedWarning(Message, UserWarning):
    """A warning whose message can be worded anew."""
