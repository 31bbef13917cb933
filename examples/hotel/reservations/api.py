"""The published language of reservations."""

__context__ = "reservations"

from datetime import date
from typing import NewType

from hotel.rooms.api import HouseId, RoomId
from remit import Command, Query, Refusal, Value, field

GuestId = NewType("GuestId", str)


class UntilClosing(Value):
    """A hold that expires when this day is closed."""

    day: date


class OpenEnded(Value):
    """A hold that stays until its night. For members."""


Term = UntilClosing | OpenEnded


class Free(Value):
    """Nobody has the night."""


class Held(Value):
    guest: GuestId
    term: Term


class Occupied(Value):
    guest: GuestId


class NotOffered(Value):
    """There is no such room, or it was withdrawn."""


class InThePast(Value):
    """The night, or the last day of the hold, is over."""

    today: date


class NightTaken(Value):
    """The night is held or occupied."""


class Barred(Value):
    """The guest has failed to show up at this house too often."""

    house: HouseId
    no_shows: int


class TooManyHolds(Value):
    limit: int


class MembersOnly(Value):
    """Only a member holds a night without an end."""


Why = NotOffered | InThePast | NightTaken | Barred | TooManyHolds | MembersOnly


class HoldRefused(Refusal):
    """The guest does not get the night. Recorded, and shown in the profile of the guest."""

    why: Why


class NotHeld(Refusal):
    """The guest does not hold the night, or not yet: a new hold reaches its night a moment later."""

    room: RoomId
    night: date


class CardTaken(Refusal):
    """The card belongs to another guest."""

    card: str


class BecomeMember(Command[None, CardTaken]):
    guest: GuestId
    card: str


class HoldNight(Command[Held, HoldRefused]):
    """Holds a room for a night. When two guests hold one night at the same moment, the second loses it again."""

    guest: GuestId
    room: RoomId
    night: date
    term: Term


class CancelHold(Command[None, NotHeld]):
    guest: GuestId
    room: RoomId
    night: date


class CheckIn(Command[None, NotHeld]):
    """The guest has arrived."""

    guest: GuestId
    room: RoomId
    night: date


class HoldLine(Value):
    guest: GuestId
    room: RoomId
    night: date
    term: Term


class Sheet(Value):
    """What the closing of a day does at a house."""

    to_expire: list[HoldLine]
    no_shows: list[HoldLine]


class CloseDay(Command[Sheet]):
    """Ends the holds that expire with the day, and those of guests who did not show up.

    The reply is the sheet that it went by. A hold that the sheet does not show yet is ended with the next day.
    """

    house: HouseId
    day: date


class DailySheet(Query[Sheet]):
    house: HouseId
    day: date


class NightOf(Query[Free | Held | Occupied]):
    room: RoomId
    night: date


class Profile(Value):
    """What reservations knows of a guest."""

    holds: list[HoldLine] = field(default_factory=list[HoldLine])
    stays: int = 0
    no_shows: dict[HouseId, int] = field(default_factory=dict[HouseId, int])
    refusals: list[Why] = field(default_factory=list[Why])


class GuestProfile(Query[Profile]):
    guest: GuestId
