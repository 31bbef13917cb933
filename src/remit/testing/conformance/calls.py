"""What every call channel must do.

    class TestMyCalls(CallConformance):
        @pytest.fixture
        async def place(self):                       # shared by the channels of one test, such as a broker
            return await start_my_broker()

        @pytest.fixture
        async def client(self, place):
            channel = MyCalls(place)
            await channel.open()
            yield channel
            await channel.close()

        @pytest.fixture
        async def server(self, place): ...           # two more open channels, as of other processes; the client
        @pytest.fixture                              # reaches what either serves at ADDRESS
        async def second(self, place): ...

        async def kill(self, server):                # ends the server like a crash of its process
            server.abort()

The tests are coroutines: run them with pytest-asyncio in its automatic mode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from remit.errors import BadMessage, OutcomeUnknown, RemitError, Unavailable
from remit.testing.conformance.stores import same
from remit.transports import CallChannel, CallRequest, CallResponse

__all__ = ["ADDRESS", "CallConformance"]

ADDRESS = "billing.write"
"""The address that the servers of the tests serve."""
NOWHERE = "nowhere.write"
"""An address that no server serves."""

PATIENCE = 8.0
"""Seconds that a test waits for what should happen."""

OK = CallResponse("ok", {}, b"done")
QUESTION = CallRequest("command", {}, b"{}")


async def fails(outcome: Awaitable[object], error: type[RemitError], promise: str) -> None:
    """Fails unless awaiting raises exactly this class of error within 8 s."""
    try:
        async with asyncio.timeout(PATIENCE):
            found = await outcome
    except RemitError as raised:
        same(type(raised), error, f"{promise}\n{raised}")
    except TimeoutError:
        raise AssertionError(f"{promise}\nexpected: {error.__name__}\nfound:    nothing within {PATIENCE} s") from None
    else:
        raise AssertionError(f"{promise}\nexpected: {error.__name__}\nfound:    {found!r}")


class Counter:
    """Answers requests, and counts how many are being answered at a time."""

    def __init__(self, answer: CallResponse = OK) -> None:
        self.answer = answer
        self.begun = asyncio.Event()
        self.open = asyncio.Event()
        """Answers wait for it."""
        self.running = self.most = self.seen = 0

    async def __call__(self, request: CallRequest) -> CallResponse:
        self.seen += 1
        self.running += 1
        self.most = max(self.most, self.running)
        self.begun.set()
        try:
            await self.open.wait()
            return self.answer
        finally:
            self.running -= 1


async def echo(request: CallRequest) -> CallResponse:
    """Answers with the request itself."""
    return CallResponse(request.kind, request.headers, request.body)


class CallConformance:
    """The promises of a call channel, one test each. Subclass it, with fixtures and `kill` as shown above."""

    async def kill(self, server: CallChannel) -> None:
        """Ends the server like a crash of its process: at once, without closing anything."""
        raise NotImplementedError

    # What is carried

    async def test_a_request_is_answered(self, client: CallChannel, server: CallChannel) -> None:
        """Kind, speaker, headers and body arrive; status, headers and body come back."""
        seen: list[CallRequest] = []

        async def answering(request: CallRequest) -> CallResponse:
            seen.append(request)
            return CallResponse("call.overloaded", {"remit-retry-after-ms": "250"}, b"too much")

        await server.serve(ADDRESS, answering)
        headers = {"remit-key": "a b%c;d=e,f", "remit-type": "billing.Charge", "content-type": "application/json"}
        found = await client.call(ADDRESS, CallRequest("command", headers, b'{"amount":1}', "sales"), PATIENCE)
        same((found.status, found.body), ("call.overloaded", b"too much"), "status and body come back")
        same(found.headers.get("remit-retry-after-ms"), "250", "headers come back")
        arrived = [(r.kind, r.speaker, r.body) for r in seen]
        same(arrived, [("command", "sales", b'{"amount":1}')], "kind, speaker and body arrive, once")
        same(dict(seen[0].headers), headers, "the headers of the request arrive, and no others")

    async def test_bodies_are_bytes(self, client: CallChannel, server: CallChannel) -> None:
        """Any bytes survive both ways, and so does an empty body."""
        await server.serve(ADDRESS, echo)
        for body in (b"", bytes(range(256)) * 40, b"\r\n\r\n+OK\r\n", b"\0" * 5000):
            found = await client.call(ADDRESS, CallRequest("ok", {}, body), PATIENCE)
            same(found.body, body, "bodies survive both ways")

    async def test_what_fits_is_carried(self, client: CallChannel, server: CallChannel) -> None:
        """A request and a response of the largest size pass."""
        await server.serve(ADDRESS, echo)
        body = b"x" * min(client.capabilities.max_bytes, server.capabilities.max_bytes)
        found = await client.call(ADDRESS, CallRequest("ok", {}, body), PATIENCE)
        same(len(found.body), len(body), "a body of the largest size is carried")

    async def test_too_large_a_request_is_refused(self, client: CallChannel, server: CallChannel) -> None:
        """It raises `BadMessage`, no server sees it, and the channel goes on."""
        counter = Counter()
        counter.open.set()
        await server.serve(ADDRESS, counter)
        body = b"x" * (client.capabilities.max_bytes + 1)
        await fails(
            client.call(ADDRESS, CallRequest("command", {}, body), PATIENCE), BadMessage, "a request that is too large"
        )
        same(counter.seen, 0, "no server sees a request that is too large")
        same(
            await client.call(ADDRESS, QUESTION, PATIENCE), OK, "the channel goes on after a request that is too large"
        )

    async def test_too_large_a_header_is_refused_or_carried(self, client: CallChannel, server: CallChannel) -> None:
        """It raises `BadMessage`, no server sees it, and other requests are not affected."""
        await server.serve(ADDRESS, echo)
        for size in (1_000, 10_000, 100_000, 5_000_000):
            headers = {"remit-key": "k" * size}
            other = client.call(ADDRESS, CallRequest("ok", {}, b"other"), PATIENCE)
            large = client.call(ADDRESS, CallRequest("ok", headers, b""), PATIENCE)
            found, beside = await asyncio.gather(large, other, return_exceptions=True)
            if isinstance(found, CallResponse):
                same(dict(found.headers), headers, "a header is carried as it is")
            else:
                same((type(found), size > 1_000), (BadMessage, True), f"too large a header\n{found}")
            same(getattr(beside, "body", beside), b"other", "a header that is too large affects no other request")

    async def test_too_large_an_answer_is_said(self, client: CallChannel, server: CallChannel) -> None:
        """It is replaced by an error response, and the channel goes on."""
        largest = server.capabilities.max_bytes

        async def answering(request: CallRequest) -> CallResponse:
            body = b"x" * (largest + 1)
            return {"query": CallResponse("ok", {}, body), "error": CallResponse("call.unknown", {}, body)}.get(
                request.kind, OK
            )

        await server.serve(ADDRESS, answering)
        found = await client.call(ADDRESS, CallRequest("query", {}, b""), PATIENCE)
        same(found.status, "call.reply-too-large", "a reply that is too large is replaced by an error")
        found = await client.call(ADDRESS, CallRequest("error", {}, b""), PATIENCE)
        same(found.status, "call.unknown", "an error whose text is too large keeps its status")
        same(
            await client.call(ADDRESS, QUESTION, PATIENCE), OK, "the channel goes on after a response that is too large"
        )

    # Who answers

    async def test_calls_run_side_by_side(self, client: CallChannel, server: CallChannel) -> None:
        """Each request is answered in a task of its own: a slow one delays no other, and responses find their
        callers."""
        hold = asyncio.Event()

        async def answering(request: CallRequest) -> CallResponse:
            if request.body == b"slow":
                await hold.wait()
            return CallResponse("ok", {}, request.body)

        await server.serve(ADDRESS, answering)
        slow = asyncio.create_task(client.call(ADDRESS, CallRequest("query", {}, b"slow"), PATIENCE))
        bodies = [b"%d" % n for n in range(200)]
        found = await asyncio.gather(*(client.call(ADDRESS, CallRequest("query", {}, b), PATIENCE) for b in bodies))
        same([answer.body for answer in found], bodies, "every caller gets the answer to its own request")
        same(slow.done(), False, "the slow call still waits")
        hold.set()
        same((await slow).body, b"slow", "the slow call is answered in the end")

    async def test_two_servers_share_an_address(
        self, client: CallChannel, server: CallChannel, second: CallChannel
    ) -> None:
        """Each request reaches one of the two servers, and both get some."""
        counters = Counter(), Counter()
        for counter, channel in zip(counters, (server, second), strict=True):
            counter.open.set()
            await channel.serve(ADDRESS, counter)
        for _ in range(50):
            await client.call(ADDRESS, QUESTION, PATIENCE)
        same(counters[0].seen + counters[1].seen, 50, "each request reaches exactly one server")
        same(min(counters[0].seen, counters[1].seen) > 0, True, "both servers get requests")

    async def test_the_survivor_answers(self, client: CallChannel, server: CallChannel, second: CallChannel) -> None:
        """After one of two servers has closed, all calls reach the other."""
        await server.serve(ADDRESS, echo)
        await second.serve(ADDRESS, echo)
        await client.call(ADDRESS, QUESTION, PATIENCE)
        await server.close()
        for n in range(20):
            found = await client.call(ADDRESS, CallRequest("ok", {}, b"%d" % n), PATIENCE)
            same(found.body, b"%d" % n, "the remaining server answers")

    async def test_a_process_calls_what_it_serves(self, server: CallChannel) -> None:
        """A channel also reaches the addresses that it serves itself."""
        await server.serve(ADDRESS, echo)
        same((await server.call(ADDRESS, QUESTION, PATIENCE)).body, QUESTION.body, "a channel reaches itself")

    # What goes wrong

    async def test_nobody_serves(self, client: CallChannel, server: CallChannel) -> None:
        """A call to an address without a server raises `Unavailable` at once, whatever its time limit."""
        await server.serve(ADDRESS, echo)
        await fails(client.call(NOWHERE, QUESTION, 3600.0), Unavailable, "an address that no server serves")

    async def test_the_time_limit(self, client: CallChannel, server: CallChannel) -> None:
        """Without a response in time, the outcome is unknown, and a late response reaches no other caller."""
        counter = Counter(CallResponse("ok", {}, b"late"))
        await server.serve(ADDRESS, counter)
        await fails(client.call(ADDRESS, QUESTION, 0.2), OutcomeUnknown, "a response that does not come in time")
        same(counter.seen, 1, "the request had been sent")
        counter.answer = CallResponse("ok", {}, b"next")
        counter.open.set()
        same((await client.call(ADDRESS, QUESTION, PATIENCE)).body, b"next", "a late response reaches no other caller")

    async def test_a_server_dies(self, client: CallChannel, server: CallChannel) -> None:
        """If a server crashes while it answers, the outcome is unknown, at the latest after the time limit."""
        counter = Counter()
        await server.serve(ADDRESS, counter)
        call = asyncio.create_task(client.call(ADDRESS, QUESTION, 1.0))
        await counter.begun.wait()
        await self.kill(server)
        await fails(call, OutcomeUnknown, "a server that dies before it answers")
        counter.open.set()

    async def test_a_dead_server_is_unavailable(self, client: CallChannel, server: CallChannel) -> None:
        """After a crash, a call raises `Unavailable` in the end."""
        await server.serve(ADDRESS, echo)
        await client.call(ADDRESS, QUESTION, PATIENCE)
        await self.kill(server)
        for _ in range(100):  # the client may not have noticed yet that the connection is dead
            try:
                await client.call(ADDRESS, QUESTION, PATIENCE)
            except Unavailable:
                return
            except OutcomeUnknown:
                continue
        raise AssertionError("a server that died\nexpected: Unavailable\nfound:    OutcomeUnknown every time")

    async def test_a_cancelled_caller_leaves_nothing(self, client: CallChannel, server: CallChannel) -> None:
        """Cancelled calls do not affect later ones."""
        counter = Counter()
        await server.serve(ADDRESS, counter)
        for _ in range(20):
            calls = [asyncio.create_task(client.call(ADDRESS, QUESTION, PATIENCE)) for _ in range(50)]
            await counter.begun.wait()
            counter.begun.clear()
            for call in calls:
                call.cancel()
            found = await asyncio.gather(*calls, return_exceptions=True)
            same({type(each) for each in found}, {asyncio.CancelledError}, "a cancelled call is cancelled")
        counter.open.set()
        found = await asyncio.gather(*(client.call(ADDRESS, QUESTION, PATIENCE) for _ in range(50)))
        same(list(found), [OK] * 50, "calls after cancelled ones are answered")

    # The end

    async def test_closing_lets_running_calls_end(self, client: CallChannel, server: CallChannel) -> None:
        """Requests that have begun are answered; later ones raise `Unavailable`."""
        counter = Counter()
        await server.serve(ADDRESS, counter)
        call = asyncio.create_task(client.call(ADDRESS, QUESTION, PATIENCE))
        await counter.begun.wait()
        closing = asyncio.create_task(server.close())
        await asyncio.wait([closing], timeout=0.1)
        same(closing.done(), False, "closing waits for requests that have begun")
        await fails(client.call(ADDRESS, QUESTION, PATIENCE), Unavailable, "a request to a server that closes")
        counter.open.set()
        same(await call, OK, "a request that has begun is answered")
        await closing
        await server.close()
        same(counter.seen, 1, "a closing server takes no further requests")

    async def test_a_closed_channel_calls_nobody(self, client: CallChannel, server: CallChannel) -> None:
        """A call over a closed channel raises `Unavailable`. Closing twice is allowed."""
        await server.serve(ADDRESS, echo)
        await client.close()
        await client.close()
        await fails(client.call(ADDRESS, QUESTION, PATIENCE), Unavailable, "a call over a closed channel")
