"""Checks of plain arguments, in one frame: the name, what it must be, what it was."""

from __future__ import annotations

import numbers
from typing import TypeVar

from torch_cgprune.errors import ArgumentTypeError, ArgumentValueError, DetailedError, Parameter

_E = TypeVar("_E", bound=DetailedError)


def check_real(name: str, owner: str, value: object, interval: str) -> float:
    """Return ``value`` as a float inside ``interval``, written as ``"(0, 1]"`` or ``"[0, inf)"``.

    Raises:
        ArgumentTypeError: ``value`` is no real number (a bool is none).
        ArgumentValueError: ``value`` lies outside the interval (NaN does).

    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise wrong_type(name, owner, f"in {interval}", value)
    number = float(value)
    low, high = (float(end) for end in interval[1:-1].split(","))
    closed_low, closed_high = interval[0] == "[", interval[-1] == "]"
    if low < number < high or (closed_low and number == low) or (closed_high and number == high):
        return number
    raise wrong_value(name, owner, f"in {interval}", value)


def check_integer(name: str, owner: str, value: object, *, minimum: int) -> int:
    """Return ``value`` as an int of at least ``minimum``.

    Raises:
        ArgumentTypeError: ``value`` is no integer (a bool is none).
        ArgumentValueError: ``value`` is below ``minimum``.

    """
    wanted = f"an integer of at least {minimum}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise wrong_type(name, owner, wanted, value)
    if value < minimum:
        raise wrong_value(name, owner, wanted, value)
    return int(value)


def check_choice(name: str, owner: str, value: object, choices: tuple[str, ...]) -> str:
    """Return ``value`` if it is one of ``choices``.

    Raises:
        ArgumentValueError: it is not.

    """
    if isinstance(value, str) and value in choices:
        return value
    listed = ", ".join(repr(choice) for choice in choices)
    raise wrong_value(name, owner, f"one of {listed}", value, got="%r.")


def wrong_value(
    name: str, owner: str, wanted: str, value: object, *, got: str = "%r instead."
) -> ArgumentValueError:
    """Return the error that an argument must be what is ``wanted``, and has another value.

    Args:
        name: of the parameter.
        owner: whose it is.
        wanted: what it must be.
        value: what it is.
        got: template of how that is told.

    """
    return _wrong(ArgumentValueError, name, owner, wanted, value, got)


def wrong_type(name: str, owner: str, wanted: str, value: object) -> ArgumentTypeError:
    """Return the error that an argument must be what is ``wanted``, and is of another type."""
    got = f"%r of type {type(value).__name__} instead."
    return _wrong(ArgumentTypeError, name, owner, wanted, value, got)


def _wrong(kind: type[_E], name: str, owner: str, wanted: str, value: object, got: str) -> _E:
    template = f"The %s must be %s. Got {got}"
    return kind(template, Parameter(owner, name), wanted, value, parameter=name, value=value)
