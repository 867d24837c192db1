"""The errors where scores lack what is asked of them."""

from __future__ import annotations

from torch_cgprune.errors import Argument, ArgumentValueError, Message


def no_classes_predicted(what: str, method: str | None) -> ArgumentValueError:
    """Return the error that ``what`` needs predictions, which a method does not have."""
    return ArgumentValueError(
        "%r needs predictions of all classes, which the method %r does not have: each of "
        "its blocks knows one class.",
        what,
        method,
        parameter="method",
        value=method,
        cure=Message("Score with %s.", Argument("method", "'exact' or 'local'")),
    )


def too_many_predictions(what: str, n: int, k: int) -> ValueError:
    """Return the error that ``what`` needs the predictions of n examples and k classes."""
    return ValueError(
        f"{what!r} needs the predictions of all classes, which are kept up to 2^27 numbers; "
        f"here they would be {n} x {k}. Score fewer examples together."
    )
