"""Calls to a context in another process end as they would in this one, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from remit.errors import (
    AlreadyExists,
    BadMessage,
    CallError,
    DeadlineExceeded,
    HandlerFailed,
    KeyReused,
    NotFound,
    OutcomeUnknown,
    Overloaded,
    ReplyTooLarge,
    TooLarge,
    Unavailable,
)
from remit.log import Channel, SubscriptionId
from remit.runtime.failures import is_transient
from remit.runtime.remote import reception
from remit.runtime.remote.retries import ENOUGH, REMEMBERED_SECONDS
from remit.stores import nesting
from remit.stores.nesting import Nested
from remit.testing.in_process.calls import Exchange, InProcessCalls
from remit.transports import CallChannel, CallRequest, CallResponse
from remit.transports.http.calls import HttpCalls
from remit.transports.nats.calls import NatsCalls
from remit.transports.nats.connection import NatsConnection
from tests.runtime.apart import Apart, Balance, Buy, Coin, Look, Pay, Receipt, Seen, TooMuch, apart, pay
from tests.runtime.talk import now, on_virtual_time, until, virtually
from tests.servers.nats import nats_url

PARTS = ("write", "read", "log")


def test_a_message_that_the_channel_does_not_carry_is_told_once_and_not_tried_again() -> None:
    async def story() -> None:
        exchange = Exchange()
        async with apart(lambda: InProcessCalls(exchange, max_bytes=200)) as sides:
            error = await sides.error(Pay(till="t" * 300, coins=[]))
            assert isinstance(error, TooLarge)
            assert (error.where, error.expected) == ("till.write", "at most 200 bytes")
            assert len(sides.wire.requests) == 1
            assert not is_transient(error)
            inner = await sides.error(Buy(till="t" * 300, cents=1))
            assert isinstance(inner, HandlerFailed), "what a handler sends is not its caller's message"
            assert inner.what.startswith("desk.Buy failed in its handler: TooLarge: the message is larger")
            assert await sides.send(pay(3)) == 3, "nobody is avoided for it"

    virtually(story())


# ── the same answers, over every channel ────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["in-process", "http", "http msgpack", "nats", "nats msgpack"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Apart]:
    """The shop in two processes."""
    technology, _, encoding = request.param.partition(" ")
    if technology == "in-process":
        exchange = Exchange()
        async with apart(lambda: InProcessCalls(exchange)) as sides:
            yield sides
    elif technology == "http":
        async with apart(http_channels(), encoding=encoding or "json") as sides:
            yield sides
    else:
        with nats_url(tmp_path) as url:
            made = (NatsCalls(NatsConnection(url, name=name), "shop") for name in ("desk", "till"))
            async with apart(lambda: next(made), encoding=encoding or "json") as sides:
                yield sides


def http_channels() -> Callable[[], CallChannel]:
    """First the channel of the desk, then that of the till, which know one another's ports."""
    addresses: dict[str, list[str]] = {}

    class Listening(HttpCalls):
        def __init__(self, context: str) -> None:
            super().__init__(addresses, listen="127.0.0.1:0")
            self._context = context

        async def open(self) -> None:
            await super().open()
            addresses.update({f"{self._context}.{part}": [self.listening or ""] for part in PARTS})

    made = iter((Listening("desk"), Listening("till")))
    return lambda: next(made)


async def test_replies_and_refusals_are_typed(shop: Apart) -> None:
    assert await shop.send(Buy(till="t", cents=7)) == 7
    assert await shop.ask(Look(till="t")) == 7
    assert await shop.ask(Balance(till="t")) == 7
    refusal = await shop.desk.host.attempt(Buy(till="t", cents=2000))
    assert isinstance(refusal, TooMuch)
    assert refusal.limit == Coin(cents=1000)
    with pytest.raises(TooMuch):
        await shop.send(pay(1001))


async def test_a_reply_that_is_not_carried_says_that_the_command_was_applied(shop: Apart) -> None:
    largest = shop.till.channel.capabilities.max_bytes
    assert len(await shop.send(Receipt(till="t", characters=largest - 100))) == largest - 100
    for _ in range(2):
        with pytest.raises(ReplyTooLarge) as told:
            await shop.send(Receipt(till="t", characters=largest + 1), key="one key")
        assert str(largest) in told.value.expected
        assert not is_transient(told.value)
    assert await shop.ask(Balance(till="t")) == 2
    assert await shop.send(pay(3)) == 5, "nobody is avoided for it"


