"""Checks of plain arguments, in one frame: the name, what it must be, what it was."""

from __future__ import annotations

import numbers


def check_real(name: str, owner: str, value: object, interval: str) -> float:
    """Return ``value`` as a float inside ``interval``, written as ``"(0, 1]"`` or ``"[0, inf)"``.

    Raises:
        TypeError: ``value`` is no real number (a bool is none).
        ValueError: ``value`` lies outside the interval (NaN does).

    """
    frame = f"The {name!r} parameter of {owner} must be in {interval}."
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{frame} Got {value!r} of type {type(value).__name__} instead.")
    number = float(value)
    low, high = (float(end) for end in interval[1:-1].split(","))
    closed_low, closed_high = interval[0] == "[", interval[-1] == "]"
    if low < number < high or (closed_low and number == low) or (closed_high and number == high):
        return number
    raise ValueError(f"{frame} Got {value!r} instead.")


def check_integer(name: str, owner: str, value: object, *, minimum: int) -> int:
    """Return ``value`` as an int of at least ``minimum``.

    Raises:
        TypeError: ``value`` is no integer (a bool is none).
        ValueError: ``value`` is below ``minimum``.

    """
    frame = f"The {name!r} parameter of {owner} must be an integer of at least {minimum}."
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{frame} Got {value!r} of type {type(value).__name__} instead.")
    if value < minimum:
        raise ValueError(f"{frame} Got {value!r} instead.")
    return int(value)


def check_choice(name: str, owner: str, value: object, choices: tuple[str, ...]) -> str:
    """Return ``value`` if it is one of ``choices``.

    Raises:
        ValueError: it is not.

    """
    if isinstance(value, str) and value in choices:
        return value
    listed = ", ".join(repr(choice) for choice in choices)
    raise ValueError(f"The {name!r} parameter of {owner} must be one of {listed}. Got {value!r}.")
