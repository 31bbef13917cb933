"""The hotel as real processes over SQLite: one, and two that call each other over HTTP."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from hotel.reservations.api import GuestId, GuestProfile, HoldNight, HoldRefused, Sheet, UntilClosing
from hotel.rooms.api import HouseId, OfferRoom, Room, RoomId
from hotel.system import hotel
from learning.process import EXAMPLES, Services, at_free_ports
from remit.messages import Codec

pytestmark = pytest.mark.timeout(120)  # processes share their machine with others


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
            profile = app.ask(GuestProfile(guest=ada), fresh=True)
            assert (profile.holds, profile.refusals) == ([], ["taken"])
        assert set(services.stop().values()) == {0}
    finally:
        services.kill()
