"""Answering other processes: calls of the contexts that run here, and questions for the logs that are open here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from remit.errors import (
    BadMessage,
    CallError,
    DeadlineExceeded,
    Overloaded,
    RemitError,
    Unavailable,
)
from remit.messages import Encoding, Refusal
from remit.runtime.calls import Calls
from remit.runtime.freshness import Freshness
from remit.runtime.plan import ContextPlan, HandlerPlan
from remit.runtime.wire import (
    CONTENT_TYPES,
    Heads,
    Route,
    decode_known,
    decode_span,
    encode_heads,
    encode_records,
    failure,
    seconds_left,
)
from remit.stores import Store
from remit.transports import Answer, Answering, CallChannel, Request

__all__ = ["Reception"]

AT_ONCE = 64
"""Calls that are handled at the same time."""
WAITING = 256
"""Calls that wait for their turn at most; more are refused before any work is done."""
MARGIN_SECONDS = 0.005
"""Kept from the caller's time for the way back."""
RECORDS = 500
"""Messages of a log in one answer at most."""
LOOK_SECONDS = 0.5
"""Between two looks at the heads of a log that another process may write to."""
POLLS = 1000
"""Questions for a log that wait for something new at the same time, at most."""

_ENCODINGS: Mapping[str, Encoding] = {content: encoding for encoding, content in CONTENT_TYPES.items()}


class Reception:
    """Answers for one process. Answering never raises: what goes wrong is an answer too."""

    def __init__(
        self, calls: Calls, plans: Mapping[str, ContextPlan], stores: Mapping[str, Store], freshness: Freshness
    ) -> None:
        self._calls = calls
        self._stores = stores
        self._freshness = freshness
        self._handlers = {
            (handler.contract.type, handler.contract.version): handler
            for plan in plans.values()
            for handler in (*plan.commands.values(), *plan.queries.values())
        }
        self._routes: dict[tuple[str, int, Encoding], Route] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._polls: set[asyncio.Event] = set()
        self._ending = False

    async def serve(self, channel: CallChannel, plans: Mapping[str, ContextPlan]) -> None:
        """Begins to answer what runs here. Raises what the channel raises."""
        for name, plan in plans.items():
            if plan.commands:
                await channel.serve(f"{name}.write", self.answer)
            if plan.queries:
                await channel.serve(f"{name}.read", self.answer)
            await channel.serve(f"{name}.log", self._of_log(name))

    def end(self) -> None:
        """Questions that wait for news are answered at once from now on."""
        self._ending = True
        for rung in self._polls:
            rung.set()

    async def answer(self, request: Request) -> Answer:
        """The answer to a command, a query or a ping."""
        return await _said(self._call, request)

    def _of_log(self, context: str) -> Answering:
        async def about(request: Request) -> Answer:
            return await _said(lambda request: self._ask_log(context, request), request)

        return about

    # ── calls ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _call(self, request: Request) -> Answer:
        if request.kind == "ping":
            return Answer("ok", {}, b"")
        if request.kind not in ("command", "query"):
            raise BadMessage(f"{request.kind!r} is nothing that can be asked here", expected="command, query or ping")
        handler = self._handler(request)
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds_left(request) - MARGIN_SECONDS
        if self._turns.locked() and self._waiting >= WAITING:
            raise _overloaded(handler)
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            remaining = when - loop.time()
            if remaining <= 0:
                raise DeadlineExceeded("the deadline passed before its turn came", where=handler.name)
            return await self._handle(handler, request, remaining)
        finally:
            self._turns.release()

    async def _handle(self, handler: HandlerPlan, request: Request, seconds: float) -> Answer:
        route = self._route(handler, request)
        message = route.read(request)
        headers = request.headers
        trace = headers.get("remit-trace", "")
        try:
            if request.kind == "query":
                outcome = await self._calls.ask(message, deadline=seconds)
            else:
                claim = (headers.get("remit-caller", ""), headers.get("remit-key", ""), trace)
                outcome = await self._calls.send(message, key=None, deadline=seconds, received=claim)
        except Refusal as refusal:
            outcome = refusal
        return route.answer(outcome)

    def _handler(self, request: Request) -> HandlerPlan:
        type, version = request.headers.get("remit-type", ""), request.headers.get("remit-version", "")
        handler = self._handlers.get((type, int(version) if version.isdecimal() else 0))
        if handler is None:
            raise CallError(
                f"no handler for {type} version {version} in this process", where=request.kind,
                expected=f"one of: {', '.join(sorted({type for type, _ in self._handlers}))}",
                next="release the context that handles it before those that send it",
            )  # fmt: skip
        return handler

    def _route(self, handler: HandlerPlan, request: Request) -> Route:
        encoding = _ENCODINGS.get(request.headers.get("content-type", ""))
        if encoding is None:
            expected = " or ".join(_ENCODINGS)
            raise BadMessage("its body is of an unknown type", where=request.kind, expected=expected)
        contract = handler.contract
        key = (contract.type, contract.version, encoding)
        if key not in self._routes:
            kind: Any = request.kind
            self._routes[key] = Route("", kind, contract, encoding)
        return self._routes[key]

    # ── logs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ask_log(self, context: str, request: Request) -> Answer:
        seconds = seconds_left(request) - MARGIN_SECONDS
        store = self._stores[context]
        if request.kind == "read":
            span = decode_span(request.body)
            return encode_records(await store.read(span.channel, span.part, span.after, min(span.limit, RECORDS)))
        if request.kind == "heads":
            known = decode_known(request.body)
            return encode_heads(
                await self._newer(store, known.channel, known.positions, min(seconds, known.wait_seconds))
            )
        if request.kind == "reach":
            try:
                async with asyncio.timeout(seconds):
                    reached = await self._freshness.reach(context)
            except TimeoutError:
                raise DeadlineExceeded("not everything is handled yet", where=context) from None
            return Answer("ok", {}, msgspec.msgpack.encode(reached))
        raise BadMessage(f"{request.kind!r} is nothing that can be asked of a log", expected="read, heads or reach")

    async def _newer(self, store: Store, channel: int, known: Mapping[int, int], seconds: float) -> Heads:
        """The heads, as soon as one is beyond what is known, or when the time is over."""
        if len(self._polls) >= POLLS:
            raise Unavailable("too many questions wait for this log", next="ask again later")
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        rung = asyncio.Event()
        unwatch = store.watch(rung.set)
        self._polls.add(rung)
        try:
            while True:
                rung.clear()
                heads = dict(await store.heads(channel))
                remaining = end - loop.time()
                if self._ending or remaining <= 0 or any(pos > known.get(part, 0) for part, (pos, _) in heads.items()):
                    return heads
                try:
                    async with asyncio.timeout(min(remaining, LOOK_SECONDS)):
                        await rung.wait()
                except TimeoutError:
                    continue
        finally:
            self._polls.discard(rung)
            unwatch()


async def _said(answering: Callable[[Request], Awaitable[Answer]], request: Request) -> Answer:
    """The answer, or the error as an answer. What is no error of ours is not told to others."""
    try:
        return await answering(request)
    except RemitError as error:
        return failure(error)
    except Exception as error:  # noqa: BLE001  # whatever happens here must not leave the caller without an answer
        return failure(Unavailable(f"answering failed: {type(error).__name__}", where=request.kind))


def _overloaded(handler: HandlerPlan) -> Overloaded:
    error = Overloaded(
        f"{AT_ONCE} calls are being handled and {WAITING} wait", where=handler.name, expected="fewer calls at once",
        next="try again later",
    )  # fmt: skip
    error.retry_after = 0.5
    return error
