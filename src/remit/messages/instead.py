"""What to write instead of a type that the codec cannot carry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import tzinfo
from re import Pattern
from typing import Any

from msgspec import inspect

from remit.messages.fields import parts_of
from remit.messages.forms import describe

_AS_TEXT = "str, and make of the text what you need where you need it"
_BY_MODULE = {
    "ipaddress": _AS_TEXT,
    "pathlib": _AS_TEXT,
    "fractions": "Decimal, or a Value with two whole numbers",
    "numbers": "int, float or Decimal",
}
"""Of modules that are not imported for this."""
_BY_CLASS: Mapping[tuple[type, ...], str] = {
    (Mapping,): "dict[...]; or Mapping[...], which type checkers let nobody change",
    (AbstractSet,): "frozenset[...] or set[...]",
    (str, int, float, bytes): "typing.NewType, which tells two uses of one type apart and has no class of its own",
    (Pattern, tzinfo): _AS_TEXT,
    (complex,): "a Value with two fractions: class Complex(Value): real: float; imaginary: float",
    (type, Callable): "a text that names it, and look it up where it is used",  # type: ignore[dict-item]  # a class, by what isinstance() says
    (Iterable,): "tuple[...] or list[...]",
}
"""The first whose class it has."""
_BY_TEXT = {
    "on the wire": "give one of them another name on the wire: class Held(Value, name='HeldRoom')",
    "has a tag of its own": "leave tag= out everywhere, or write it at every member of the union",
    "written as $type": "give the field another name on the wire",
    "keys that are records": "list[tuple[...]]; or make a text of the parts of the key",
    "more than one array-like": "write one of them; or a Value for each, which holds it",
    "more than one dict-like": "tell them apart: make a Value of each",
    "more than one str-like": "write one of them; or a field for each, which may be None",
    "more than one int-like": "write one of them; or a field for each, which may be None",
    "constraints are currently unsupported": "write one of the types that it stands for",
    "typing.Self": "write the name of the class, in quotes",
    "InitVar": "write a field like others: nobody gives the parameter when it is read",
    "LiteralString": "write str",
    "either all str or all int": "write an enumeration of texts (StrEnum) or of whole numbers (IntEnum)",
    "maximum recursion depth": "write a Value that holds itself: class Tree(Value): branches: list[Tree]",
    "is not defined": "import it, also where only a type checker needs it otherwise",
}
"""By what the codec says of it. What it says of others names the type, and that is all there is to say."""


def instead_of(type: Any, why: str) -> str:
    """What to write instead of the type that cannot be carried, for a reason that `not_carried` has given."""
    for text, written in _BY_TEXT.items():
        if text in why:
            return written
    try:
        custom = [part.cls for _, part in parts_of(describe(type)) if isinstance(part, inspect.CustomType)]
    except Exception:  # noqa: BLE001  # reading the user's annotations may raise anything
        return ""
    return f"write {_of_class(custom[0])}" if custom else ""


def _of_class(cls: Any) -> str:
    if cls is object:
        return "the type that it has, or Any for what JSON has by itself"
    if written := _BY_MODULE.get(cls.__module__.partition(".")[0]):
        return written
    for classes, written in _BY_CLASS.items():
        if cls in classes or _is(cls, classes):
            return written
    return "a Value with its parts, or a text from which it can be made again"


def _is(cls: Any, classes: tuple[Any, ...]) -> bool:
    try:
        return issubclass(cls, classes)
    except TypeError:  # a protocol with fields says of no class whether it is one
        return False