def test_a_reply_that_is_not_carried_ends_the_doubt() -> None:
    async def story() -> None:
        exchange = Exchange()
        async with apart(lambda: InProcessCalls(exchange, max_bytes=400)) as sides:
            sides.wire.lost_answers = 1
            error = await sides.error(Receipt(till="t", characters=500))
            assert isinstance(error, ReplyTooLarge)
            assert await sides.ask(Balance(till="t")) == 1

    virtually(story())


async def test_errors_are_of_the_same_class(shop: Apart) -> None:
    with pytest.raises(NotFound) as missing:
        await shop.ask(Balance(till="nowhere"))
    assert "nowhere" in missing.value.what
    await shop.send(pay(1), key="one key")
    with pytest.raises(KeyReused):
        await shop.send(pay(2), key="one key")
    shop.shop.trouble = [AlreadyExists("there is a till 't' already", where="till.Till", next="another identity")]
    with pytest.raises(AlreadyExists) as taken:
        await shop.send(pay(1))
    assert (taken.value.what, taken.value.where) == ("there is a till 't' already", "till.Till")
    assert taken.value.next == "another identity"


async def test_what_another_service_says_to_a_handler_is_not_said_of_the_message_of_its_caller(shop: Apart) -> None:
    with pytest.raises(HandlerFailed, match=r"NotFound: .*nowhere"):
        await shop.ask(Look(till="nowhere"))
    shop.shop.trouble = [AlreadyExists("there is a till 't' already")]
    with pytest.raises(HandlerFailed, match="AlreadyExists: there is a till 't' already"):
        await shop.send(Buy(till="t", cents=1))


async def test_an_exception_of_the_handler_stays_where_it_was(shop: Apart) -> None:
    shop.shop.trouble = [ZeroDivisionError("a secret of the till")]
    error = await shop.error(Buy(till="t", cents=1))
    assert type(error) is HandlerFailed
    assert "secret" not in str(error)
    assert shop.till.said.words == ["handler-failed"]
    assert len(shop.shop.paying) == 1, "what the other side has said is final"


async def test_a_repeated_call_is_applied_once(shop: Apart) -> None:
    for key in ("plain", "with spaces, ü, \N{CAT}\n and %20", 'a "quoted" one'):
        before = await shop.send(pay(0))
        assert {await shop.send(pay(5), key=key) for _ in range(3)} == {before + 5}
        assert {await shop.send(Buy(till="t", cents=1), key=f"buy {key}") for _ in range(3)} == {before + 6}
    assert await shop.ask(Balance(till="t")) == 18


async def test_a_slow_callee_ends_by_the_deadline(shop: Apart) -> None:
    shop.shop.hold = asyncio.Event()
    with pytest.raises(DeadlineExceeded):
        await shop.ask(Look(till="t"), deadline=0.2)
    error = await shop.error(pay(1), deadline=0.2)
    assert type(error) in (DeadlineExceeded, OutcomeUnknown)
    await until(lambda: shop.shop.working == 0)
    shop.shop.hold.set()
    assert await shop.send(pay(1)) == 1, "what was cut off has changed nothing"


async def test_a_callee_that_is_down_is_unavailable_within_the_deadline(shop: Apart) -> None:
    shop.till.reception.end()
    await shop.till.channel.close()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    error = await shop.error(Buy(till="t", cents=1), deadline=1.0)
    assert type(error) is Unavailable
    assert loop.time() - begun < 1.2
    assert shop.shop.paying == []


async def test_events_come_over_the_calls(shop: Apart) -> None:
    await shop.send(pay(3))
    shelf = shop.desk.store
    await until_there(shop, 3)
    assert await shelf.checkpoints(SubscriptionId("desk.see", "till", Channel.PUBLISHED))


async def until_there(shop: Apart, cents: int) -> None:
    """Waits until the desk has seen so much paid."""
    while await shop.ask(Seen(till="t")) != cents:  # noqa: ASYNC110  # what the test waits for has no event
        await asyncio.sleep(0.005)


