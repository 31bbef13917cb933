"""The model of reservations: a guest is admitted to a night, and the night decides who has it.

The two are aggregates, so each is changed by itself. A guest that holds a night records `NightHeld`; the night follows. A
night that ends a hold records a `HoldEnded`; the guest follows. When two guests hold one night, the night keeps the first,
and its `DoubleHold` takes the hold back from the second.
"""

from datetime import date
from typing import NewType, assert_never

from hotel.reservations.api import (
    Barred,
    Free,
    GuestId,
    Held,
    HoldNight,
    HoldRefused,
    InThePast,
    MembersOnly,
    NightTaken,
    NotHeld,
    NotOffered,
    Occupied,
    OpenEnded,
    Term,
    TooManyHolds,
    UntilClosing,
    Why,
)
from hotel.rooms.api import HouseId, RoomId
from remit import Aggregate, Claim, DomainEvent, Record, field

NightId = NewType("NightId", str)

MOST_HOLDS = 5
BARRING_NO_SHOWS = 2


def night_id(room: RoomId, night: date) -> NightId:
    return NightId(f"{room}/{night}")


class BookableRoom(Record[RoomId]):
    """What reservations knows of a room."""

    house: HouseId


class ReservationEvent(DomainEvent):
    """Something that happened to a guest. What happens to one guest has one order, whoever records it."""

    guest: GuestId


class MemberJoined(ReservationEvent, key="guest"): ...


class NightEvent(ReservationEvent, key="guest"):
    house: HouseId
    room: RoomId
    night: date


class NightHeld(NightEvent):
    term: Term


class HoldFailed(ReservationEvent, key="guest"):
    room: RoomId
    night: date
    why: Why


class HoldEnded(NightEvent):
    """The guest no longer holds the night."""


class HoldCancelled(HoldEnded): ...


class HoldExpired(HoldEnded): ...


class GuestArrived(HoldEnded): ...


class GuestDidNotShow(HoldEnded): ...


class DoubleHold(HoldEnded):
    """Another guest was first."""


class Guest(Aggregate[GuestId, MemberJoined | NightHeld | HoldFailed]):
    """Admits a guest to a night, or records why not."""

    card: str | None = None
    holds: set[NightId] = field(default_factory=set[NightId])
    no_shows: dict[HouseId, int] = field(default_factory=dict[HouseId, int])

    def join(self, card: str) -> None:
        """Makes the guest a member."""
        if self.card is None:
            self.record(MemberJoined(guest=self.id))
        self.card = card

    def hold(self, wish: HoldNight, room: BookableRoom | None, night: "Night | None", today: date) -> Held | HoldRefused:
        """Holds a night of a room, as far as it is known who has the night."""
        objection = self._objection(wish, room, night, today)
        if room is None or objection is not None:
            return self._refuse(wish.room, wish.night, objection or NotOffered())
        self.holds.add(night_id(wish.room, wish.night))
        held = NightHeld(guest=self.id, house=room.house, room=room.id, night=wish.night, term=wish.term)
        self.record(held)
        return Held(guest=self.id, term=wish.term)

    def end_hold(self, ended: HoldEnded) -> None:
        """Takes in what the night has decided."""
        self.holds.discard(night_id(ended.room, ended.night))
        match ended:
            case GuestDidNotShow():
                self.no_shows[ended.house] = self.no_shows.get(ended.house, 0) + 1
            case DoubleHold():
                self._refuse(ended.room, ended.night, NightTaken())
            case _:
                pass

    def _objection(self, wish: HoldNight, room: BookableRoom | None, night: "Night | None", today: date) -> Why | None:
        if room is None:
            return NotOffered()
        if wish.night < today or (isinstance(wish.term, UntilClosing) and wish.term.day < today):
            return InThePast(today=today)
        if night_id(wish.room, wish.night) in self.holds or (night and night.state != Free()):
            return NightTaken()
        return self._bar(wish, room.house)

    def _bar(self, wish: HoldNight, house: HouseId) -> Why | None:
        no_shows = self.no_shows.get(house, 0)
        if no_shows >= BARRING_NO_SHOWS:
            return Barred(house=house, no_shows=no_shows)
        if self.card is None and len(self.holds) >= MOST_HOLDS:
            return TooManyHolds(limit=MOST_HOLDS)
        if self.card is None and isinstance(wish.term, OpenEnded):
            return MembersOnly()
        return None

    def _refuse(self, room: RoomId, night: date, why: Why) -> HoldRefused:
        self.record(HoldFailed(guest=self.id, room=room, night=night, why=why))
        return HoldRefused(why=why)


class Card(Claim[str, Guest]):
    """One guest for each card."""


class Night(Aggregate[NightId, HoldCancelled | HoldExpired | GuestArrived | GuestDidNotShow | DoubleHold]):
    """One room in one night: free, held or occupied."""

    house: HouseId
    room: RoomId
    night: date
    state: Free | Held | Occupied = Free()

    def hold(self, guest: GuestId, term: Term) -> None:
        """A guest was admitted. The first one has the night."""
        match self.state:
            case Free():
                self.state = Held(guest=guest, term=term)
            case Held() | Occupied():
                self._end(DoubleHold, guest)
            case _ as never:
                assert_never(never)

    def cancel(self, guest: GuestId) -> NotHeld | None:
        if not self._is_held_by(guest):
            return NotHeld(room=self.room, night=self.night)
        self.state = Free()
        self._end(HoldCancelled, guest)
        return None

    def check_in(self, guest: GuestId) -> NotHeld | None:
        if not self._is_held_by(guest):
            return NotHeld(room=self.room, night=self.night)
        self.state = Occupied(guest=guest)
        self._end(GuestArrived, guest)
        return None

    def close(self, day: date) -> None:
        """The day is over: a hold may expire, and a guest may have failed to show up."""
        match self.state:
            case Held(guest=guest) if self.night <= day:
                self.state = Free()
                self._end(GuestDidNotShow, guest)
            case Held(guest=guest, term=UntilClosing(day=last)) if last <= day:
                self.state = Free()
                self._end(HoldExpired, guest)
            case _:
                pass

    def _is_held_by(self, guest: GuestId) -> bool:
        return isinstance(self.state, Held) and self.state.guest == guest

    def _end(
        self,
        event: type[HoldCancelled] | type[HoldExpired] | type[GuestArrived] | type[GuestDidNotShow] | type[DoubleHold],
        guest: GuestId,
    ) -> None:
        self.record(event(guest=guest, house=self.house, room=self.room, night=self.night))
