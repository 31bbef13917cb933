"""Direct calls: replies, refusals, keys, deadlines, and what a caller sees when things go wrong."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from remit import Aggregate, Command, Context, Query, Refusal, Repository, Sender, System
from remit.errors import BadValue, CallError, DeadlineExceeded, HandlerFailed, KeyReused, ModelError
from remit.hosting.assembly import assemble
from tests.runtime.shop import Buyer, Charge, OrderId, OrdersOf, Owed, Place, TooMuch, make_shop

ADA = Buyer("ada")


@pytest.fixture(params=["memory:", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The stores every promise is kept on."""
    return "memory:" if request.param == "memory:" else f"sqlite:{tmp_path}/{{context}}.db"


async def test_a_command_answers_with_its_reply(place: str) -> None:
    async with make_shop().system.connect(store=place) as app:
        assert await app.send(Place(order=OrderId("o-1"), buyer=ADA)) == "o-1"


async def test_a_declared_refusal_reaches_the_caller_and_changes_nothing(place: str) -> None:
    async with make_shop().system.connect(store=place) as app:
        with pytest.raises(TooMuch) as caught:
            await app.send(Place(order=OrderId("o-1"), buyer=ADA, amount=5000))
        assert caught.value.limit == 1000
        assert await app.ask(OrdersOf(buyer=ADA), fresh=True) == []


async def test_attempt_returns_the_refusal() -> None:
    async with make_shop().system.connect(store="memory:") as app:
        outcome = await app.attempt(Place(order=OrderId("o-1"), buyer=ADA, amount=5000))
        assert isinstance(outcome, TooMuch)


async def test_a_repeated_call_is_applied_once(place: str) -> None:
    shop = make_shop()
    async with shop.system.connect(store=place) as app:
        command = Place(order=OrderId("o-1"), buyer=ADA, amount=7)
        replies = [await app.send(command, key="k") for _ in range(3)]
        assert replies == ["o-1"] * 3
        assert len(shop.placing) == 1
        assert await app.ask(Owed(buyer=ADA), fresh=True) == 7


async def test_concurrent_calls_with_one_key_are_applied_once(place: str) -> None:
    shop = make_shop()
    async with shop.system.connect(store=place) as app:
        command = Charge(buyer=ADA, amount=7)
        replies = await asyncio.gather(*(app.send(command, key="k") for _ in range(20)))
        assert set(replies) == {7}
        assert await app.ask(Owed(buyer=ADA)) == 7


async def test_a_repeated_refusal_is_the_same_refusal(place: str) -> None:
    shop = make_shop()
    async with shop.system.connect(store=place) as app:
        for _ in range(2):
            with pytest.raises(TooMuch) as caught:
                await app.send(Place(order=OrderId("o-1"), buyer=ADA, amount=5000), key="k")
            assert caught.value.limit == 1000
        assert len(shop.placing) == 1


async def test_only_a_command_with_a_key_leaves_an_idempotency_row(tmp_path: Path) -> None:
    async with make_shop().system.connect(store=f"sqlite:{tmp_path}/{{context}}.db") as app:
        await app.send(Place(order=OrderId("o-1"), buyer=ADA))
        await app.send(Place(order=OrderId("o-2"), buyer=ADA), key="k")
    with contextlib.closing(sqlite3.connect(tmp_path / "sales.db")) as file:
        assert file.execute("SELECT caller, key FROM idempotency").fetchall() == [("sales.Place ", "k")]


async def test_a_key_belongs_to_one_message(place: str) -> None:
    async with make_shop().system.connect(store=place) as app:
        await app.send(Place(order=OrderId("o-1"), buyer=ADA), key="k")
        with pytest.raises(KeyReused):
            await app.send(Place(order=OrderId("o-2"), buyer=ADA), key="k")


async def test_concurrent_writers_of_one_aggregate_all_count(place: str) -> None:
    async with make_shop().system.connect(store=place) as app:
        await asyncio.gather(*(app.send(Charge(buyer=ADA, amount=1)) for _ in range(50)))
        assert await app.ask(Owed(buyer=ADA)) == 50


class Slow(Command[None]):
    steps: int = 1


class Ask(Query[str]):
    pass


class Surprise(Refusal):
    why: str


class Relay(Command[int]):
    buyer: Buyer


class Counter(Aggregate[str]):
    count: int = 0


async def test_a_slow_handler_ends_by_its_deadline_and_changes_nothing() -> None:
    context = Context("slow")
    never = asyncio.Event()

    @context.handle(Slow)
    async def slow(command: Slow, counters: Repository[Counter]) -> None:
        (await counters.obtain("one")).count += 1
        await never.wait()

    async with System("slow", contexts=[context]).connect(store="memory:") as app:
        with pytest.raises(DeadlineExceeded):
            await app.send(Slow(), deadline=0.05)


async def test_an_inner_call_inherits_the_deadline() -> None:
    outer, inner = Context("outer"), Context("inner")
    never = asyncio.Event()

    @outer.handle(Relay)
    async def relay(command: Relay, calls: Sender) -> int:
        await calls.send(Slow(), deadline=60.0)
        return 1

    @inner.handle(Slow)
    async def slow(command: Slow) -> None:
        await never.wait()

    async with System("s", contexts=[outer, inner]).connect(store="memory:") as app:
        with pytest.raises(DeadlineExceeded):
            await app.send(Relay(buyer=ADA), deadline=0.05)


