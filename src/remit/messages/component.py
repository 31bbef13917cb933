"""The parts of a context that are placed and called by themselves, and how they are named."""

from __future__ import annotations

from typing import Literal, Self, get_args

PartName = Literal["write", "read", "edge"]
PARTS: tuple[PartName, ...] = get_args(PartName)


class Component(str):
    """A part of a context, as text: `billing.write`.

    Of every context, `log` is called too: whoever has its store answers for its log. Without a part it stands for the
    whole context, and with the context `*` for a part of all.
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
        """Where it answers calls, as mere text: what is written into messages and errors."""
        return str(self)

    @classmethod
    def read(cls, text: str) -> Self:
        """What a text names."""
        context, _, part = text.partition(".")
        return cls(context, part)
