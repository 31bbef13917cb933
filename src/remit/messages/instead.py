"""Advice for a type that the codec cannot carry: which type to use instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import tzinfo
from re import Pattern
from typing import Any

from msgspec import inspect

from remit.messages.fields import parts_of
from remit.messages.forms import describe

_AS_TEXT = "str, and convert the text where it is used"
_BY_MODULE = {
    "ipaddress": _AS_TEXT,
    "pathlib": _AS_TEXT,
    "fractions": "Decimal, or a Value with two whole numbers",
    "numbers": "int, float or Decimal",
}
"""By module name, so that none of these modules is imported for this table."""
_BY_CLASS: Mapping[tuple[type, ...], str] = {
    (Mapping,): "dict[...]; or Mapping[...], which type checkers treat as immutable",
    (AbstractSet,): "frozenset[...] or set[...]",
    (str, int, float, bytes): "typing.NewType, which distinguishes two uses of one type without a class of its own",
    (Pattern, tzinfo): _AS_TEXT,
    (complex,): "a Value with two floats: class Complex(Value): real: float; imaginary: float",
    (type, Callable): "a text that names it, and look it up where it is used",  # type: ignore[dict-item]  # a class, by what isinstance() says
    (Iterable,): "tuple[...] or list[...]",
}
"""The first entry whose class is a base of the type applies."""
_BY_TEXT = {
    "on the wire": "give one of them another wire name: class Held(Value, name='HeldRoom')",
    "has a tag of its own": "remove tag= from every member of the union, or give it to every member",
    "written as $type": "give the field another name on the wire",
    "keys that are": "list[tuple[...]]; or make a text of the parts of the key",
    "more than one array-like": "keep one of them; or wrap each in a Value",
    "more than one dict-like": "make a Value of each, so that they can be told apart",
    "more than one str-like": "keep one of them; or declare a field for each, with None as default",
    "more than one int-like": "keep one of them; or declare a field for each, with None as default",
    "constraints are currently unsupported": "replace the type variable by one of the types that it allows",
    "typing.Self": "write the name of the class, in quotes",
    "InitVar": "declare an ordinary field: the parameter of an InitVar is not stored, so it cannot be read back",
    "LiteralString": "write str",
    "either all str or all int": "write an enumeration of texts (StrEnum) or of whole numbers (IntEnum)",
    "maximum recursion depth": "write a Value that contains itself: class Tree(Value): branches: list[Tree]",
    "is not defined": "import the name at run time, not only under TYPE_CHECKING",
}
"""By the error text of the codec. A text without an entry here already names the type."""


def instead_of(type: Any, why: str) -> str:
    """The type to write instead of one that the codec cannot carry. `why` is a reason from `not_carried`. May be ""."""
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
        return "the type of its values, or Any for plain JSON values"
    if written := _BY_MODULE.get(cls.__module__.partition(".")[0]):
        return written
    for classes, written in _BY_CLASS.items():
        if cls in classes or _is(cls, classes):
            return written
    return "a Value with its parts, or a text from which it can be made again"


def _is(cls: Any, classes: tuple[Any, ...]) -> bool:
    try:
        return issubclass(cls, classes)
    except TypeError:  # raised for a protocol with attributes
        return False
