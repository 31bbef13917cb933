"""What rooms and reservations decide, one step at a time."""

from datetime import date, timedelta

import pytest

from hotel.reservations import api
from hotel.reservations.api import Free, GuestId, Held, HoldNight, HoldRefused, UntilClosing
from hotel.reservations.domain import (
    Guest,
    GuestArrived,
    GuestDidNotShow,
    HeldTwice,
    HoldExpired,
    HoldFailed,
    KnownRoom,
    Night,
    NightHeld,
    NightId,
)
from hotel.reservations.handlers import CloseNight, HoldsAt, reservations
from hotel.rooms.api import HouseId, OfferRoom, Room, RoomId, RoomOffered, Rooms
from hotel.rooms.handlers import rooms
from remit.testing import given

ADA, BOB, ROOM, GRAND = GuestId("ada"), GuestId("bob"), RoomId("101"), HouseId("grand")
TODAY, NIGHT = date(2026, 1, 1), date(2026, 1, 5)
ID = NightId.of(ROOM, NIGHT)
KNOWN = KnownRoom(id=ROOM, house=GRAND)
WISH = HoldNight(guest=ADA, room=ROOM, night=NIGHT, term=UntilClosing(day=TODAY))
HELD = Held(guest=ADA, house=GRAND, room=ROOM, night=NIGHT, term=UntilClosing(day=TODAY))
FIVE = {NightId.of(ROOM, day): HELD.replace(night=day) for day in (NIGHT + timedelta(days=n) for n in range(1, 6))}
MEMBER = Guest(id=ADA, card="c-1", holds=FIVE, no_shows={HouseId("park"): 2, GRAND: 1})


def test_a_room_that_is_offered_is_kept_and_published() -> None:
    room = Room(id=ROOM, house=GRAND, beds=1)
    given(rooms).when(OfferRoom(room=room)).publishes(RoomOffered(room=ROOM, house=GRAND))
    given(rooms, room, Room(id=RoomId("102"), house=GRAND)).when(Rooms(after=ROOM)).then(
        [Room(id=RoomId("102"), house=GRAND)]
    )


def test_a_free_night_is_granted_and_then_held() -> None:
    granted = given(reservations, KNOWN).when(WISH)
    granted.then(NightHeld(guest=ADA, held=HELD)).replies(HELD).leaves(Guest(id=ADA, holds={ID: HELD}))
    given(reservations).when(NightHeld(guest=ADA, held=HELD)).then().leaves(Night(id=ID, state=HELD))


@pytest.mark.parametrize(
    ("wish", "guest", "night", "why"),
    [
        (WISH.replace(room=RoomId("999")), Guest(id=ADA), Free(), "not offered"),
        (WISH.replace(night=date(2025, 12, 31)), Guest(id=ADA), Free(), "in the past"),
        (WISH.replace(term=UntilClosing(day=date(2025, 12, 31))), Guest(id=ADA), Free(), "in the past"),
        (WISH, Guest(id=ADA), HELD.replace(guest=BOB), "taken"),
        (WISH, Guest(id=ADA), api.Occupied(guest=BOB), "taken"),
        (WISH, Guest(id=ADA, holds={ID: HELD}), Free(), "taken"),
        (WISH, Guest(id=ADA, no_shows={GRAND: 2}), Free(), "barred"),
        (WISH, Guest(id=ADA, holds=FIVE), Free(), "too many holds"),
        (WISH.replace(term=api.OpenEnded()), Guest(id=ADA), Free(), "members only"),
    ],
)
def test_a_refusal_is_a_recorded_fact(
    wish: HoldNight, guest: Guest, night: Free | Held | api.Occupied, why: api.Why
) -> None:
    failed = HoldFailed(guest=ADA, room=wish.room, night=wish.night, why=why)
    refused = given(reservations, KNOWN, guest, Night(id=ID, state=night)).when(wish)
    refused.then(failed, HoldRefused(why=why)).leaves(guest)


