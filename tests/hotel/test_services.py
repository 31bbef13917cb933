"""The hotel as real processes over SQLite: one, and two that call each other over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from hotel.reservations.api import GuestId, GuestProfile, HoldNight, HoldRefused, Profile, Sheet, UntilClosing
from hotel.rooms.api import HouseId, OfferRoom, Room, RoomId
from hotel.system import hotel
from learning.process import EXAMPLES, Services, at_free_ports
from remit.messages import Codec


@pytest.mark.parametrize(("topology", "killed"), [("monolith.toml", "hotel"), ("two.toml", "desk")])
def test_a_hold_is_kept_when_the_service_that_granted_it_is_killed(tmp_path: Path, topology: str, killed: str) -> None:
    services = Services(at_free_ports(EXAMPLES / "hotel" / "topologies" / topology, tmp_path))
    ada, grand, room = GuestId("ada"), HouseId("grand"), RoomId("101")
    day = datetime.now(UTC).date() + timedelta(days=1)
    wish = HoldNight(guest=ada, room=room, night=day + timedelta(days=3), term=UntilClosing(day=day))
    try:
        services.start()
        with hotel.connect_sync(topology=str(services.file)) as app:
            app.send(OfferRoom(room=Room(id=room, house=grand)))
            app.ask(GuestProfile(guest=ada), fresh=True)
            held = app.send(wish, key="wish-1")
            services[killed].kill()
            services[killed].start()
            assert app.send(wish, key="wish-1") == held
            assert app.attempt(wish) == HoldRefused(why="taken")
            assert app.ask(GuestProfile(guest=ada), fresh=True).holds == [held]
            closing = Request(f"{services[killed].url}/houses/{grand}/days/{day}/closing", method="POST")
            with urlopen(closing) as answer:
                assert Codec(Sheet).read(answer.read()) == Sheet(to_expire=[held])
            assert app.ask(GuestProfile(guest=ada), fresh=True) == Profile(refusals=["taken"])
            guests = [GuestId(f"g-{number}") for number in range(8)]
            with ThreadPoolExecutor() as callers:
                list(callers.map(app.attempt, [wish.replace(guest=guest) for guest in guests]))
            profiles = [app.ask(GuestProfile(guest=guest), fresh=True) for guest in guests]
            assert sum(len(each.holds) for each in profiles) == 1, "of guests who hold one night at once one keeps it"
            assert sum(each.refusals == ["taken"] for each in profiles) == 7
        assert set(services.stop().values()) == {0}
    finally:
        services.kill()