# ── what is lost on the way ─────────────────────────────────────────────────────────────────────────────────────────


@on_virtual_time
async def test_a_lost_answer_is_asked_for_again_and_applied_once() -> None:
    async with apart() as shop:
        shop.wire.lost_answers = 1
        assert await shop.send(Buy(till="t", cents=5)) == 5
        keys = {request.headers["remit-key"] for _, request in shop.wire.requests}
        attempts = [request.headers["remit-attempt"] for _, request in shop.wire.requests]
        assert (len(keys), attempts) == (1, ["0", "1"])
        assert len(shop.shop.paying) == 1
        assert await shop.ask(Balance(till="t")) == 5


@on_virtual_time
async def test_answers_that_never_come_leave_the_outcome_unknown_and_the_same_key_tells_it() -> None:
    async with apart() as shop:
        shop.wire.silent = True
        begun = now()
        assert type(await shop.error(pay(5), key="k", deadline=2.0)) is OutcomeUnknown
        assert now() - begun == pytest.approx(2.0)
        with pytest.raises(DeadlineExceeded):
            await shop.ask(Balance(till="t"), deadline=2.0)
        shop.wire.silent = False
        assert await shop.send(pay(5), key="k") == 5
        assert await shop.ask(Balance(till="t")) == 5


@on_virtual_time
async def test_a_refusal_whose_answer_was_lost_is_the_same_refusal() -> None:
    async with apart() as shop:
        shop.wire.lost_answers = 1
        assert type(await shop.error(pay(1001), key="k")) is TooMuch
        assert len(shop.shop.paying) == 1


@on_virtual_time
async def test_doubt_stays_when_nobody_can_be_reached_afterwards() -> None:
    """The first attempt may have been applied: that the second one cannot connect says nothing about it."""
    async with apart() as shop:
        shop.wire.lost_answers = 1
        call = asyncio.create_task(shop.error(pay(5), key="k", deadline=2.0))
        await until(lambda: len(shop.wire.requests) == 1)
        shop.wire.down = True
        assert type(await call) is OutcomeUnknown
        assert len(shop.wire.requests) > 1


@on_virtual_time
async def test_doubt_stays_when_the_other_side_fails_afterwards() -> None:
    async with apart() as shop:
        shop.wire.lost_answers = 1
        shop.shop.trouble = [ValueError("every attempt fails") for _ in range(20)]
        assert type(await shop.error(pay(5), key="k", deadline=2.0)) is OutcomeUnknown
        assert len(shop.shop.paying) > 1


@on_virtual_time
async def test_nothing_sent_is_nothing_unknown() -> None:
    async with apart() as shop:
        shop.wire.down = True
        assert type(await shop.error(pay(5), deadline=1.0)) is Unavailable
        assert type(await shop.error(pay(5), deadline=0.0)) is DeadlineExceeded
        assert shop.shop.paying == []


# ── deadlines ───────────────────────────────────────────────────────────────────────────────────────────────────────


@on_virtual_time
async def test_the_time_that_is_left_travels() -> None:
    """The called side stops before the caller does, and says that nothing was changed."""
    async with apart() as shop:
        shop.wire.latency = 0.001
        shop.shop.hold = asyncio.Event()
        with pytest.raises(DeadlineExceeded):
            await shop.send(pay(1), deadline=1.0)
        assert shop.wire.requests[0][1].headers["remit-timeout-ms"] == "1000"
        assert shop.shop.working == 0


@on_virtual_time
async def test_a_call_inside_a_handler_gets_what_is_left_of_the_outer_one() -> None:
    async with apart() as shop:
        shop.shop.hold = asyncio.Event()
        assert type(await shop.error(Buy(till="t", cents=1), deadline=0.5)) in (DeadlineExceeded, OutcomeUnknown)
        assert int(shop.wire.requests[0][1].headers["remit-timeout-ms"]) <= 500


@on_virtual_time
async def test_caller_and_trace_travel() -> None:
    async with apart() as shop:
        await shop.send(Buy(till="t", cents=1), key="wish1")
        headers = shop.wire.requests[0][1].headers
        assert (headers["remit-caller"], headers["remit-trace"]) == ("desk*", "wish1")
        heads = await shop.till.store.heads(Channel.PRIVATE)
        (record,) = [r for part in heads for r in await shop.till.store.read(Channel.PRIVATE, part, 0, 10)]
        assert msgspec.json.decode(record.headers)["trace"] == "wish1"


