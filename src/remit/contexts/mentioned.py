"""Finds the commands, queries and other values that the body of a function names, from its bytecode. Runs nothing.

A name is resolved from a global, a variable, an import inside the function or the `self` of a method, and then through
attributes of modules and classes. Functions of the same package that are found this way are searched too.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import resolve_name
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple, cast

from remit.contexts.annotations import is_kind
from remit.contexts.policies import bodies_of
from remit.messages import Command, Message, Query

_BUILTINS = vars(sys.modules["builtins"])
_KEEP = frozenset({"PUSH_NULL", "PRECALL", "CACHE", "EXTENDED_ARG", "NOP", "COPY"})
"""Instructions that leave the last loaded value on top of the stack, or after which it is not used."""


class _Method(NamedTuple):
    """A function, and the class through whose name or `self` it was found."""

    function: Any  # a `FunctionType`, which checkers would bind here
    owner: type | None


class Mention(NamedTuple):
    """A command or query that code names, and the function that names it."""

    message: type[Message]
    function: Any  # a `FunctionType`, which checkers would bind here


class Named(NamedTuple):
    """The value of a name in code, the function that has the name, and the line in its file. 0: it is not known."""

    value: Any
    function: Any  # a `FunctionType`, which checkers would bind here
    line: int


def mentioned(handler: Callable[..., Any]) -> Iterator[Mention]:
    """The commands and queries that a function names, including those in inner functions and in functions of its
    package that it names."""
    for each in names_in(handler):
        if is_kind(each.value, Command, Query):
            yield Mention(each.value, each.function)


def line_naming(function: Callable[..., Any], name: str) -> str:
    """`file:line` of the first instruction of a function that has this name; empty if none has."""
    waiting = [cast("FunctionType", inspect.unwrap(function)).__code__]
    for code in waiting:
        waiting += [each for each in code.co_consts if isinstance(each, CodeType)]
        for step in dis.get_instructions(code):
            if step.argval == name and step.positions is not None and step.positions.lineno:
                return f"{code.co_filename}:{step.positions.lineno}"
    return ""


def named_by(handler: Callable[..., Any], models: Sequence[type] = ()) -> Iterator[Any]:
    """The values of all names in a function, in inner functions and in functions of its package that it names.

    With `models`, also those in methods of these classes, if the function names an attribute like the method: which
    objects the function works on is not known.
    """
    yield from (each.value for each in names_in(handler, models))


def function_of(value: Any) -> Any:
    """The function of a value, as `names_in` tells it of the names that stand in it. None for anything else."""
    method = _method(value, None)
    return None if method is None else method.function


def names_in(handler: Callable[..., Any], models: Sequence[type] = ()) -> Iterator[Named]:
    """The names in a function, and in all functions in which `named_by` looks."""
    policy: type | None = getattr(handler, "__remit_policy__", None)
    bodies = [_method(body, policy) for body in bodies_of(handler)]
    waiting = [body for body in bodies if body is not None]
    seen = {*waiting}
    while waiting:
        method = waiting.pop()
        body = _Body(method)
        members = [_method(_member(model, name).value, model) for name in body.attributes() for model in models]
        found = [other for other in members if other is not None and not other.function.__module__.startswith("remit.")]
        for line, (named, owner) in body.names():
            yield Named(named, method.function, line)
            if isinstance(named, partial):
                yield from (Named(given, method.function, line) for given in cast("Any", named).args)
            other = _method(named, owner)
            if other is not None and _is_near(other.function, method.function):
                found.append(other)
        for other in found:
            if other not in seen:
                seen.add(other)
                waiting.append(other)


def _method(named: Any, owner: type | None) -> _Method | None:
    """A function of the user, unwrapped from decorators that set `__wrapped__`, and from `partial`. None for anything
    else."""
    if isinstance(named, partial):
        named = cast("Any", named).func
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
    """The value of a name, as far as it is known without running code."""

    value: Any = None
    owner: type | None = None
    """The class of which it is an attribute."""


_UNKNOWN = _Found()
_Variables = dict[str, _Found]


class _Body:
    """The code of one function. The value of a variable is the last one that was stored in it."""

    def __init__(self, method: _Method) -> None:
        function = method.function
        self._globals: Mapping[str, Any] = function.__globals__
        self._code = function.__code__
        self._variables: _Variables = self._of_defaults(function)
        for name, cell in zip(self._code.co_freevars, function.__closure__ or (), strict=False):
            try:
                self._variables[name] = _Found(cell.cell_contents)
            except ValueError:  # the cell is empty
                continue
        if method.owner is not None and self._code.co_argcount:
            self._variables[self._code.co_varnames[0]] = _Found(method.owner)

    def _of_defaults(self, function: Any) -> _Variables:
        """The parameters whose values are known, as far as no call gives others."""
        defaults: tuple[Any, ...] = function.__defaults__ or ()
        by_keyword: dict[str, Any] = function.__kwdefaults__ or {}
        positional = self._code.co_varnames[: self._code.co_argcount]
        given = zip(positional[len(positional) - len(defaults) :], defaults, strict=True)
        return {name: _Found(value) for name, value in (*given, *by_keyword.items())}

    def attributes(self) -> Iterator[str]:
        """The names of all attributes in the code, including inner functions."""
        waiting = [self._code]
        while waiting:
            code = waiting.pop()
            yield from (
                each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_ATTR", "LOAD_METHOD")
            )
            waiting += [each for each in code.co_consts if isinstance(each, CodeType)]

    def names(self) -> Iterator[tuple[int, _Found]]:
        """The lines and values of all names in the code, including inner functions."""
        yield from self._names_in(self._code, self._variables)

    def _names_in(self, code: CodeType, variables: _Variables) -> Iterator[tuple[int, _Found]]:
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
            yield (each.positions and each.positions.lineno) or 0, top
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                enclosed = {name: variables[name] for name in inner.co_freevars if name in variables}
                yield from self._names_in(inner, enclosed)

    def _loaded(self, each: dis.Instruction, top: _Found, variables: _Variables) -> _Found:
        name: Any = each.argval
        if each.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            return _member(top.value, name)
        if each.opname == "CALL" and not each.arg:  # `Client().reserve()`: what a class makes has its methods
            return top if isinstance(top.value, type) else _UNKNOWN
        if each.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            return _Found(self._globals.get(name, _BUILTINS.get(name)))
        if each.opname.startswith(("LOAD_FAST", "LOAD_DEREF")):
            last: str = name if isinstance(name, str) else name[-1]  # one instruction may load two variables
            return variables.get(last, _UNKNOWN)
        return _UNKNOWN

    def _import(self, name: str, level: Any, names: Any) -> _Found:
        """The module that an import statement puts on the stack. Without `from`, the first part of the name."""
        try:
            absolute = resolve_name("." * (level or 0) + name, self._globals.get("__package__") or "")
        except ImportError:  # a relative import above the top package, which fails at run time
            return _UNKNOWN
        return _Found(sys.modules.get(absolute if names else absolute.partition(".")[0]))


def _store(variables: _Variables, names: Any, top: _Found) -> _Found:
    """Stores a variable. With two names, stores the first and loads the second."""
    first, second = cast("tuple[str, str]", names) if isinstance(names, tuple) else (names, "")
    variables[first] = top
    return variables.get(second, _UNKNOWN)


def _member(owner: Any, name: str) -> _Found:
    """An attribute of a module, a class, or an object that is known. Runs no code of the user."""
    if isinstance(owner, ModuleType):
        submodule = sys.modules.get(f"{owner.__name__}.{name}")
        return _Found(vars(owner).get(name, submodule))
    if isinstance(owner, type):
        values = (vars(base)[name] for base in owner.__mro__ if name in vars(base))
        return _Found(next(values, None), owner)
    return _UNKNOWN if owner is None else _Found(inspect.getattr_static(owner, name, None), type(owner))
