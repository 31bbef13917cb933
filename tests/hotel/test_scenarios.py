"""The hotel in one process, by a clock that is moved: days that are closed, races, and reservations alone."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from hotel.reservations import api
from hotel.reservations.api import GuestId, GuestProfile, Held, HoldNight, HoldRefused, NightOf, Sheet, UntilClosing
from hotel.reservations.domain import GuestArrived, GuestDidNotShow, HeldTwice, HoldFailed
from hotel.reservations.handlers import reservations
from hotel.rooms.api import HouseId, OfferRoom, Room, RoomId, RoomOffered
from hotel.system import hotel
from remit.testing import Double, SyncApp, alone, running

ADA, BOB, ROOM, GRAND = GuestId("ada"), GuestId("bob"), RoomId("101"), HouseId("grand")
TODAY = date(2026, 1, 1)


@pytest.fixture
def app() -> Iterator[SyncApp]:
    with running(hotel) as app:
        app.send(OfferRoom(room=Room(id=ROOM, house=GRAND)))
        app.settled()
        yield app


def hold(guest: GuestId, night: date, term: api.Term | None = None, room: RoomId = ROOM) -> HoldNight:
    return HoldNight(guest=guest, room=room, night=night, term=term or UntilClosing(day=night))


def close(app: SyncApp, day: date) -> Sheet:
    app.settled()
    return app.send(api.CloseDay(house=GRAND, day=day))


def test_a_hold_expires_when_its_day_is_closed_and_that_of_a_member_stays(app: SyncApp) -> None:
    night, later = TODAY + timedelta(days=4), TODAY + timedelta(days=5)
    app.send(api.BecomeMember(guest=BOB, card="c-1"))
    assert app.attempt(api.BecomeMember(guest=ADA, card="c-1")) == api.CardTaken()
    expiring = app.send(hold(ADA, night, UntilClosing(day=TODAY)))
    staying = app.send(hold(BOB, later, api.OpenEnded()))
    assert app.ask(api.DailySheet(house=GRAND, day=TODAY), fresh=True) == Sheet(to_expire=[expiring])
    app.clock.move(days=1)
    assert close(app, TODAY) == Sheet(to_expire=[expiring])
    app.settled()
    assert app.ask(NightOf(room=ROOM, night=night)) == api.Free()
    assert app.ask(NightOf(room=ROOM, night=later)) == staying
    assert app.attempt(hold(ADA, TODAY)) == HoldRefused(why="in the past")
    assert app.ask(GuestProfile(guest=ADA), fresh=True).refusals == ["in the past"]


def test_two_no_shows_bar_a_guest_from_the_house(app: SyncApp) -> None:
    for _ in range(2):
        today = app.clock.now().date()
        missed = app.send(hold(ADA, today))
        app.clock.move(days=1)
        assert close(app, today) == Sheet(no_shows=[missed])
        app.settled()
    assert app.attempt(hold(ADA, app.clock.now().date())) == HoldRefused(why="barred")
    app.send(OfferRoom(room=Room(id=RoomId("7"), house=HouseId("park"))))
    app.settled()
    assert isinstance(app.attempt(hold(ADA, app.clock.now().date(), room=RoomId("7"))), Held)
    assert app.ask(GuestProfile(guest=ADA), fresh=True).no_shows == {GRAND: 2}


def test_a_guest_who_has_arrived_is_no_no_show(app: SyncApp) -> None:
    app.send(hold(ADA, TODAY))
    app.settled()
    app.send(api.CheckIn(guest=ADA, room=ROOM, night=TODAY))
    assert close(app, TODAY) == Sheet()
    assert app.ask(NightOf(room=ROOM, night=TODAY)) == api.Occupied(guest=ADA)
    assert app.ask(GuestProfile(guest=ADA), fresh=True).stays == 1


# ── races ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_of_guests_who_hold_one_night_at_once_one_keeps_it(app: SyncApp) -> None:
    guests = [GuestId(f"g-{number}") for number in range(8)]
    granted = app.at_once(*(hold(guest, TODAY) for guest in guests))
    assert all(isinstance(each, Held) for each in granted), "no night was taken when they asked"
    losers = [each.guest for each in app.recorded(HeldTwice)]
    (winner,) = set(guests) - set(losers)
    assert len(losers) == 7
    assert [each.guest for each in app.recorded(HoldFailed)] == losers
    assert app.ask(NightOf(room=ROOM, night=TODAY)) == granted[guests.index(winner)]
    profiles = [app.ask(GuestProfile(guest=guest), fresh=True) for guest in guests]
    assert [len(each.holds) for each in profiles] == [int(guest == winner) for guest in guests]


def test_a_guest_who_holds_nine_nights_at_once_gets_five(app: SyncApp) -> None:
    nights = [TODAY + timedelta(days=number) for number in range(9)]
    granted = app.at_once(*(hold(ADA, night) for night in nights))
    assert granted.count(HoldRefused(why="too many holds")) == 4
    profile = app.ask(GuestProfile(guest=ADA), fresh=True)
    assert (len(profile.holds), profile.refusals) == (5, ["too many holds"] * 4)


def test_a_guest_who_arrives_while_the_day_is_closed_has_either_arrived_or_not(app: SyncApp) -> None:
    app.send(hold(ADA, TODAY))
    app.settled()
    app.at_once(api.CheckIn(guest=ADA, room=ROOM, night=TODAY), api.CloseDay(house=GRAND, day=TODAY))
    assert len(app.recorded(GuestArrived, key=ADA)) + len(app.recorded(GuestDidNotShow, key=ADA)) == 1


def test_a_night_that_is_given_back_can_be_held_again(app: SyncApp) -> None:
    app.send(hold(ADA, TODAY))
    app.settled()
    app.send(api.CancelHold(guest=ADA, room=ROOM, night=TODAY))
    app.settled()
    assert app.send(hold(BOB, TODAY)).guest == BOB


def test_reservations_alone_follows_the_rooms_that_are_offered_in_any_order_and_twice() -> None:
    offered = RoomOffered(room=ROOM, house=GRAND)
    with alone(reservations, of=hotel, doubles=[Double("rooms", publishes=[RoomOffered])]) as app:
        assert app.attempt(hold(ADA, TODAY)) == HoldRefused(why="not offered")
        app.inject(offered.replace(room=RoomId("102")), offered, offered)
        app.settled()
        assert app.send(hold(ADA, TODAY)).house == GRAND