def test_a_member_holds_more_nights_and_without_an_end() -> None:
    held = HELD.replace(term=api.OpenEnded())
    given(reservations, KNOWN, MEMBER).when(WISH.replace(term=api.OpenEnded())).then(NightHeld(guest=ADA, held=held))


def test_the_second_of_two_guests_loses_the_hold_again() -> None:
    second = HELD.replace(guest=BOB)
    twice = HeldTwice(guest=BOB, held=second)
    given(Night(id=ID, state=HELD)).when(Night.hold, second).then(twice).leaves(Night(id=ID, state=HELD))
    compensated = given(reservations, Guest(id=BOB, holds={ID: second})).when(twice)
    compensated.then(HoldFailed(guest=BOB, room=ROOM, night=NIGHT, why="taken")).leaves(Guest(id=BOB))


def test_only_the_guest_who_holds_a_night_may_check_in_or_cancel() -> None:
    given(Night(id=ID, state=HELD)).when(Night.check_in, ADA).then(GuestArrived(guest=ADA, held=HELD)).leaves(
        Night(id=ID, state=api.Occupied(guest=ADA))
    )
    cancel, arrive = api.CancelHold(guest=ADA, room=ROOM, night=NIGHT), api.CheckIn(guest=ADA, room=ROOM, night=NIGHT)
    for refused in (arrive.replace(guest=BOB), arrive.replace(room=RoomId("102"))):
        given(reservations, Night(id=ID, state=HELD)).when(refused).then(api.NotHeld())
    given(reservations, Night(id=ID, state=api.Occupied(guest=ADA))).when(cancel).then(api.NotHeld())


@pytest.mark.parametrize(
    ("held", "day", "event"),
    [
        (HELD, TODAY, HoldExpired(guest=ADA, held=HELD)),
        (HELD, NIGHT, GuestDidNotShow(guest=ADA, held=HELD)),
        (HELD.replace(term=UntilClosing(day=NIGHT)), TODAY, None),
        (HELD.replace(term=api.OpenEnded()), date(2026, 1, 4), None),
    ],
)
def test_a_day_that_is_closed_ends_holds(held: Held, day: date, event: HoldExpired | GuestDidNotShow | None) -> None:
    night = Night(id=ID, state=held)
    closed = given(reservations, night).when(CloseNight(night=ID, day=day))
    _ = closed.then(event).leaves(Night(id=ID)) if event else closed.then().leaves(night)


def test_the_sheet_says_what_the_closing_of_a_day_ends() -> None:
    first, second = NightHeld(guest=ADA, held=HELD), NightHeld(guest=BOB, held=HELD.replace(guest=BOB, night=TODAY))
    third = NightHeld(guest=BOB, held=HELD.replace(term=api.OpenEnded()))
    given(HoldsAt, first, third).when(HoldExpired(guest=ADA, held=HELD)).then(HoldsAt(holds=[third.held]))
    closed = given(reservations, first, second, third).when(api.CloseDay(house=GRAND, day=TODAY))
    closed.replies(api.Sheet(to_expire=[HELD], no_shows=[second.held]))
    closed.sends(CloseNight(night=ID, day=TODAY), CloseNight(night=NightId.of(ROOM, TODAY), day=TODAY))


def test_a_profile_shows_what_a_guest_has_done() -> None:
    held, again = NightHeld(guest=ADA, held=HELD), NightHeld(guest=ADA, held=HELD.replace(night=TODAY))
    failed = HoldFailed(guest=ADA, room=ROOM, night=NIGHT, why="barred")
    arrived, missed = GuestArrived(guest=ADA, held=HELD), GuestDidNotShow(guest=ADA, held=again.held)
    given(reservations, held, arrived, again, missed, failed).when(api.GuestProfile(guest=ADA)).then(
        api.Profile(stays=1, no_shows={GRAND: 1}, refusals=["barred"])
    )


def test_a_card_makes_a_member() -> None:
    given(reservations).when(api.BecomeMember(guest=ADA, card="c-1")).then().leaves(Guest(id=ADA, card="c-1"))
