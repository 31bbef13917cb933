"""The port to other processes: who answers what is not here."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from remit.messages import Codec, Contract, Message

__all__ = ["Elsewhere", "Target"]


class Target(Protocol):
    """What handles a command or query, wherever that is."""

    @property
    def contract(self) -> Contract:
        """Of the command or query."""
        ...

    @property
    def codec(self) -> Codec[Any]:
        """What says whether two of them are the same."""
        ...


class Elsewhere(Protocol):
    """Calls contexts in other processes."""

    def route(self, message: type[Message], /) -> Target | None:
        """Who handles a command or query; None when nobody is known who does."""
        ...

    def call(
        self, message: Message, seconds: float, latest: float, /, *, key: str, caller: str, trace: str
    ) -> Awaitable[Any]:
        """The reply of who handles it, within so many seconds, and not after the loop time `latest`. Raises the
        declared refusals and `CallError`s."""
        ...
