"""What a function holds or names that shapes its output: networks, arrays, values and code."""

from __future__ import annotations

import contextlib
import dis
import enum
import functools
import inspect
import logging
import pathlib
import re
import sys
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from torch_cgprune.encoders.transforms import Described

_PLAIN = (
    *(bool, int, float, complex, str, bytes, types.NoneType, types.EllipsisType, slice, range),
    *(
        enum.Enum,
        pathlib.PurePath,
        re.Pattern,
        np.generic,
        np.dtype,
        np.ufunc,
        torch.dtype,
        torch.device,
    ),
)
# Known by their names alone; a method of theirs that an object has is none of these.
_NAMED = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
# Functions of these hold no network of a user's: their globals are not looked into.
_LIBRARIES = {
    *(sys.stdlib_module_names - {"__main__"}),
    *("numpy", "PIL", "torch", "torchvision", "timm", "open_clip", "transformers"),
    "efficientnet_lite_pytorch",
}
# Of types written in C (Py_TPFLAGS_IMMUTABLETYPE).
_IMMUTABLE = 1 << 8
_OWN = {*vars(nn.Module())}  # attributes that every module has


@dataclass(frozen=True)
class Opaque:
    """An object of which nothing is known but its type: a session of another runtime, say."""

    kind: str


Leaf: TypeAlias = nn.Module | Tensor | np.ndarray[Any, Any] | str | Opaque


def reached(function: Any) -> Iterator[Leaf]:
    """Yield what a function reaches, each once, in an order that its definition fixes.

    That is: the function and arguments of a ``functools.partial``, the object of a bound method,
    the attributes of an object, a function's defaults, the cells of its closure and the globals
    that its code names; and so on from there. Of a network, other networks alone: those that its
    ``forward`` names, and those in lists that it does not register.

    Yields:
        Networks and arrays as they are; names, plain values and code of functions without a name of
        their own as text; :class:`Opaque` for all else.

    """
    yield from _Walk().visit(function)


def networks(function: Any) -> list[nn.Module]:
    """Return the networks that a function reaches, itself included."""
    return [leaf for leaf in reached(function) if isinstance(leaf, nn.Module)]


def is_named(function: Any) -> bool:
    """Return whether a function has a name that finds it in its module: no lambda, no closure."""
    match function:
        case functools.partial():
            return is_named(function.func)
        case types.MethodType():
            return is_named(function.__func__)
        case types.FunctionType() | type():
            return "<" not in function.__qualname__
        case types.BuiltinFunctionType():
            return False
    return "<" not in type(function).__qualname__


def name_of(thing: Any) -> str:
    """Return the name of a function or a class, with its module's."""
    return f"{thing.__module__}.{thing.__qualname__}"


