"""What is noted on the tape of a program: places, what was said and seen there, and calls."""

from __future__ import annotations

import asyncio
import datetime
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from remit.errors import OutcomeUnknown, ReplyTooLarge
from remit.messages import Refusal

__all__ = [
    "CARD",
    "GRAVE",
    "INSTANT",
    "NOTE",
    "Aged",
    "Ages",
    "Answer",
    "Called",
    "Look",
    "Place",
    "Said",
    "Sent",
    "all_of",
    "offset",
    "short",
]

Outcome = Literal["open", "reply", "refused", "nothing", "unknown"]

INSTANT = 0.01
"""Tolerance in seconds for deadlines, which lose precision on the way."""
NOTE = "note"
"""The table into which handlers write rows: entry, key, run, and what no two of them may have."""
CARD = "Card"
"""The class of a record is called so, behind the letter of its context."""
GRAVE = "Grave"
"""The class of a record of a removed aggregate ends so: what it has been, and when."""


class Place(NamedTuple):
    """An aggregate: its kind and its identity. Or rows of the user's own, and their key."""

    kind: str
    id: str

    @property
    def is_rows(self) -> bool:
        """Whether no aggregate is meant."""
        return self.kind.endswith(f".{NOTE}")

    @property
    def is_one(self) -> bool:
        """Whether it is an aggregate, of which a run changes one: there may be any number of rows and records."""
        return not self.is_rows and not self.kind.rpartition(".")[2][1:].startswith(CARD)


class Said(NamedTuple):
    """A message that a run has put on its way."""

    type: str
    path: str
    key: str


class Look(NamedTuple):
    """What a run has seen of an aggregate."""

    place: Place
    entries: tuple[str, ...]
    answered: tuple[str, ...] = ()
    """What its own calls had been answered by then, where nothing goes on beside it."""


@dataclass
class Sent:
    """A foreign message that was sent once."""

    source: str
    """`<context>.foreign:<source>`."""
    path: str
    began: float
    ended: float = 0.0
    is_accepted: bool = False
    """Whether the sender was told that it has arrived, now or before."""


class Answer(NamedTuple):
    """A fresh answer: what was kept."""

    place: Place
    began: float
    """When it was asked for."""
    entries: tuple[str, ...]


class Aged(NamedTuple):
    """What a handler has read of a projection, and from when it was told that this is. Times are in seconds."""

    place: Place
    began: float
    """When the handler began."""
    ages: tuple[float, float]
    """What it was told before it read, and afterwards."""
    at: float
    """When it was told the last time."""
    entries: tuple[str, ...]
    life: str
    """The process that has read."""

    @property
    def whole(self) -> float:
        """The last moment as of which this is said to be complete."""
        return max(self.began - self.ages[0], self.at - self.ages[1])


@dataclass
class Ages:
    """What was read, and said, of models that promise how old they may be."""

    read: list[Aged] = field(default_factory=list[Aged])
    wrong: list[str] = field(default_factory=list[str])
    """What is wrong with what processes have said of them."""
    fresh: set[str] = field(default_factory=set[str])
    """The models that some process has called fresh in the end."""
    clocks_agree: bool = False
    """Whether the clocks of all machines are right."""


@dataclass
class Called:
    """A call, and what its caller was told."""

    type: str
    path: str
    began: float
    limit: float
    """When it has to be over."""
    key: str | None = None
    ended: float | None = None
    outcome: Outcome = "open"
    said: str = ""
    """The reply, or the error."""
    by: Any = None
    """The run that has made it, of a class that knows this one; None of a call from outside."""
    no: str = ""
    """The path that a refusal names."""
    news: int = 0
    """What it says in a newer field."""
    about: str = ""
    """What the command says as its key."""
    content: str = ""
    """All that a command says which is sent under a key of its own, in short."""
    last: float = 0.0
    """The seconds of a call that repeats one from outside when nothing is disturbed any more; 0 of all others."""
    position: str = ""
    """Where it has written, if its caller asks for that."""

    def end(self, value: Any, at: float) -> None:
        """Notes a reply, a refusal, or what was raised, at this time.

        A refusal that was returned is as good as a reply: it names the run that has decided it.
        """
        self.ended = at
        self.no = getattr(value, "path", "") if isinstance(value, Refusal) else ""
        if self.no == self.path and (run := getattr(value, "run", 0)):
            value = f"{run}"
        self.said = value if isinstance(value, str) else f"{type(value).__name__}: {value}"
        self.outcome = _outcome(value)


def _outcome(value: Any) -> Outcome:
    if isinstance(value, Refusal):
        return "refused"
    if value is None or isinstance(value, (OutcomeUnknown, ReplyTooLarge, asyncio.CancelledError)):
        return "unknown"
    return "nothing" if isinstance(value, BaseException) else "reply"


def all_of(error: BaseException | None) -> list[BaseException]:
    """An error, and those of the group that it is."""
    if isinstance(error, BaseExceptionGroup):
        group: BaseExceptionGroup[BaseException] = error  # pyright: ignore[reportUnknownVariableType]  # of any
        return [error, *(found for each in group.exceptions for found in all_of(each))]
    return [] if error is None else [error]


def short(text: str) -> str:
    """A few letters that stand for a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def offset(found: object) -> datetime.timedelta | None:
    """The offset of a time; None of all else."""
    return found.utcoffset() if isinstance(found, datetime.datetime) else None
