"""What is still owed at the end of a test: messages that a subscription has neither handled nor parked."""

import asyncio
from collections.abc import Callable

import pytest

from remit import Clock, Command, Context, Later, System
from remit.testing import MovableClock, running
from remit.testing.app import PATIENCE_SECONDS
from remit.testing.logs import Owed
from tests.runtime.shop import Buyer, OrderId, OrderPlaced, Place, Shop, make_shop

ORDER = Place(order=OrderId("o-1"), buyer=Buyer("ada"))


def make_broken_shop() -> Shop:
    """A shop whose billing cannot reach its bank, however often it tries."""
    shop = make_shop()
    shop.down += [ConnectionError("the bank is away")] * 10_000
    return shop


def test_an_event_whose_reaction_is_tried_again_for_ever_fails_the_test() -> None:
    said = r"sales\.OrderPlaced, key 'ada', for billing\.charge: ConnectionError: the bank is away"
    with pytest.raises(AssertionError, match=said) as error, running(make_broken_shop().system) as app:
        app.send(ORDER)
    assert isinstance(error.value.__cause__, ConnectionError), "the traceback shows what has failed"
    assert "expect it by app.owed()" in str(error.value)


def test_a_test_that_asks_what_is_owed_takes_the_responsibility() -> None:
    with running(make_broken_shop().system) as app:
        app.send(ORDER)
        app.send(ORDER.replace(order=OrderId("o-2")))
        assert app.owed() == [
            Owed("billing.charge", "sales.OrderPlaced", "ada", "ConnectionError: the bank is away", 2)
        ]


def test_nothing_is_owed_when_everything_is_handled_or_parked() -> None:
    shop, clock = make_broken_shop(), MovableClock()
    with running(shop.system, clock=clock) as app:
        app.send(ORDER)
        assert [owed.subscription for owed in app.owed()] == ["billing.charge"]
        shop.down.clear()
        shop.poison.add("o-1")
        clock.move(minutes=5)
        assert (app.owed(), [parked.key for parked in app.parked()]) == ([], ["ada"])


class Ring(Command[None]):
    bell: str


class Wind(Command[None]):
    bell: str


def make_tower(ring: Callable[[], object]) -> System:
    """A context that winds a bell and rings it later."""
    tower = Context("tower")

    @tower.handle(Wind)
    async def wind(command: Wind, later: Later[Ring]) -> None:
        later.send(Ring(bell=command.bell))

    @tower.handle(Ring)
    async def rings(command: Ring, clock: Clock) -> None:
        ring()

    return System("tower", contexts=[tower])


def test_a_command_for_later_that_never_succeeds_fails_the_test() -> None:
    def ring() -> None:
        raise ConnectionError("the rope is away")

    said = r"tower\.Ring, key .*, for tower\.commands: ConnectionError: the rope is away"
    with pytest.raises(AssertionError, match=said), running(make_tower(ring)) as app:
        app.send(Wind(bell="big"))


def test_a_handler_that_does_not_end_is_owed_without_an_error() -> None:
    tower = Context("tower")

    @tower.handle(Wind)
    async def wind(command: Wind, later: Later[Ring]) -> None:
        later.send(Ring(bell=command.bell))

    @tower.handle(Ring)
    async def rings(command: Ring) -> None:
        await asyncio.sleep(10 * PATIENCE_SECONDS)

    said = r"tower\.Ring, key .*, for tower\.commands: it has not ended yet"
    with pytest.raises(AssertionError, match=said), running(System("tower", contexts=[tower])) as app:
        app.send(Wind(bell="big"))
    with running(System("tower", contexts=[tower])) as app:
        app.send(Wind(bell="big"))
        assert [(owed.type, owed.error) for owed in app.owed()] == [("tower.Ring", "")]


def test_another_failure_of_the_test_is_not_hidden_by_what_is_owed() -> None:
    def test() -> None:
        with running(make_broken_shop().system) as app:
            app.send(ORDER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        test()


async def test_under_real_time_the_end_does_not_wait_again_for_what_the_test_has_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("remit.testing.app.PATIENCE_SECONDS", 0.05)
    shop = make_broken_shop()
    async with running(shop.system) as app:
        await app.send(ORDER)
        (owed,) = await app.owed()
        monkeypatch.setattr("remit.testing.app.PATIENCE_SECONDS", 3600.0)
    assert owed.type == "sales.OrderPlaced"
    monkeypatch.setattr("remit.testing.app.PATIENCE_SECONDS", 0.05)
    with pytest.raises(AssertionError, match="the bank is away"):
        async with running(shop.system) as app:
            await app.send(ORDER)


def test_what_follows_after_the_question_is_still_waited_for() -> None:
    shop = make_shop()

    def test() -> None:
        with running(shop.system) as app:
            assert app.owed() == []
            shop.poison.add("o-1")
            app.inject(OrderPlaced(order=OrderId("o-1"), buyer=Buyer("ada"), amount=1))

    with pytest.raises(AssertionError, match="parked at the end"):
        test()
