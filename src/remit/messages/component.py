"""Components: the parts of a context that are placed and called separately, and their names."""

from __future__ import annotations

from typing import Literal, Self, get_args

PartName = Literal["write", "read", "edge", "acl"]
PARTS: tuple[PartName, ...] = get_args(PartName)
USUAL: tuple[PartName, ...] = ("write", "read", "edge")
"""The components that a context has if it names no more."""


class Component(str):
    """A part of a context, as text: `billing.write`.

    Every context also has the address `log`, which each process with its store answers. Without a part, the text names
    the whole context. With the context `*`, it names this part of every context.
    """

    __slots__ = ("context", "part")
    context: str
    part: str

    def __new__(cls, context: str, part: str = "") -> Self:
        component = super().__new__(cls, f"{context}.{part}" if part else context)
        component.context = context
        component.part = part
        return component

    @property
    def address(self) -> str:
        """The address at which it answers calls, as a plain `str` for messages and errors."""
        return str(self)

    @classmethod
    def read(cls, text: str) -> Self:
        """Parses `context.part` or `context`."""
        context, _, part = text.partition(".")
        return cls(context, part)