@on_virtual_time
async def test_who_gave_a_key_travels_and_no_other_key_meets_it() -> None:
    async with apart() as shop:
        callers = ["", "http:", "http:6f", "desk"]
        assert [await shop.send(pay(1), key="k", caller=caller) for caller in callers] == [1, 2, 3, 4]
        assert [request.headers["remit-caller"] for _, request in shop.wire.requests] == callers
        assert [await shop.send(pay(1), key="k", caller=caller) for caller in callers] == [1, 2, 3, 4]


@on_virtual_time
async def test_how_many_callers_may_have_a_transaction_open_travels() -> None:
    async with apart() as shop:
        seen: list[int] = []

        async def note() -> None:
            seen.append(nesting.depth())

        shop.shop.work = note  # type: ignore[method-assign]  # what every handler of the till does first
        await shop.send(pay(1))
        await nested(shop.send(pay(1)), 1)
        await nested(nested(shop.ask(Balance(till="t")), 1), 1)
        assert seen == [0, 1, 2]
        assert [request.headers.get("remit-depth") for _, request in shop.wire.requests] == [None, "1", "2"]


async def nested(call: Coroutine[Any, Any, Any], transactions: int) -> None:
    """Makes a call while so many more transactions are open."""
    opened = [Nested.here() for _ in range(transactions)]
    await call
    for each in opened:
        each.over = True


# ── retries and the breaker ─────────────────────────────────────────────────────────────────────────────────────────


@on_virtual_time
async def test_retries_pause_longer_and_longer() -> None:
    async with apart() as shop:
        shop.wire.down = True
        begun = now()
        await shop.error(pay(1))
        asked = len(shop.wire.requests)
        assert 3 <= asked <= 6
        assert now() - begun >= 0.5 * 0.2 * (2 ** (asked - 1) - 1)


@on_virtual_time
async def test_who_was_shed_waits_as_long_as_it_is_told() -> None:
    async with apart() as shop:
        times: list[float] = []

        async def call(address: str, request: CallRequest, seconds: float) -> CallResponse:
            if request.kind == "command":
                times.append(now())
            return CallResponse(Overloaded.code, {"remit-retry-after-ms": "3000"}, b"{}")

        shop.wire._channel.call = call  # type: ignore[method-assign]  # in place of the channel
        assert type(await shop.error(pay(1))) is Overloaded
        assert len(times) == 4
        assert all(later - earlier >= 3.0 for earlier, later in pairwise(times))


@on_virtual_time
async def test_nobody_is_asked_who_cannot_answer_in_time() -> None:
    async with apart() as shop:
        for milliseconds in range(100, 400, 3):
            shop.wire.down = True
            await shop.error(pay(1), deadline=milliseconds / 1000)
            shop.wire.down = False
            await asyncio.sleep(60)
            await asyncio.gather(*(shop.send(pay(0)) for _ in range(20)))
        left = [int(r.headers["remit-timeout-ms"]) for _, r in shop.wire.requests if r.kind == "command"]
        assert len(left) > 2110, "some were tried again"
        assert min(left) >= 20


@on_virtual_time
async def test_a_call_with_less_time_than_an_answer_takes_is_not_made() -> None:
    async with apart() as shop:
        shop.wire.latency = 0.3
        for _ in range(ENOUGH):
            await shop.send(pay(1), deadline=0.5)  # what an answer takes is not known yet
        made, begun = len(shop.wire.requests), now()
        error = await shop.error(pay(1), deadline=0.5)
        assert isinstance(error, DeadlineExceeded)
        assert error.what == "0.500 s are left, and an answer usually takes 0.600 s"
        assert (len(shop.wire.requests), now()) == (made, begun)
        await shop.send(pay(1), deadline=0.61)
        made, shop.wire.lost_answers = len(shop.wire.requests), 1
        assert isinstance(await shop.error(pay(1), deadline=0.95), OutcomeUnknown)
        assert len(shop.wire.requests) == made + 1, "nor is it tried again with less"
        shop.wire.latency = 0.1
        assert await shop.ask(Balance(till="t"), deadline=0.5) > 0, "another message is another matter"