class _Walk:
    """A walk from object to object, depth first, that comes to each once."""

    def __init__(self) -> None:
        self.seen: dict[int, Any] = {}  # the objects too: their ids must not be given to others

    def visit(self, value: Any) -> Iterator[Leaf]:
        if isinstance(value, _PLAIN):
            yield repr(value)
        elif id(value) not in self.seen:
            self.seen[id(value)] = value
            yield from self._new(value)

    def _new(self, value: Any) -> Iterator[Leaf]:
        match value:
            case nn.Module():
                yield from self._network(value)
            case Tensor() | np.ndarray():
                yield value
            case types.ModuleType():
                yield value.__name__
            case type():
                yield name_of(value)
            case list() | tuple() | set() | frozenset() | dict() | functools.partial():
                yield from self._all([type(value).__name__, *_parts(value)])
            case types.MethodType():
                yield from self._bound(value)
            case types.FunctionType():
                yield from self._function(value, None)
            case _:
                yield from self._object(value)

    def _all(self, values: Any) -> Iterator[Leaf]:
        for value in values:
            yield from self.visit(value)

    def _network(self, network: nn.Module) -> Iterator[Leaf]:
        yield network
        for part in network.modules():
            self.seen[id(part)] = part
            held = [value for name, value in vars(part).items() if name not in _OWN]
            lists = [value for value in held if isinstance(value, list | tuple)]
            lists += [[*value.values()] for value in held if isinstance(value, dict)]
            yield from self._all(v for values in lists for v in values if isinstance(v, nn.Module))
            yield from filter(_has_content, self._method(type(part), "forward"))

    def _bound(self, method: types.MethodType) -> Iterator[Leaf]:
        owner, function = method.__self__, method.__func__
        yield from self.visit(owner)
        if not isinstance(function, types.FunctionType):
            yield from self.visit(function)
        elif isinstance(owner, nn.Module):
            yield name_of(function)
            yield from filter(_has_content, self._function(function, type(owner)))
        else:
            yield from self._function(function, type(owner))

    def _object(self, value: Any) -> Iterator[Leaf]:
        if isinstance(value, Described):
            yield f"{name_of(type(value))} {value.described}"
        elif isinstance(value, _NAMED):
            yield value.__qualname__
        elif isinstance(value, types.BuiltinFunctionType | types.MethodWrapperType):
            yield value.__qualname__
            if not isinstance(value.__self__, types.ModuleType):
                yield from self.visit(value.__self__)
        elif isinstance(value, logging.Logger):
            return
        elif hasattr(value, "__dict__") and all(map(_is_written_in_python, type(value).__mro__)):
            yield name_of(type(value))
            yield from self._all(x for item in sorted(vars(value).items()) for x in item)
            yield from self._method(type(value), "__call__")
        else:
            yield Opaque(name_of(type(value)))

    def _method(self, owner: type, name: str) -> Iterator[Leaf]:
        """Visit a method of a class, as it is written there."""
        found = inspect.getattr_static(owner, name, None)
        found = getattr(found, "__func__", getattr(found, "fget", found))
        if isinstance(found, types.FunctionType) and id(found) not in self.seen:
            yield from self._function(found, owner)

    def _function(self, function: types.FunctionType, owner: type | None) -> Iterator[Leaf]:
        """Visit a function, and the methods that it names where it is one of ``owner``."""
        self.seen[id(function)] = function
        codes = [*_codes(function.__code__)]
        if is_named(function):
            yield name_of(function)
        else:
            yield from map(_text, codes)
        yield from self._all([function.__defaults__, function.__kwdefaults__])
        yield from self._all(_contents(function.__closure__ or ()))
        if _is_library(function.__globals__.get("__name__")):
            return
        attributes = {name for code in codes for name in code.co_names}
        for name in sorted({name for code in codes for name in _globals(code)}):
            if name in function.__globals__:
                yield from self._global(function.__globals__[name], attributes)
        if owner is not None:
            for name in sorted(attributes):
                yield from self._method(owner, name)

    def _global(self, value: Any, attributes: set[str]) -> Iterator[Leaf]:
        """Visit a global, and of a module of a user's what the code may take from it."""
        is_new = id(value) not in self.seen
        yield from self.visit(value)
        if isinstance(value, types.ModuleType) and is_new and not _is_library(value.__name__):
            for name in sorted(attributes & {*vars(value)}):
                yield from self._global(vars(value)[name], attributes)


def _parts(value: Any) -> list[Any]:
    """Return what a container holds, in an order that is the same in every process."""
    match value:
        case functools.partial():
            return [value.func, value.args, value.keywords]
        case dict():
            return [part for item in value.items() for part in item]
        case set() | frozenset():
            return sorted(value, key=repr)
    return [len(value), *value]


def _has_content(leaf: Leaf) -> bool:
    """Return whether something reached is a network or an array.

    Of a network's own methods nothing else counts: their libraries are full of locks and tables.
    """
    return not isinstance(leaf, str | Opaque)


def _is_written_in_python(kind: type) -> bool:
    """Return whether instances of a class have their state in their attributes."""
    in_c = bool(kind.__flags__ & _IMMUTABLE) or kind.__name__ == "pybind11_object"
    return kind in (object, typing.Generic) or not in_c


def _is_library(module: str | None) -> bool:
    return (module or "").partition(".")[0] in _LIBRARIES


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a function's code, and that of the functions inside it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _codes(const)


def _globals(code: types.CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield instruction.argval


def _text(code: types.CodeType) -> str:
    """Return code as a text that is the same in every process; a set has no order there."""
    consts = [c for c in code.co_consts if not isinstance(c, types.CodeType)]
    ordered = [sorted(c, key=repr) if isinstance(c, frozenset) else c for c in consts]
    return f"{code.co_code.hex()} {ordered!r} {code.co_names!r}"


def _contents(cells: tuple[types.CellType, ...]) -> list[Any]:
    found = []
    for cell in cells:
        with contextlib.suppress(ValueError):  # nothing was assigned yet
            found.append(cell.cell_contents)
    return found
