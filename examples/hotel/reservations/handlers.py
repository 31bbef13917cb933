"""Reservations: what is asked for, what follows from it, and what can be seen of it."""

from dataclasses import dataclass
from datetime import date

from hotel.reservations import api, domain
from hotel.reservations.api import GuestId, Held, Profile, Sheet, UntilClosing
from hotel.reservations.domain import Guest, HoldEnded, HoldFailed, KnownRoom, Night, NightHeld, NightId
from hotel.rooms.api import HouseId, RoomOffered
from remit import Claims, Clock, Command, Context, Later, Projection, Records, Repository, View, field

reservations = Context(
    "reservations", kind="core", owner="team-desk", language="language.md", events=domain.ReservationEvent
)


@reservations.handle(api.BecomeMember)
async def become_member(command: api.BecomeMember, guests: Repository[Guest], cards: Claims[domain.Card]) -> None:
    guest = await guests.obtain(command.guest)
    await cards.take(command.card, by=guest, otherwise=api.CardTaken())
    guest.card = command.card


@reservations.handle(api.HoldNight)
async def hold(
    command: api.HoldNight,
    guests: Repository[Guest],
    nights: Repository[Night],
    rooms: Records[KnownRoom],
    clock: Clock,
) -> Held | api.HoldRefused:
    room, night = await rooms.find(command.room), await nights.find(NightId.of(command.room, command.night))
    return (await guests.obtain(command.guest)).hold(command, room, night, clock.now().date())


@reservations.handle(api.CancelHold)
async def cancel(command: api.CancelHold, nights: Repository[Night]) -> api.NotHeld | None:
    night = await nights.find(NightId.of(command.room, command.night))
    return night.cancel(command.guest) if night else api.NotHeld()


@reservations.handle(api.CheckIn)
async def check_in(command: api.CheckIn, nights: Repository[Night]) -> api.NotHeld | None:
    night = await nights.find(NightId.of(command.room, command.night))
    return night.check_in(command.guest) if night else api.NotHeld()


class CloseNight(Command[None], key="night"):
    night: NightId
    day: date


@reservations.handle(CloseNight)
async def close_night(command: CloseNight, nights: Repository[Night]) -> None:
    (await nights.get(command.night)).close(command.day)


@reservations.react(RoomOffered)
async def know_the_room(event: RoomOffered, rooms: Records[KnownRoom]) -> None:
    await rooms.put(KnownRoom(id=event.room, house=event.house))


@reservations.policy
@dataclass
class OneGuestForANight:
    """The night keeps the first guest who was granted it. The hold of a second guest is taken back."""

    guests: Repository[Guest]
    nights: Repository[Night]

    @reservations.react(NightHeld)
    async def take_the_night(self, event: NightHeld) -> None:
        (await self.nights.obtain(NightId.of(event.held.room, event.held.night))).hold(event.held)

    @reservations.react(HoldEnded)
    async def tell_the_guest(self, event: HoldEnded) -> None:
        (await self.guests.get(event.guest)).end_hold(event)


def after(holds: list[Held], event: NightHeld | HoldEnded) -> list[Held]:
    """The holds after one more was granted, or ended."""
    return [*holds, event.held] if isinstance(event, NightHeld) else [each for each in holds if each != event.held]


@reservations.project
class HoldsAt(Projection[HouseId, NightHeld | HoldEnded]):
    holds: list[Held] = field(default_factory=list[Held])

    @staticmethod
    def key(event: NightHeld | HoldEnded) -> HouseId:
        return event.held.house

    def evolve(self, event: NightHeld | HoldEnded) -> None:
        self.holds = after(self.holds, event)

    def sheet(self, day: date) -> Sheet:
        expiring = [each for each in self.holds if isinstance(each.term, UntilClosing) and each.term.day <= day]
        return Sheet(
            to_expire=[each for each in expiring if each.night > day],
            no_shows=[each for each in self.holds if each.night <= day],
        )


@reservations.project
class ProfileOf(Projection[GuestId, NightHeld | HoldEnded | HoldFailed]):
    profile: Profile = Profile()

    @staticmethod
    def key(event: NightHeld | HoldEnded | HoldFailed) -> GuestId:
        return event.guest

    def evolve(self, event: NightHeld | HoldEnded | HoldFailed) -> None:
        was = self.profile
        if isinstance(event, HoldFailed):
            self.profile = was.replace(refusals=[*was.refusals, event.why])
            return
        no_shows = dict(was.no_shows)
        if isinstance(event, domain.GuestDidNotShow):
            no_shows[event.held.house] = no_shows.get(event.held.house, 0) + 1
        stays = was.stays + isinstance(event, domain.GuestArrived)
        self.profile = was.replace(holds=after(was.holds, event), stays=stays, no_shows=no_shows)


@reservations.answer(api.DailySheet)
async def daily_sheet(query: api.DailySheet, held: View[HoldsAt]) -> Sheet:
    found = await held.find(query.house)
    return found.sheet(query.day) if found else Sheet()


@reservations.handle(api.CloseDay)
async def close_day(command: api.CloseDay, held: View[HoldsAt], close: Later[CloseNight]) -> Sheet:
    sheet = await daily_sheet(api.DailySheet(house=command.house, day=command.day), held)
    for each in sheet.to_expire + sheet.no_shows:
        close.send(CloseNight(night=NightId.of(each.room, each.night), day=command.day))
    return sheet


@reservations.answer(api.GuestProfile)
async def guest_profile(query: api.GuestProfile, profiles: View[ProfileOf]) -> Profile:
    found = await profiles.find(query.guest)
    return found.profile if found else Profile()


@reservations.answer(api.NightOf)
async def night_of(query: api.NightOf, nights: Repository[Night]) -> api.Free | Held | api.Occupied:
    night = await nights.find(NightId.of(query.room, query.night))
    return night.state if night else api.Free()
