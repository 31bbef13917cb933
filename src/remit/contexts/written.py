"""Read your writes: what the commands of a block have written, as a text that a later query brings."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from contextlib import suppress
from contextvars import ContextVar, Token
from hashlib import blake2b
from types import TracebackType
from typing import Self

import msgspec

from remit.errors import BadPosition, DeadlineExceeded, OutcomeUnknown, Unavailable

Positions = Mapping[str, Mapping[int, int]]
"""Positions by log (`<context> <number of the channel>`) and partition."""


class Collected:
    """What the commands of one block have written, as far as it is known."""

    __slots__ = ("lost", "positions", "seal", "touched")

    def __init__(self) -> None:
        self.touched: dict[str, set[tuple[int, int]]] = {}
        """Channels and partitions that commands under way write to, by context."""
        self.positions: dict[str, dict[int, int]] = {}
        self.seal: Seal | None = None
        """Writes the positions; None if nothing was written."""
        self.lost = ""
        """Why something was written at a position that is not known; empty if all positions are known."""

    def note(self, positions: Positions, seal: Seal) -> None:
        """Adds positions of one system."""
        self.seal = seal
        for log, found in positions.items():
            mine = self.positions.setdefault(log, {})
            for part, pos in found.items():
                mine[part] = max(pos, mine.get(part, 0))

    def lose(self, why: str) -> None:
        """Something was written at a position that is not known."""
        self.lost = self.lost or why

    def take(self, other: Collected) -> None:
        """Adds what another block has collected."""
        if other.seal is not None:
            self.note(other.positions, other.seal)
        if other.lost:
            self.lose(other.lost)

    def text(self) -> str:
        """The position as a text; empty if nothing was written."""
        return "" if self.seal is None else self.seal.write(self.positions)


collecting: ContextVar[Collected | None] = ContextVar("remit_collecting", default=None)
"""What collects positions at this place; None in most cases."""


def is_open(error: BaseException) -> bool:
    """Whether a command that ends with this error may have been applied, now or when it was sent before."""
    return not isinstance(error, Exception) or isinstance(error, (DeadlineExceeded, OutcomeUnknown))


def ended_by(error: BaseException) -> str:
    """Why the position of a command without an outcome is not known."""
    return f"a command ended with {type(error).__name__}, and may have been applied"


class Written:
    """Collects what commands write that are sent inside its block: `with Written() as written: await app.send(...)`.

    `await app.ask(query, after=written.position)` then waits until the read models of the query have handled it.
    Blocks may be nested: each collects for itself, and the outer one also gets what the inner one has collected.
    """

    __slots__ = ("_around", "_collected", "_tokens")

    def __init__(self) -> None:
        self._collected = Collected()
        self._around: Collected | None = None
        self._tokens: list[Token[Collected | None]] = []

    def __enter__(self) -> Self:
        self._around = collecting.get()
        self._tokens.append(collecting.set(self._collected))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ValueError):  # the garbage collector ends it in another context, of which it changes nothing
            collecting.reset(self._tokens.pop())
        if self._around is not None:
            self._around.take(self._collected)

    @property
    def position(self) -> str:
        """An opaque text of printable ASCII characters; empty if no command was sent. Valid in the same system only.

        Raises `Unavailable` if a command was applied, or may have been, and it is not known at which position: the
        store could not say, or the command was cancelled or ended without an outcome.
        """
        if self._collected.lost:
            raise Unavailable(
                f"the position of what was written is not known: {self._collected.lost}", where="Written.position",
                expected="commands that end with an outcome, and a store that can be read after the commit",
                next="ask with fresh=True",
            )  # fmt: skip
        return self._collected.text()


class Seal:
    """Writes and reads the positions of one system."""

    __slots__ = ("_names", "_system")

    def __init__(self, system: str, names: Collection[str]) -> None:
        """`names` are the contexts of the system."""
        self._system = system
        self._names = frozenset(names)

    def write(self, positions: Positions) -> str:
        """The text for positions."""
        made = msgspec.msgpack.encode(positions)
        return urlsafe_b64encode(self._sum(made) + made).decode().rstrip("=")

    def read(self, text: str) -> Positions:
        """The positions in a text. Raises `BadPosition`. The text is not signed: whoever makes one up can only make the
        own query wait until its deadline."""
        try:
            data = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            positions = _positions.decode(data[_SUM:])
        except (ValueError, AttributeError, msgspec.MsgspecError):
            raise _unusable("this is no position of a command") from None
        if self._sum(data[_SUM:]) != data[:_SUM]:
            raise _unusable("this is a position of another system, or a part of one")
        for log in positions:
            if log.partition(" ")[0] not in self._names:
                raise _unusable(f"this is a position of the context {log.partition(' ')[0]!r}, which is not known here")
        return positions

    def _sum(self, data: bytes) -> bytes:
        return blake2b(data, digest_size=_SUM, key=blake2b(self._system.encode()).digest()).digest()


UNSEALED = Seal("", ())
"""Of no system: it reads no position."""
_SUM = 6
"""The bytes of the checksum that begins a text."""
_positions = msgspec.msgpack.Decoder(dict[str, dict[int, int]])


def _unusable(what: str) -> BadPosition:
    return BadPosition(
        what, where="after", expected="the `position` of a `Written`, or of an answer over HTTP, of this system",
        next="pass it on as it was given, or ask without it",
    )  # fmt: skip
