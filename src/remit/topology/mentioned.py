"""Which commands and queries the body of a function names, read from its code without running it.

A name is followed from a global, a variable, an import inside of the function or the `self` of a method, and from there
through the attributes of modules and classes. Functions that it leads to are read too, if they are in the same package.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import resolve_name
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple, cast

from remit.contexts.annotations import is_kind
from remit.contexts.policies import bodies_of
from remit.messages import Command, Query

_BUILTINS = vars(sys.modules["builtins"])
_KEEP = frozenset({"PUSH_NULL", "PRECALL", "CACHE", "EXTENDED_ARG", "NOP", "COPY"})
"""Instructions after which the value that was loaded last is still the one on top, or is not used."""


class _Method(NamedTuple):
    """A function, and the class by whose name, or by whose `self`, it was found."""

    function: Any  # a `FunctionType`, which checkers would bind here
    owner: type | None


def mentioned(handler: Callable[..., Any]) -> Iterator[type]:
    """The commands and queries that a function names, with the functions inside of it and those of its package that it
    names."""
    policy: type | None = getattr(handler, "__remit_policy__", None)
    bodies = [_method(body, policy) for body in bodies_of(handler)]
    waiting = [body for body in bodies if body is not None]
    seen = {*waiting}
    while waiting:
        method = waiting.pop()
        for named, owner in _Body(method).names():
            if is_kind(named, Command, Query):
                yield named
            other = _method(named, owner)
            if other is not None and other not in seen and _is_near(other.function, method.function):
                seen.add(other)
                waiting.append(other)


def _method(named: Any, owner: type | None) -> _Method | None:
    """A function of the user's, also behind a decorator that says what it has wrapped."""
    if isinstance(named, MethodType):
        owner = named.__self__ if isinstance(named.__self__, type) else type(named.__self__)
    if isinstance(named, MethodType | classmethod | staticmethod):
        named = cast("Any", named).__func__
    named = inspect.unwrap(named) if isinstance(named, FunctionType) else None
    return _Method(named, owner) if isinstance(named, FunctionType) else None


def _is_near(other: FunctionType, function: FunctionType) -> bool:
    package, _, _ = function.__module__.rpartition(".")
    return other.__module__ == function.__module__ or (package != "" and other.__module__.startswith(f"{package}."))


class _Found(NamedTuple):
    """What a name stands for, as far as this can be told without running anything."""

    value: Any = None
    owner: type | None = None
    """The class of which it is an attribute."""


_UNKNOWN = _Found()
_Variables = dict[str, _Found]


class _Body:
    """The code of one function. What a variable stands for is what was stored in it last."""

    def __init__(self, method: _Method) -> None:
        function = method.function
        self._globals: Mapping[str, Any] = function.__globals__
        self._code = function.__code__
        self._variables: _Variables = {}
        for name, cell in zip(self._code.co_freevars, function.__closure__ or (), strict=False):
            try:
                self._variables[name] = _Found(cell.cell_contents)
            except ValueError:  # it has no value yet
                continue
        if method.owner is not None and self._code.co_argcount:
            self._variables[self._code.co_varnames[0]] = _Found(method.owner)

    def names(self) -> Iterator[_Found]:
        """Everything that its names stand for, those of functions inside of it included."""
        yield from self._names_in(self._code, self._variables)

    def _names_in(self, code: CodeType, variables: _Variables) -> Iterator[_Found]:
        top, imported, before = _UNKNOWN, _UNKNOWN, [None, None]
        for each in dis.get_instructions(code):
            if each.opname == "IMPORT_NAME":
                top = imported = self._import(each.argval, *before)
            elif each.opname == "IMPORT_FROM":
                top = _member(imported.value, each.argval)
            elif each.opname.startswith(("STORE_FAST", "STORE_DEREF")):
                top = _store(variables, each.argval, top)
            elif each.opname not in _KEEP:
                top = self._loaded(each, top, variables)
            before = [before[1], each.argval]
            yield top
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                enclosed = {name: variables[name] for name in inner.co_freevars if name in variables}
                yield from self._names_in(inner, enclosed)

    def _loaded(self, each: dis.Instruction, top: _Found, variables: _Variables) -> _Found:
        name: Any = each.argval
        if each.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            return _member(top.value, name)
        if each.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            return _Found(self._globals.get(name, _BUILTINS.get(name)))
        if each.opname.startswith(("LOAD_FAST", "LOAD_DEREF")):
            last: str = name if isinstance(name, str) else name[-1]  # an instruction may load two variables
            return variables.get(last, _UNKNOWN)
        return _UNKNOWN

    def _import(self, name: str, level: Any, names: Any) -> _Found:
        """The module that an import statement gives: where it takes no names from it, the first part of its name."""
        try:
            absolute = resolve_name("." * (level or 0) + name, self._globals.get("__package__") or "")
        except ImportError:  # above the highest package: it fails when it is run
            return _UNKNOWN
        return _Found(sys.modules.get(absolute if names else absolute.partition(".")[0]))


def _store(variables: _Variables, names: Any, top: _Found) -> _Found:
    """A variable, or two at once: then the first is stored, and the second loaded."""
    first, second = cast("tuple[str, str]", names) if isinstance(names, tuple) else (names, "")
    variables[first] = top
    return variables.get(second, _UNKNOWN)


def _member(owner: Any, name: str) -> _Found:
    """An attribute of a module or a class; nothing of the user's runs for it."""
    if isinstance(owner, ModuleType):
        submodule = sys.modules.get(f"{owner.__name__}.{name}")
        return _Found(vars(owner).get(name, submodule))
    if isinstance(owner, type):
        values = (vars(base)[name] for base in owner.__mro__ if name in vars(base))
        return _Found(next(values, None), owner)
    return _UNKNOWN
