"""Two aggregates: a guest is granted a night or not, and a night is free, held or occupied.

The nights follow each `NightHeld` of the guests, and the guests each `HoldEnded` of the nights.
"""

from datetime import date

from hotel.reservations.api import Free, GuestId, Held, HoldNight, HoldRefused, NotHeld, Occupied, UntilClosing, Why
from hotel.rooms.api import HouseId, RoomId
from remit import Aggregate, Claim, DomainEvent, Record, field
from remit.values import Identifier

MOST_HOLDS = 5
MOST_NO_SHOWS = 1


class NightId(Identifier):
    @classmethod
    def of(cls, room: RoomId, night: date) -> "NightId":
        """Identifies a night of a room."""
        return cls(f"{room}/{night}")


class KnownRoom(Record[RoomId]):
    house: HouseId


class ReservationEvent(DomainEvent, key="guest"):
    """What happens to one guest has one order, whether the guest or a night records it."""

    guest: GuestId


class HoldFailed(ReservationEvent):
    room: RoomId
    night: date
    why: Why


class NightHeld(ReservationEvent):
    held: Held


class HoldEnded(ReservationEvent):
    held: Held


class HoldCancelled(HoldEnded): ...


class HoldExpired(HoldEnded): ...


class GuestArrived(HoldEnded): ...


class GuestDidNotShow(HoldEnded): ...


class HeldTwice(HoldEnded):
    """Another guest was first."""


class Night(Aggregate[NightId, HoldEnded]):
    state: Free | Held | Occupied = Free()

    def hold(self, held: Held) -> None:
        """Gives the night to the first guest who was granted it."""
        match self.state:
            case Free():
                self.state = held
            case Held() | Occupied():
                self.record(HeldTwice(guest=held.guest, held=held))

    def cancel(self, guest: GuestId) -> NotHeld | None:
        return self._end(guest, HoldCancelled, Free())

    def check_in(self, guest: GuestId) -> NotHeld | None:
        return self._end(guest, GuestArrived, Occupied(guest=guest))

    def close(self, day: date) -> None:
        """Ends a hold that expires with the day, and the hold of a guest who did not show up."""
        match self.state:
            case Held(guest=guest, night=night) if night <= day:
                self._end(guest, GuestDidNotShow, Free())
            case Held(guest=guest, term=UntilClosing(day=last)) if last <= day:
                self._end(guest, HoldExpired, Free())
            case _:
                pass

    def _end(self, guest: GuestId, how: type[HoldEnded], state: Free | Occupied) -> NotHeld | None:
        if not isinstance(self.state, Held) or self.state.guest != guest:
            return NotHeld()
        self.record(how(guest=guest, held=self.state))
        self.state = state
        return None


class Guest(Aggregate[GuestId, NightHeld | HoldFailed]):
    card: str | None = None
    holds: dict[NightId, Held] = field(default_factory=dict[NightId, Held])
    no_shows: dict[HouseId, int] = field(default_factory=dict[HouseId, int])

    def hold(self, wish: HoldNight, room: KnownRoom | None, night: Night | None, today: date) -> Held | HoldRefused:
        """Grants a night that nobody has, as far as it is known here."""
        if room is None:
            return self._refuse(wish.room, wish.night, "not offered")
        if why := self._objection(wish, room.house, night, today):
            return self._refuse(wish.room, wish.night, why)
        held = Held(guest=self.id, house=room.house, room=room.id, night=wish.night, term=wish.term)
        self.holds[NightId.of(held.room, held.night)] = held
        self.record(NightHeld(guest=self.id, held=held))
        return held

    def end_hold(self, ended: HoldEnded) -> None:
        """Takes in what a night has decided."""
        held = self.holds.pop(NightId.of(ended.held.room, ended.held.night))
        if isinstance(ended, GuestDidNotShow):
            self.no_shows[held.house] = self.no_shows.get(held.house, 0) + 1
        if isinstance(ended, HeldTwice):
            self._refuse(held.room, held.night, "taken")

    def _objection(self, wish: HoldNight, house: HouseId, night: Night | None, today: date) -> Why | None:
        if wish.night < today or (isinstance(wish.term, UntilClosing) and wish.term.day < today):
            return "in the past"
        if NightId.of(wish.room, wish.night) in self.holds or (night and night.state != Free()):
            return "taken"
        if self.no_shows.get(house, 0) > MOST_NO_SHOWS:
            return "barred"
        if self.card is None and len(self.holds) >= MOST_HOLDS:
            return "too many holds"
        return None if self.card or isinstance(wish.term, UntilClosing) else "members only"

    def _refuse(self, room: RoomId, night: date, why: Why) -> HoldRefused:
        self.record(HoldFailed(guest=self.id, room=room, night=night, why=why))
        return HoldRefused(why=why)


class Card(Claim[str, Guest]):
    """One guest for each card."""
