"""Reservations: what guests and the desk ask for, what follows from it, and what can be seen of it."""

from dataclasses import dataclass
from datetime import date

from hotel.reservations.api import (
    BecomeMember,
    CancelHold,
    CardTaken,
    CheckIn,
    CloseDay,
    DailySheet,
    Free,
    GuestId,
    GuestProfile,
    Held,
    HoldLine,
    HoldNight,
    HoldRefused,
    NightOf,
    NotHeld,
    Occupied,
    Profile,
    Sheet,
    UntilClosing,
)
from hotel.reservations.domain import (
    BookableRoom,
    Card,
    Guest,
    GuestArrived,
    GuestDidNotShow,
    HoldEnded,
    HoldFailed,
    Night,
    NightHeld,
    NightId,
    ReservationEvent,
    night_id,
)
from hotel.rooms.api import HouseId, RoomOffered, RoomWithdrawn
from remit import Claims, Clock, Command, Context, Later, Projection, Records, Repository, View, field

reservations = Context("reservations", kind="core", owner="team-desk", events=ReservationEvent)


# ── what is asked for ───────────────────────────────────────────────────────────────────────────────────────────────


@reservations.handle(BecomeMember)
async def become_member(command: BecomeMember, guests: Repository[Guest], cards: Claims[Card]) -> None:
    guest = await guests.obtain(command.guest)
    await cards.take(command.card, by=guest, otherwise=CardTaken(card=command.card))
    guest.join(command.card)


@reservations.handle(HoldNight)
async def hold(
    command: HoldNight, guests: Repository[Guest], nights: Repository[Night], rooms: Records[BookableRoom], clock: Clock
) -> Held | HoldRefused:
    guest = await guests.obtain(command.guest)
    room, night = await rooms.find(command.room), await nights.find(night_id(command.room, command.night))
    return guest.hold(command, room, night, clock.now().date())


@reservations.handle(CancelHold)
async def cancel(command: CancelHold, nights: Repository[Night]) -> NotHeld | None:
    night = await nights.find(night_id(command.room, command.night))
    return night.cancel(command.guest) if night else NotHeld(room=command.room, night=command.night)


@reservations.handle(CheckIn)
async def check_in(command: CheckIn, nights: Repository[Night]) -> NotHeld | None:
    night = await nights.find(night_id(command.room, command.night))
    return night.check_in(command.guest) if night else NotHeld(room=command.room, night=command.night)


class CloseNight(Command[None], key="night"):
    """A day is closed, for one night that is held."""

    night: NightId
    day: date


@reservations.handle(CloseDay)
async def close_day(command: CloseDay, sheets: View["HoldsOf"], close: Later[CloseNight]) -> Sheet:
    holds = await sheets.find(command.house)
    sheet = holds.sheet(command.day) if holds else Sheet(to_expire=[], no_shows=[])
    for line in sheet.to_expire + sheet.no_shows:
        close.send(CloseNight(night=night_id(line.room, line.night), day=command.day))
    return sheet


@reservations.handle(CloseNight)
async def close_night(command: CloseNight, nights: Repository[Night]) -> None:
    (await nights.get(command.night)).close(command.day)


# ── what follows ────────────────────────────────────────────────────────────────────────────────────────────────────


@reservations.policy
@dataclass
class KnowingTheRooms:
    rooms: Records[BookableRoom]

    @reservations.react(RoomOffered)
    async def offered(self, event: RoomOffered) -> None:
        await self.rooms.put(BookableRoom(id=event.room, house=event.house))

    @reservations.react(RoomWithdrawn)
    async def withdrawn(self, event: RoomWithdrawn) -> None:
        await self.rooms.delete(event.room)


@reservations.react(NightHeld)
async def take_the_night(event: NightHeld, nights: Repository[Night]) -> None:
    id = night_id(event.room, event.night)
    night = await nights.find(id)
    if night is None:
        night = Night(id=id, house=event.house, room=event.room, night=event.night)
        nights.add(night)
    night.hold(event.guest, event.term)


@reservations.react(HoldEnded)
async def tell_the_guest(event: HoldEnded, guests: Repository[Guest]) -> None:
    (await guests.get(event.guest)).end_hold(event)


# ── what can be seen ────────────────────────────────────────────────────────────────────────────────────────────────


def without(lines: list[HoldLine], ended: HoldEnded) -> list[HoldLine]:
    return [each for each in lines if (each.guest, each.room, each.night) != (ended.guest, ended.room, ended.night)]


def line_of(held: NightHeld) -> HoldLine:
    return HoldLine(guest=held.guest, room=held.room, night=held.night, term=held.term)


@reservations.project
class HoldsOf(Projection[HouseId, NightHeld | HoldEnded]):
    """The holds at one house."""

    lines: list[HoldLine] = field(default_factory=list[HoldLine])

    @staticmethod
    def key(event: NightHeld | HoldEnded) -> HouseId:
        return event.house

    def evolve(self, event: NightHeld | HoldEnded) -> None:
        self.lines = [*self.lines, line_of(event)] if isinstance(event, NightHeld) else without(self.lines, event)

    def sheet(self, day: date) -> Sheet:
        """What the closing of a day will do."""
        return Sheet(
            to_expire=[
                line
                for line in self.lines
                if line.night > day and isinstance(line.term, UntilClosing) and line.term.day <= day
            ],
            no_shows=[line for line in self.lines if line.night <= day],
        )


@reservations.project
class ProfileOf(Projection[GuestId, NightHeld | HoldEnded | HoldFailed]):
    """What one guest has done, and what was refused."""

    profile: Profile = Profile()

    @staticmethod
    def key(event: NightHeld | HoldEnded | HoldFailed) -> GuestId:
        return event.guest

    def evolve(self, event: NightHeld | HoldEnded | HoldFailed) -> None:
        profile = self.profile
        match event:
            case NightHeld():
                self.profile = profile.replace(holds=[*profile.holds, line_of(event)])
            case HoldFailed(why=why):
                self.profile = profile.replace(refusals=[*profile.refusals, why])
            case GuestArrived():
                self.profile = profile.replace(holds=without(profile.holds, event), stays=profile.stays + 1)
            case GuestDidNotShow(house=house):
                no_shows = {**profile.no_shows, house: profile.no_shows.get(house, 0) + 1}
                self.profile = profile.replace(holds=without(profile.holds, event), no_shows=no_shows)
            case HoldEnded():
                self.profile = profile.replace(holds=without(profile.holds, event))


@reservations.answer(DailySheet)
async def daily_sheet(query: DailySheet, sheets: View[HoldsOf]) -> Sheet:
    holds = await sheets.find(query.house)
    return holds.sheet(query.day) if holds else Sheet(to_expire=[], no_shows=[])


@reservations.answer(GuestProfile)
async def guest_profile(query: GuestProfile, profiles: View[ProfileOf]) -> Profile:
    found = await profiles.find(query.guest)
    return found.profile if found else Profile()


@reservations.answer(NightOf)
async def night_of(query: NightOf, nights: Repository[Night]) -> Free | Held | Occupied:
    night = await nights.find(night_id(query.room, query.night))
    return night.state if night else Free()