async def test_a_cancelled_caller_is_cancelled_and_not_late() -> None:
    context = Context("slow")
    begun = asyncio.Event()

    @context.handle(Slow)
    async def slow(command: Slow) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with System("slow", contexts=[context]).connect(store="memory:") as app:
        task = asyncio.create_task(app.send(Slow()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("error", [ValueError("internal"), Surprise(why="internal")])
async def test_what_is_not_declared_reaches_the_caller_as_a_failure_of_the_handler(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    context = Context("broken")

    @context.answer(Ask)
    async def ask(query: Ask) -> str:
        raise error

    async with System("broken", contexts=[context]).connect(store="memory:") as app:
        with pytest.raises(HandlerFailed) as caught:
            await app.ask(Ask())
    assert "internal" not in str(caught.value)
    assert "broken.ask" in caplog.text


async def test_calls_made_inside_a_handler_carry_derived_keys() -> None:
    """When the outer command is handled again, its inner call is not applied a second time."""
    outer, inner = Context("outer"), Context("inner")
    runs: list[int] = []
    fail: list[Exception] = [ValueError("after the inner call")]

    @outer.handle(Relay)
    async def relay(command: Relay, calls: Sender) -> int:
        count = await calls.send(Charge(buyer=command.buyer, amount=1))
        if fail:
            raise fail.pop()
        return count

    @inner.handle(Charge)
    async def charge(command: Charge, counters: Repository[Counter]) -> int:
        runs.append(1)
        counter = await counters.obtain(command.buyer)
        counter.count += command.amount
        return counter.count

    async with System("s", contexts=[outer, inner]).connect(store="memory:") as app:
        with pytest.raises(HandlerFailed):
            await app.send(Relay(buyer=ADA), key="k")
        assert await app.send(Relay(buyer=ADA), key="k") == 1
    assert len(runs) == 1


async def test_nothing_is_encoded_between_caller_and_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler gets the very object that was sent; only rows to be stored are encoded."""
    shop = make_shop()
    async with shop.system.connect(store="memory:") as app:
        command = Place(order=OrderId("o-1"), buyer=ADA)
        replies: list[object] = []

        def note(reply: object, _: object) -> None:
            replies.append(reply)

        monkeypatch.setattr("remit.runtime.calling.applying.write_reply", note)
        await app.send(command)
        assert shop.placing[0] is command
        assert replies == []


async def test_wire_parity_sends_every_message_through_the_codec() -> None:
    shop = make_shop()
    async with shop.system.connect(store="memory:", parity=True) as app:
        command = Place(order=OrderId("o-1"), buyer=ADA)
        await app.send(command)
        assert shop.placing[0] == command
        assert shop.placing[0] is not command


async def test_wire_parity_fails_for_a_message_that_would_not_survive_the_wire() -> None:
    shop = make_shop()
    async with shop.system.connect(store="memory:", parity=True) as app:
        with pytest.raises(BadValue, match="buyer"):
            await app.send(Place(order=OrderId("o-1"), buyer=3))  # type: ignore[arg-type]  # the same


def test_every_finding_is_raised_at_once() -> None:
    context = Context("Wrong Name")

    @context.handle(Slow)
    async def one(command: Slow, unknown: bytes) -> None: ...

    @context.handle(Slow)
    async def two(command: Slow) -> None: ...

    with pytest.raises(Exception, match=r"context\.name") as caught:
        assemble(System("s", contexts=[context]).model(), store="memory:")
    text = str(caught.value)
    assert "handler.doubled" in text
    assert "handler.dependency" in text


def test_a_wrong_declaration_is_a_finding_and_no_traceback() -> None:
    context = Context("broken")
    context.react(int)(lambda event: None)  # type: ignore[call-overload]  # the mistake to be found

    with pytest.raises(ModelError, match=r"handler\."):
        assemble(System("s", contexts=[context]).model(), store="memory:")


async def test_the_handler_of_a_query_sends_no_commands() -> None:
    context = Context("curious")
    applied: list[int] = []

    @context.handle(Slow)
    async def slow(command: Slow) -> None:
        applied.append(command.steps)

    @context.answer(Ask)
    async def ask(query: Ask, calls: Sender) -> str:
        await calls.send(Slow())
        return "done"

    async with System("s", contexts=[context]).connect(store="memory:") as app:
        with pytest.raises(CallError, match="a query changes nothing"):
            await app.ask(Ask())
    assert applied == []


async def test_a_message_that_is_called_the_wrong_way_is_told_the_right_one() -> None:
    order = OrderId("o-1")
    wrong: list[tuple[Any, Any, str]] = [
        (Sender.ask, Place(order=order, buyer=ADA), "send(Place(...))"),
        (Sender.send, Owed(buyer=ADA), "ask(Owed(...))"),
        (Sender.send, Place, "make one: send(Place(...))"),
    ]
    async with make_shop().system.connect(store="memory:") as app:
        for call, message, advice in wrong:
            with pytest.raises(CallError) as caught:
                await getattr(app, call.__name__)(message)
            assert caught.value.next == advice
