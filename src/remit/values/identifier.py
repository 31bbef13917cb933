"""Identities that type checkers keep apart, and that are plain texts at run time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Never, Protocol, Self, cast

from remit.errors import BadKey, shown
from remit.messages import key_text


class _MakesIds(Protocol):
    """`remit.Ids` is one."""

    def new(self) -> str: ...


class _Identifiers(type):
    """The class of identifiers. It knows that no value is an instance of one."""

    def __instancecheck__(cls, value: object) -> Never:
        raise TypeError(
            f"isinstance(..., {cls.__name__}) says nothing: an identifier is a plain str at run time."
            " Ask for str, or use two fields or two classes where both kinds of identity may occur"
        )


class Identifier(str, metaclass=_Identifiers):
    """The base class of identities, such as `class OrderId(Identifier)`.

    `OrderId("o-1")` is the text `o-1`. Type checkers take it for an `OrderId`: they report a `StudentId` or a plain
    `str` in its place. At run time, in stores and on the wire it is a plain `str`, as with `typing.NewType`. So it can
    be the identity of aggregates and records, a key, a value of a claim, and a part of a URL.

    A subclass may have class methods and static methods, and no others: a text does not have them. Raises `BadKey` for
    what is no `str`, is longer than 512 bytes of UTF-8, contains a NUL, or is no valid Unicode.
    """

    __slots__ = ()
    __supertype__: ClassVar[Any] = str  # as `typing.NewType` has it: msgspec reads and writes the type behind it

    def __new__(cls, text: str, /) -> Self:
        if not isinstance(cast("object", text), str):
            raise BadKey(
                f"the identity {shown(text, 50)} is not a text", where=cls.__name__, expected="a str",
                next=f"{cls.__name__}(str(...)), where the value has one text only",
            )  # fmt: skip
        return cast("Self", key_text(text, "identity", cls.__name__))

    def __init_subclass__(cls) -> None:
        for name, value in vars(cls).items():
            if (callable(value) or isinstance(value, property)) and not name.startswith("__"):
                raise TypeError(
                    f"{cls.__name__}.{name}: an identifier is a plain str at run time, which has no such method."
                    " Make it a class method, or a function"
                )

    @classmethod
    def new(cls, source: _MakesIds | Callable[[], object], /) -> Self:
        """A new identity: from `Ids`, or the text of what a function returns, such as a UUID."""
        given: Any = source  # a checker cannot tell what has `new` from what is called
        return cls(str(given.new() if hasattr(given, "new") else given()))
