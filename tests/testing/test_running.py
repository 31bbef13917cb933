"""A running system under test: what it has recorded, published and sent, a clock that is moved, injected events."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from remit import Command, Context, DomainEvent, IntegrationEvent, Later, Query, Refusal, System
from remit.contexts import Model
from remit.errors import BadValue, DeadlineExceeded, HandlerFailed, ModelError, NotFound
from remit.runtime import compile_system, host
from remit.runtime.plan import ContextPlan
from remit.testing import KitError, MovableClock, VirtualLoop, running, starting
from remit.testing.virtual import OUTSIDE_SECONDS
from tests.runtime.shop import Account, Buyer, Charge, OrderId, OrderPlaced, Owed, Place, Placed, make_shop
from tests.testing.library import (
    Ban,
    Banned,
    BookId,
    BookLent,
    Fees,
    GiveBack,
    Lend,
    Lent,
    LoansOf,
    MemberBanned,
    NotWelcome,
    ReaderBanned,
    ReaderId,
    Remind,
    Returned,
    library,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADA, BOB, MOBY, EMMA = ReaderId("ada"), ReaderId("bob"), BookId("moby-dick"), BookId("emma")
LENT = Lent(loan="", book=MOBY, reader=ADA, until=NOON + timedelta(days=14))
BANNED = ReaderBanned(reader=ADA, reason="noise")


def test_what_was_recorded_published_and_sent_is_read_from_the_logs_in_order() -> None:
    with running(library) as app:
        loan = app.send(Lend(book=MOBY, reader=ADA))
        app.send(Lend(book=EMMA, reader=BOB))
        app.send(Ban(reader=BOB, reason="noise"))
        assert app.recorded(Lent, key="moby-dick") == [LENT.replace(loan=loan)]
        assert [event.book for event in app.recorded(Lent)] == [MOBY, EMMA]
        assert [type(event) for event in app.recorded(DomainEvent)] == [Lent, Lent, MemberBanned, Banned]
        assert app.published(BookLent, key="bob") == [BookLent(book=EMMA, reader=BOB)]
        assert [type(event) for event in app.published(IntegrationEvent)] == [BookLent, BookLent, ReaderBanned]
        assert app.sent(Remind) == [Remind(reader=ADA, book=MOBY), Remind(reader=BOB, book=EMMA)]
        assert app.sent(Remind, key="ada") == [Remind(reader=ADA, book=MOBY)]
        assert app.recorded(Returned) == []
        assert app.ask(LoansOf(reader=ADA), fresh=True) == [MOBY]


def test_a_class_of_another_kind_is_a_mistake_of_the_test() -> None:
    with running(library) as app, pytest.raises(KitError, match="BookLent is asked for"):
        app.recorded(BookLent)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]  # the mistake to be found


def test_handlers_see_the_clock_of_the_test_which_stands_still() -> None:
    clock = MovableClock(datetime(2030, 5, 1, tzinfo=UTC))
    with running(library, clock=clock) as app:
        app.send(Lend(book=MOBY, reader=ADA))
        clock.move(days=1, hours=2)
        clock.move(timedelta(minutes=3))
        app.send(Lend(book=EMMA, reader=ADA))
        first, second = app.recorded(Lent)
    assert first.until == datetime(2030, 5, 15, tzinfo=UTC)
    assert second.until - first.until == timedelta(days=1, hours=2, minutes=3)
    assert clock.now() == datetime(2030, 5, 2, 2, 3, tzinfo=UTC)
    with pytest.raises(KitError, match="go back"):
        clock.move(hours=-1)


def test_an_app_has_the_clock_that_its_system_goes_by() -> None:
    with running(library) as app:
        app.send(Lend(book=MOBY, reader=ADA))
        app.clock.move(days=1)
        app.send(Lend(book=EMMA, reader=ADA))
        first, second = app.recorded(Lent)
    assert second.until - first.until == timedelta(days=1)


async def test_an_app_that_goes_by_real_time_has_no_clock_to_move() -> None:
    async with running(library) as app:
        with pytest.raises(KitError, match="goes by real time"):
            _ = app.clock


class Meet(Command[str, NotWelcome]):
    name: str


def test_calls_at_once_meet_one_another_and_are_answered_in_the_order_of_the_messages() -> None:
    place, both_are_here = Context("place"), asyncio.Barrier(2)

    @place.handle(Meet)
    async def meet(command: Meet) -> str:
        await both_are_here.wait()
        if command.name == "bob":
            raise NotWelcome(reason="late")
        return command.name

    with running(System("town", contexts=[place])) as app:
        assert app.at_once(Meet(name="bob"), Meet(name="ada")) == [NotWelcome(reason="late"), "ada"]


def test_all_calls_at_once_have_ended_when_the_first_error_is_raised() -> None:
    with running(library) as app:
        with pytest.raises(NotFound):
            app.at_once(GiveBack(book=EMMA), Lend(book=MOBY, reader=ADA))
        assert [each.book for each in app.recorded(Lent)] == [MOBY]
        assert app.at_once(LoansOf(reader=ADA), LoansOf(reader=BOB)) == [[MOBY], []]


def test_messages_stay_however_far_the_clock_is_moved() -> None:
    clock = MovableClock()
    with running(library, clock=clock) as app:
        app.send(Lend(book=MOBY, reader=ADA))
        for _ in range(20):
            clock.move(days=5)
            app.settled()
        assert len(app.recorded(Lent)) == len(app.published(BookLent)) == 1


def test_a_message_that_cannot_be_handled_fails_the_test_that_does_not_ask_for_it() -> None:
    parked = pytest.raises(AssertionError, match=r"lending.block, key 'ada': ValueError: nobody")
    with parked as error, running(library) as app:
        app.send(Ban(reader=ADA, reason="bug"))
    assert isinstance(error.value.__cause__, ValueError), "the traceback shows what has failed"
    with running(library) as app:
        app.send(Ban(reader=ADA, reason="bug"))
        (found,) = app.parked()
    assert (found.subscription, found.key, found.letters) == ("lending.block", "ada", 1)


def test_another_failure_of_the_test_is_not_hidden_by_what_is_parked() -> None:
    def test() -> None:
        with running(library) as app:
            app.send(Ban(reader=ADA, reason="bug"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        test()


def test_a_parked_key_is_tried_again_when_the_clock_has_come_there() -> None:
    shop, clock = make_shop(), MovableClock()
    shop.poison.add("o-1")
    order = Place(order=OrderId("o-1"), buyer=Buyer("ada"))
    with running(shop.system, clock=clock) as app:
        app.send(order)
        assert [each.key for each in app.parked()] == ["ada"]
        shop.poison.clear()
        app.settled()
        assert shop.charged == []
        clock.move(days=1)
        app.settled()
        assert (len(shop.charged), app.parked()) == (1, [])


def test_what_fails_for_a_while_is_handled_before_the_test_reads() -> None:
    shop = make_shop()
    shop.down += [ConnectionError("away")] * 3
    with running(shop.system) as app:
        app.send(Place(order=OrderId("o-1"), buyer=Buyer("ada"), amount=3))
        app.settled()
        assert len(shop.charged) == 1


def test_what_is_away_for_longer_does_not_hold_up_the_test() -> None:
    shop, clock = make_shop(), MovableClock()
    shop.down += [ConnectionError("away")] * 1000
    with running(shop.system, clock=clock) as app:
        app.send(Place(order=OrderId("o-1"), buyer=Buyer("ada")))
        app.settled()
        assert shop.charged == []
        assert timedelta(seconds=4) < clock.now() - NOON < timedelta(seconds=40)
        shop.down.clear()
        clock.move(minutes=5)


def test_deadlines_and_fresh_answers_take_time_of_the_clock_only() -> None:
    desk, clock = Context("desk"), MovableClock()

    class Slow(Query[int]):
        seconds: float

    @desk.answer(Slow)
    async def slow(query: Slow) -> int:
        await asyncio.sleep(query.seconds)
        return 1

    with running(System("desk", contexts=[desk]), clock=clock) as app:
        assert app.ask(Slow(seconds=3600), deadline=7200) == 1
        assert clock.now() == NOON + timedelta(hours=1)
        with pytest.raises(DeadlineExceeded):
            app.ask(Slow(seconds=3600), deadline=60)


def test_injected_events_come_in_the_given_order_and_as_often_as_given() -> None:
    with running(library) as app:
        second = BANNED.replace(reason="fire")
        app.inject(second, BANNED, BANNED)
        assert [event.reason for event in app.recorded(Banned)] == ["fire", "noise", "noise"]
        assert app.published(ReaderBanned, key="ada") == [second, BANNED, BANNED]
        app.inject(BANNED, key="somebody else")
        assert app.published(ReaderBanned, key="somebody else") == [BANNED]


def test_an_event_that_its_context_does_not_publish_is_not_injected() -> None:
    class Unknown(IntegrationEvent, version=1):
        reader: ReaderId

    with running(library) as app, pytest.raises(KitError, match="Unknown belongs to no context"):
        app.inject(Unknown(reader=ADA))


def test_an_event_without_a_key_of_its_own_needs_one() -> None:
    sales, desk = Context("sales"), Context("desk")
    seen: list[str] = []

    class Sold(DomainEvent):
        what: str

    class Gone(IntegrationEvent, version=1):
        what: str

    @sales.publish(Sold)
    def gone(event: Sold) -> Gone:
        return Gone(what=event.what)

    @desk.react(Gone)
    async def note(event: Gone) -> None:
        seen.append(event.what)

    with running(System("sales", contexts=[sales, desk])) as app:
        with pytest.raises(KitError, match="without an ordering key"):
            app.inject(Gone(what="one"))
        app.inject(Gone(what="one"), key="k")
        app.settled()
    assert seen == ["one"]


def test_a_message_that_would_not_survive_the_wire_fails() -> None:
    with running(make_shop().system) as app, pytest.raises(BadValue, match="order"):
        app.send(Place(order=7, buyer=Buyer("ada")))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the mistake to be found


def test_a_service_is_replaced_for_one_run() -> None:
    asked: list[int] = []

    class Free(Fees):
        def cents(self, days: int) -> int:
            asked.append(days)
            return 0

    for provided, expected in ((True, [3]), (False, [3])):
        starting = running(library)
        with starting.provide(Fees, Free) if provided else starting as app:
            app.send(Lend(book=MOBY, reader=ADA))
            app.send(GiveBack(book=MOBY))
        assert asked == expected
    with pytest.raises(KitError, match="no context provides Account"), running(library).provide(Account, Account):  # type: ignore[arg-type]  # an identity is missing, which nobody asks for
        pass


def test_a_service_may_use_threads_and_sockets() -> None:
    desk = Context("desk")

    class Where(Query[int]):
        pass

    @desk.answer(Where)
    async def where(query: Where) -> int:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.close()
            await writer.wait_closed()
        return await asyncio.to_thread(threading.get_ident)

    with running(System("desk", contexts=[desk])) as app:
        assert app.ask(Where()) != threading.get_ident()


def test_an_answer_that_comes_late_over_a_socket_is_waited_for(runner: asyncio.Runner) -> None:
    """Later than the loop believes in silence: nothing else is ready by then, and no timer is set."""
    here, there = socket.socketpair()
    late = threading.Timer(4 * OUTSIDE_SECONDS, there.send, [b"late"])

    async def receive() -> bytes:
        reader, writer = await asyncio.open_connection(sock=here)
        late.start()
        try:
            return await reader.readexactly(4)
        finally:
            writer.close()

    with there:
        assert runner.run(receive()) == b"late"


def test_waiting_for_what_never_happens_ends_with_an_error() -> None:
    async def for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner, pytest.raises(KitError, match="never happens"):
        runner.run(for_ever())


def test_without_an_event_loop_a_system_runs_in_memory_only(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="async with"), running(library, store=f"sqlite:{tmp_path}/{{context}}.db"):
        pass


async def test_under_an_event_loop_it_runs_in_real_time(tmp_path: Path) -> None:
    for store in ("memory:", f"sqlite:{tmp_path}/{{context}}.db"):
        async with running(library, store=store) as app:
            await app.send(Lend(book=MOBY, reader=ADA))
            assert len(await app.recorded(Lent)) == 1
            await app.inject(BANNED)
            assert await app.recorded(Banned, key="ada") == [Banned(reader=ADA, reason="noise")]
            assert await app.attempt(LoansOf(reader=ADA)) == [MOBY]
            assert await app.sent(Remind) == [Remind(reader=ADA, book=MOBY)]
            await app.inject(BANNED.replace(reason="bug"))
            assert [each.key for each in await app.parked()] == ["ada"]


async def test_under_an_event_loop_of_real_time_no_clock_can_be_moved() -> None:
    with pytest.raises(KitError, match="runs in real time"):
        async with running(library, clock=MovableClock()):
            pass
    with pytest.raises(KitError, match="async with"), running(library):
        pass


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield runner


def test_on_a_virtual_loop_an_async_test_moves_the_clock_of_the_loop(runner: asyncio.Runner) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        async with running(library, clock=loop.clock) as app:
            loop.clock.move(days=1)
            await app.send(Lend(book=MOBY, reader=ADA))
            (lent,) = await app.recorded(Lent)
            assert lent.until == NOON + timedelta(days=15)
        with pytest.raises(KitError, match="another clock"):
            async with running(library, clock=MovableClock()):
                pass

    runner.run(test())


def test_timers_that_became_due_fire_in_their_order_once(runner: asyncio.Runner) -> None:
    async def test() -> list[tuple[str, float]]:
        loop, seen = asyncio.get_running_loop(), list[tuple[str, float]]()
        assert isinstance(loop, VirtualLoop)
        loop.call_later(20, lambda: seen.append(("second", loop.time())))
        loop.call_later(10, lambda: seen.append(("first", loop.time())))
        loop.call_later(60, lambda: seen.append(("third", loop.time())))
        await loop.idle()
        assert seen == []
        loop.clock.move(seconds=30)
        await loop.idle()
        return seen

    assert runner.run(test()) == [("first", 30), ("second", 30)]


def test_a_handler_that_fails_is_told_as_in_production() -> None:
    desk = Context("desk")

    @desk.handle(Charge)
    async def charge(command: Charge) -> int:
        raise ValueError("bug")

    with running(System("desk", contexts=[desk])) as app, pytest.raises(HandlerFailed):
        app.send(Charge(buyer=Buyer("ada"), amount=1))


def test_a_system_is_checked_again_when_a_context_has_declared_something_since() -> None:
    desk = Context("desk")
    system = System("desk", contexts=[desk])

    @desk.handle(Charge)
    async def charge(command: Charge) -> int:
        return command.amount

    for _ in range(2):
        with running(system) as app:
            assert app.send(Charge(buyer=Buyer("ada"), amount=1)) == 1

    @desk.answer(Owed)
    async def owed(query: Owed, wanted: Fees) -> int:
        return wanted.cents(1)

    with pytest.raises(ModelError, match="Fees"), running(system):
        pass
    desk.provide(Fees, Fees)
    with running(system) as app:
        assert app.ask(Owed(buyer=Buyer("ada"))) == 10


def test_the_shop_of_other_tests_runs_as_well() -> None:
    with running(make_shop().system) as app:
        app.send(Place(order=OrderId("o-1"), buyer=Buyer("ada"), amount=3))
        assert app.ask(Owed(buyer=Buyer("ada")), fresh=True) == 3
        assert app.recorded(Placed) == [Placed(order=OrderId("o-1"), buyer=Buyer("ada"), amount=3)]
        assert app.published(OrderPlaced, key="ada")


class Full(Refusal):
    seats: int


class Book(Command[None, Full], key="seat"):
    seat: str


class Ask(Command[None]):
    seat: str


def make_hall() -> System:
    hall = Context("hall")

    @hall.handle(Ask)
    async def ask(command: Ask, later: Later[Book]) -> None:
        later.send(Book(seat=command.seat))

    @hall.handle(Book)
    async def book(command: Book) -> None:
        if command.seat == "taken":
            raise Full(seats=0)

    return System("hall", contexts=[hall])


def test_a_command_for_later_that_is_refused_fails_the_test_that_does_not_ask_for_it() -> None:
    hall = make_hall()
    refused = pytest.raises(AssertionError, match=r"hall\.Book, key 'taken': Full\(seats=0\)")
    with refused as error, running(hall) as app:
        app.send(Ask(seat="taken"))
    assert isinstance(error.value.__cause__, Full)
    with running(hall) as app:
        app.send(Ask(seat="free"))
        app.send(Ask(seat="taken"))
        assert app.refused() == [("hall.Book", "taken", Full(seats=0))]


async def test_a_refused_command_is_read_under_asyncio_too() -> None:
    async with running(make_hall()) as app:
        await app.send(Ask(seat="taken"))
        (refused,) = await app.refused()
    assert refused.refusal == Full(seats=0)


def test_a_system_is_compiled_once_for_all_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def counted(model: Model) -> dict[str, ContextPlan]:
        compiled.append(model.name)
        return compile_system(model)

    for module in (starting, host):
        monkeypatch.setattr(module, "compile_system", counted)
    hall = make_hall()
    (context,) = hall.contexts
    made: list[str] = []

    def make(whose: str) -> Tool:
        made.append(whose)
        return Tool()

    context.provide(Tool, lambda: make("of the context"))
    for test in ("of the context", "of the test", "of the context"):
        start = running(hall)
        if test == "of the test":
            start.provide(Tool, lambda: make("of the test"))
        with start as app:
            app.send(Ask(seat="free"))
    assert made == ["of the context", "of the test", "of the context"]
    assert compiled == ["hall"]

    @context.answer(Seats)
    async def seats(query: Seats) -> int:
        return 7

    with running(hall) as app:
        assert app.ask(Seats()) == 7
    assert compiled == ["hall", "hall"], "what is declared later is seen"


class Tool: ...


class Seats(Query[int]): ...