@on_virtual_time
async def test_nobody_is_locked_out_by_what_calls_took_once() -> None:
    async with apart() as shop:
        shop.wire.latency = 0.5
        for _ in range(20):
            await shop.send(pay(1))
        shop.wire.latency = 0.0
        healed = now()
        for _ in range(1000):
            await asyncio.sleep(0.1)
            with suppress(DeadlineExceeded):
                await shop.send(pay(1), deadline=0.5)
                break
        assert 1.0 < now() - healed <= REMEMBERED_SECONDS


@on_virtual_time
async def test_retries_do_not_keep_a_target_down() -> None:
    """After the first few, there is a second attempt for one in ten that succeed, however many fail."""
    async with apart() as shop:
        for turn in range(300):
            shop.wire.lost_answers = int(turn % 3 == 0)
            with suppress(OutcomeUnknown):
                await shop.send(pay(0))
        again = len(shop.wire.requests) - 300
        assert 5 <= again <= 5 + 0.1 * 300


@on_virtual_time
async def test_only_one_layer_tries_again() -> None:
    """A call that is the second attempt of somebody further out is made once."""
    async with apart() as shop:
        shop.wire.down = True
        headers = {
            "content-type": "application/json", "remit-type": "desk.Buy", "remit-version": "1", "remit-key": "k",
            "remit-timeout-ms": "9000", "remit-attempt": "1",
        }  # fmt: skip
        request = CallRequest("command", headers, b'{"till":"t","cents":1}')
        assert (await shop.desk.reception.answer(request)).status == Unavailable.code
        assert [asked.headers["remit-attempt"] for _, asked in shop.wire.requests] == ["1"]
        first = request._replace(headers={**headers, "remit-attempt": "0", "remit-key": "l"})
        assert (await shop.desk.reception.answer(first)).status == Unavailable.code
        assert len(shop.wire.requests) > 2


@on_virtual_time
async def test_the_breaker_gives_a_rest_and_finds_the_way_back_without_calls() -> None:
    async with apart() as shop:
        shop.wire.down = True
        while not shop.desk.said_of("till.write"):
            await shop.error(pay(1), deadline=0.1)
        sent = len(shop.wire.requests)
        error = await shop.error(pay(1), deadline=0.1)
        assert (type(error), shop.wire.asked("command")) == (Unavailable, sent)
        await asyncio.sleep(600)
        shop.wire.down = False
        await asyncio.sleep(45 + 10)
        assert shop.desk.said_of("till.write") == ["breaker-opened", "breaker-closed"]
        assert await shop.send(pay(1)) == 1


@on_virtual_time
async def test_the_breaker_closes_if_the_broker_does_not_let_it_probe() -> None:
    """As under permissions of an older release. Then calls tell whether the address is well."""
    async with apart() as shop:
        shop.wire.down = True
        while not shop.desk.said_of("till.write"):
            await shop.error(pay(1), deadline=0.1)
        shop.wire.down, shop.wire.denies_probes = False, True
        await asyncio.sleep(60)
        assert shop.desk.said_of("till.write") == ["breaker-opened", "breaker-closed"]
        assert await shop.send(pay(1)) == 1


@on_virtual_time
async def test_what_the_other_side_says_opens_no_breaker() -> None:
    async with apart() as shop:
        for _ in range(50):
            shop.shop.trouble = [ValueError("a bug")]
            await shop.error(pay(1))
            assert type(await shop.error(pay(1001))) is TooMuch
        assert shop.desk.said_of("till.write") == []


# ── too much ────────────────────────────────────────────────────────────────────────────────────────────────────────


