"""The published language of reservations."""

__context__ = "reservations"

from datetime import date
from typing import Literal, NewType

from hotel.rooms.api import HouseId, RoomId
from remit import Command, Query, Refusal, Value, field

GuestId = NewType("GuestId", str)
Why = Literal["not offered", "in the past", "taken", "barred", "too many holds", "members only"]


class UntilClosing(Value):
    """The hold expires when this day is closed."""

    day: date


class OpenEnded(Value):
    """The hold stays until its night. For members."""


Term = UntilClosing | OpenEnded


class Free(Value): ...


class Held(Value):
    guest: GuestId
    house: HouseId
    room: RoomId
    night: date
    term: Term


class Occupied(Value):
    guest: GuestId


class HoldRefused(Refusal):
    """The guest does not get the night. The profile of the guest shows it."""

    why: Why


class NotHeld(Refusal):
    """The guest does not hold the night. A new hold reaches its night a moment after it was granted."""


class CardTaken(Refusal):
    """The card belongs to another guest."""


class BecomeMember(Command[None, CardTaken]):
    guest: GuestId
    card: str


class HoldNight(Command[Held, HoldRefused]):
    """Holds a room for a night. Of two guests who do so at the same moment, the second loses the hold again."""

    guest: GuestId
    room: RoomId
    night: date
    term: Term


class CancelHold(Command[None, NotHeld]):
    guest: GuestId
    room: RoomId
    night: date


class CheckIn(Command[None, NotHeld]):
    guest: GuestId
    room: RoomId
    night: date


class NightOf(Query[Free | Held | Occupied]):
    room: RoomId
    night: date


class Sheet(Value):
    to_expire: list[Held] = field(default_factory=list[Held])
    no_shows: list[Held] = field(default_factory=list[Held])


class DailySheet(Query[Sheet]):
    """What the closing of the day ends at a house."""

    house: HouseId
    day: date


class CloseDay(Command[Sheet]):
    """Ends what is on the sheet of the day, and replies with the sheet. A hold that was granted a moment ago may not be
    on it, and ends with the closing of the next day."""

    house: HouseId
    day: date


class Profile(Value):
    holds: list[Held] = field(default_factory=list[Held])
    stays: int = 0
    no_shows: dict[HouseId, int] = field(default_factory=dict[HouseId, int])
    refusals: list[Why] = field(default_factory=list[Why])


class GuestProfile(Query[Profile]):
    guest: GuestId
