"""The test kit is no kinder than a network."""

import pytest

from remit import BadValue
from remit.testing import running
from tests.runtime.shop import Buyer, OrderId, Owed, Place, make_shop


async def test_a_system_runs_in_memory() -> None:
    async with running(make_shop().system) as app:
        await app.send(Place(order=OrderId("o-1"), buyer=Buyer("ada"), amount=3))
        assert await app.ask(Owed(buyer=Buyer("ada")), fresh=True) == 3


async def test_a_message_that_would_not_survive_the_wire_fails() -> None:
    async with running(make_shop().system) as app:
        with pytest.raises(BadValue, match="order"):
            await app.send(Place(order=7, buyer=Buyer("ada")))  # type: ignore[arg-type]  # the mistake to be found