@on_virtual_time
async def test_too_many_calls_are_turned_away_before_any_work() -> None:
    async with apart() as shop:
        shop.shop.hold = asyncio.Event()
        room = reception.AT_ONCE + reception.WAITING
        calls = [asyncio.create_task(shop.send(pay(1, till=str(n)))) for n in range(room)]
        await until(lambda: shop.wire.asked("command") == room and shop.shop.working == reception.AT_ONCE)
        loop_time = now()
        shed = await shop.till.reception.answer(shop.wire.requests[0][1])
        assert (shed.status, now()) == (Overloaded.code, loop_time)
        assert (await shop.till.reception.answer(CallRequest("ping", {}, b""))).status == Overloaded.code
        assert shop.shop.working == reception.AT_ONCE
        late = await shop.error(pay(1), deadline=0.5)
        assert isinstance(late, Overloaded)
        assert late.retry_after > 0
        shop.shop.hold.set()
        assert await asyncio.gather(*calls) == [1] * room
        assert shop.shop.most == reception.AT_ONCE
        assert (await shop.till.reception.answer(CallRequest("ping", {}, b""))).status == "ok"


@on_virtual_time
async def test_a_call_that_was_shed_is_tried_again_and_one_that_waited_too_long_is_dropped() -> None:
    async with apart() as shop:
        shop.shop.hold = asyncio.Event()
        room = reception.AT_ONCE + reception.WAITING
        calls = [asyncio.create_task(shop.error(pay(1), deadline=1.0)) for _ in range(room)]
        await until(lambda: shop.wire.asked("command") == room and shop.shop.working == reception.AT_ONCE)
        shed = asyncio.create_task(shop.send(pay(7)))
        await asyncio.gather(*calls)
        shop.shop.hold.set()
        assert await shed == 7
        assert len(shop.shop.paying) == reception.AT_ONCE + 1, "calls that waited too long were not begun"


@on_virtual_time
async def test_that_somebody_further_in_is_too_busy_is_an_answer() -> None:
    async with apart() as shop:
        busy = Overloaded("somebody further in")
        busy.retry_after = 1.0
        shop.shop.trouble = [busy]
        assert type(await shop.error(pay(1))) is Overloaded
        assert len(shop.wire.requests) == 1


@on_virtual_time
async def test_callers_that_give_up_leave_nothing_behind() -> None:
    async with apart() as shop:
        shop.shop.hold = asyncio.Event()
        for _ in range(5):
            calls = [asyncio.create_task(shop.send(pay(1), deadline=1.0)) for _ in range(100)]
            await until(lambda: shop.shop.working == reception.AT_ONCE)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await asyncio.sleep(2)
        shop.shop.hold.set()
        assert await asyncio.gather(*(shop.send(pay(1, till=str(n))) for n in range(64))) == [1] * 64


# ── what is not ours ────────────────────────────────────────────────────────────────────────────────────────────────


GOOD = {
    "content-type": "application/json", "remit-type": "till.Pay", "remit-version": "1", "remit-key": "k",
    "remit-timeout-ms": "1000", "remit-trace": "t",
}  # fmt: skip
BODY = b'{"till":"t","coins":[]}'


@pytest.mark.parametrize(
    ("kind", "changed", "body", "code"),
    [
        ("command", {}, BODY, "ok"),
        ("command", {"remit-type": "till.Nothing"}, BODY, CallError.code),
        ("command", {"remit-version": "2"}, BODY, CallError.code),
        ("command", {"remit-version": "x"}, BODY, CallError.code),
        ("query", {}, BODY, CallError.code),
        ("nonsense", {}, BODY, CallError.code),
        ("command", {"remit-timeout-ms": "soon"}, BODY, BadMessage.code),
        ("command", {"remit-timeout-ms": "-1"}, BODY, BadMessage.code),
        ("command", {"remit-timeout-ms": "0"}, BODY, DeadlineExceeded.code),
        ("command", {"remit-key": ""}, BODY, BadMessage.code),
        ("command", {"content-type": "text/html"}, BODY, BadMessage.code),
        ("command", {"content-type": "application/msgpack"}, BODY, BadMessage.code),
        ("command", {"remit-trace": 'a","b'}, BODY, BadMessage.code),
        ("command", {}, b"\xff\x00", BadMessage.code),
        ("command", {}, b'{"till":7,"coins":[]}', BadMessage.code),
    ],
)
async def test_what_is_no_call_of_ours_gets_an_error_and_changes_nothing(
    kind: str, changed: dict[str, str], body: bytes, code: str
) -> None:
    async with apart() as shop:
        answer = await shop.till.reception.answer(CallRequest(kind, {**GOOD, **changed}, body))
        assert answer.status == code
        assert len(shop.shop.paying) == (1 if code == "ok" else 0)
