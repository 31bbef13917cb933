"""Answers other processes: calls to the contexts that run here, and requests to the logs that are open here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from remit.contexts import Written
from remit.errors import (
    BadMessage,
    BadValue,
    CallError,
    DeadlineExceeded,
    HandlerFailed,
    NotAllowed,
    OutcomeUnknown,
    Overloaded,
    RemitError,
    Unavailable,
    one_of,
)
from remit.log import Channel, Heads, Log, MessageRecord, blank, context_of
from remit.messages import Encoding, Refusal
from remit.messages.component import Component
from remit.runtime.calling.calls import Calls
from remit.runtime.events import CallTurnedAway, HandlerRaised
from remit.runtime.freshness.freshness import Freshness
from remit.runtime.freshness.reaching import Question, Waiting
from remit.runtime.listeners import Listeners
from remit.runtime.plan import ContextPlan, HandlerPlan
from remit.runtime.remote.headers import (
    POSITION,
    add_age,
    add_position,
    is_repeated,
    read_carried,
    read_depth,
    read_identity,
    read_seconds,
    read_trace,
)
from remit.runtime.remote.retries import retrying
from remit.runtime.remote.wire import (
    ENCODINGS,
    CallCodec,
    KnownHeads,
    ProgressReport,
    Span,
    answer_of,
    failure,
    piece_of,
    question_of,
)
from remit.runtime.work.aging import aging
from remit.runtime.work.carried import carried
from remit.runtime.work.outcomes import CommandKey
from remit.stores import Store, nesting
from remit.transports import OUTSIDE, CallChannel, CallRequest, CallResponse
from remit.transports.grants import is_readable
from remit.transports.store_feed import StoreFeed

AT_ONCE = 64
"""Calls handled at the same time."""
WAITING = 256
"""Calls that may wait for their turn; further ones are refused before any work is done."""
MARGIN_SECONDS = 0.005
"""Subtracted from the caller's time for the way back."""
RECORDS = 500
"""The most messages of a log in one response."""
RECORD_BYTES = 1024
"""Upper limit for a message's size in a response, beside payload and headers."""
LOOK_SECONDS = 0.5
"""Between two looks at the heads of a log that another process may write to."""
POLLS = 1000
"""The most long-polls waiting at the same time."""

_ANSWERS = {"command": "write", "query": "read"}
"""The component that answers each kind of message."""

Asked = TypeVar("Asked", Span, KnownHeads, ProgressReport)

log = logging.getLogger("remit")


class Reception:
    """Answers requests for one process. Never raises: an error is a response too."""

    def __init__(
        self,
        calls: Calls,
        plans: Mapping[str, ContextPlan],
        stores: Mapping[str, Store],
        names: Collection[str],
        freshness: Freshness,
        listeners: Listeners,
        stamp: Callable[[], float],
    ) -> None:
        """`names` are all contexts of the system. `stamp` gives the time for rows that are deleted by age."""
        self._calls = calls
        self._stamp = stamp
        self._plans = plans
        self._stores = stores
        self._names = frozenset(names)
        self._freshness = freshness
        self._listeners = listeners
        self._handlers = {
            (kind, handler.contract.type, handler.contract.version): handler
            for plan in self._plans.values()
            for kind, handlers in (("command", plan.commands), ("query", plan.queries))
            for handler in handlers.values()
        }
        self._codecs: dict[tuple[str, int, Encoding], CallCodec] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._polls: dict[asyncio.Event, None] = {}  # ordered, so that a simulated run repeats exactly
        self._ending = False
        self._away = 0
        """How many calls were turned away."""
        self._loop: asyncio.AbstractEventLoop | None = None  # cached: get_running_loop() makes a system call
        self._channel: CallChannel | None = None

    async def serve(self, channel: CallChannel) -> None:
        """Starts to serve the contexts that run here. Raises as the channel does."""
        self._channel = channel
        for name, plan in self._plans.items():
            for part, handlers in (("write", plan.commands), ("read", plan.queries)):
                if handlers:
                    address = Component(name, part).address
                    await channel.serve(address, partial(self.answer, at=address))
            await channel.serve(Component(name, "log").address, partial(self.tell_of_log, name))

    def end(self) -> None:
        """From now on long-polls are answered at once."""
        self._ending = True
        for rung in self._polls:
            rung.set()

    async def answer(self, request: CallRequest, at: str = "") -> CallResponse:
        """Responds to a command, a query or a ping. `at` is the address of the request; empty for any."""
        return await _said(self._call(request, at), request)

    async def tell_of_log(self, context: str, request: CallRequest) -> CallResponse:
        """Responds to a request for the log of a context whose store is open here."""
        return await _said(self._ask_log(context, request), request)

    def _refuse_unbelieved(self, request: CallRequest, at: str) -> None:
        """Raises `NotAllowed` for a request that the channel does not believe or does not allow."""
        if request.refused:
            raise self._turned_away(at, request, request.refused)

    def _turned_away(self, at: str, request: CallRequest, what: str) -> NotAllowed:
        """The error for a request that is refused before any work. Listeners learn of it."""
        self._away += 1
        self._listeners.say(CallTurnedAway(self._listeners.seconds(), "", at, request.speaker, what, self._away))
        return NotAllowed(
            what, where=at, expected="a service that proves its name, speaks for contexts that it runs, and asks for"
            " what the context map grants them",
            next="remit plan FILE --grants, or --permissions for a broker, prints what each service may do",
        )  # fmt: skip

    # ── calls ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _call(self, request: CallRequest, at: str) -> CallResponse:
        self._refuse_unbelieved(request, at)
        if request.kind == "ping":
            if self._is_full():
                raise _overloaded("ping")
            return CallResponse("ok", {}, b"")
        handler = self._handler(request)
        if at and at != f"{context_of(handler.contract.type)}.{_ANSWERS[request.kind]}":
            raise self._turned_away(at, request, f"{handler.contract.type} is not answered at this address")
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        when = loop.time() + read_seconds(request) - MARGIN_SECONDS
        if self._is_full():
            raise _overloaded(handler.name)
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            remaining = when - loop.time()
            if remaining <= 0:
                raise DeadlineExceeded(
                    f"the deadline passed while the call waited for one of {AT_ONCE} places", where=handler.name,
                    expected="a place before the deadline", next="call with a longer deadline, or run more replicas",
                )  # fmt: skip
            return await self._handle(handler, request, remaining)
        finally:
            self._turns.release()

    def _is_full(self) -> bool:
        return self._waiting >= WAITING and self._turns.locked()

    async def _handle(self, handler: HandlerPlan, request: CallRequest, seconds: float) -> CallResponse:
        codec, claim = self._codec(handler, request), None
        message, headers = codec.read(request), read_carried(request)
        # Inner calls see that this is a repetition. Restored below: the channel may reuse the task.
        written = Written() if POSITION in request.headers and request.kind == "command" else None
        around, ages = aging.get(), list[float]()
        aging.set(ages)
        again = retrying.get()
        retrying.set(is_repeated(request))
        before = carried.get()
        carried.set(headers)
        deep = nesting.arrived(read_depth(request))
        try:
            if request.kind == "query":
                outcome = await self._calls.ask(message, deadline=seconds, trace=read_trace(request))
            else:
                claim = CommandKey(*read_identity(request), handler.contract.type)
                if request.speaker and claim.speaker != request.speaker:
                    what = f"{_called(request.speaker)} gives a key of {_called(claim.speaker)}"
                    raise self._turned_away(handler.name, request, what)
                outcome = await self._receive(message, claim, seconds, written)
        except Refusal as refusal:
            outcome = refusal
        except Overloaded as error:
            error.retry_after = 0.0  # an inner call was shed; it has been repeated often enough
            raise
        finally:
            nesting.left(deep)
            carried.set(before)
            retrying.set(again)
            aging.set(around)
        try:
            answer = codec.answer(outcome, kept=claim is not None and claim.kept)
            if ages:
                answer = add_age(answer, ages)
            return answer if written is None else add_position(answer, written)
        except BadValue as error:
            if request.kind == "query":
                now, cause = self._listeners.seconds(), read_trace(request)
                self._listeners.say(HandlerRaised(now, cause, handler.name, str(error), None))
            raise _unsaid(handler, request, error) from error

    async def _receive(self, message: Any, claim: CommandKey, seconds: float, written: Written | None) -> Any:
        """Applies a command; `written` collects what it writes, if the caller wants to know."""
        if written is None:
            return await self._calls.receive(message, claim, deadline=seconds)
        with written:
            return await self._calls.receive(message, claim, deadline=seconds)

    def _handler(self, request: CallRequest) -> HandlerPlan:
        type, version = request.headers.get("remit-type", ""), request.headers.get("remit-version", "")
        handler = self._handlers.get((request.kind, type, int(version) if version.isdecimal() else 0))
        if handler is None:
            raise CallError(
                f"no handler for the {request.kind} {type} version {version} in this process", where=type,
                expected=one_of(sorted({type for _, type, _ in self._handlers})),
                next="release the context that handles it before those that send it",
            )  # fmt: skip
        return handler

    def _codec(self, handler: HandlerPlan, request: CallRequest) -> CallCodec:
        encoding = ENCODINGS.get(request.headers.get("content-type", ""))
        if encoding is None:
            expected = " or ".join(ENCODINGS)
            raise BadMessage(
                "the body has an unknown content type", where=request.kind, expected=expected,
                next="set codec of the calls to one of them, or run the same release in both services",
            )  # fmt: skip
        contract = handler.contract
        key = (contract.type, contract.version, encoding)
        if key not in self._codecs:
            kind: Any = request.kind
            self._codecs[key] = CallCodec("", kind, contract, encoding)
        return self._codecs[key]

    # ── logs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ask_log(self, context: str, request: CallRequest) -> CallResponse:
        self._refuse_unbelieved(request, Component(context, "log").address)
        seconds = read_seconds(request) - MARGIN_SECONDS
        store = self._stores[context]
        if request.kind == "read":
            span = _of_published(request, Span, context)
            self._refuse_unreadable(context, request, span)
            records = await store.read(span.channel, span.part, span.after, max(0, min(span.limit, RECORDS)))
            if request.reads is not None:
                records = [each if is_readable(each.type, request.reads) else blank(each) for each in records]
            assert self._channel is not None  # noqa: S101  # it delivered the request
            largest = self._channel.capabilities.max_bytes
            return piece_of(answer_of(_as_many_as_fit(records, largest)), span.begin, largest)
        if request.kind == "heads":
            known = _of_published(request, KnownHeads, context)
            seconds = min(seconds, known.wait_seconds)
            return answer_of(await self._newer(store, known.channel, known.positions, seconds))
        if request.kind == "standing":
            report = _of_published(request, ProgressReport, context)
            if request.speaker not in ("", context_of(report.subscription)):
                what = f"{_called(request.speaker)} reports for {report.subscription}"
                raise self._turned_away(Component(context, "log").address, request, what)
            if report.positions is not None:
                self._refuse_foreign(report.subscription, context)
            feed, now = StoreFeed(context, report.channel, store), self._stamp()
            return answer_of(await feed.standing(report.subscription, now, report.positions))
        if request.kind == "reach":
            # Older releases send an empty body.
            question = question_of(request, Question) if request.body else Question()
            return await self._reach(context, question, seconds)
        raise BadMessage(
            f"a log has no request {request.kind!r}", where=context, expected="read, heads, standing or reach",
            next="run the same release in both services",
        )  # fmt: skip

    def _refuse_unreadable(self, context: str, request: CallRequest, span: Span) -> None:
        """Raises `NotAllowed` for a reader who follows more than it may read: it would skip what comes blank."""
        for type in span.types or ():
            if request.reads is not None and not is_readable(type, request.reads):
                what = f"the context map does not let {_called(request.speaker)} read {type} of the log"
                raise self._turned_away(Component(context, "log").address, request, what)

    def _refuse_foreign(self, subscription: str, source: str) -> None:
        """Raises `BadMessage` for a progress report that must not count: it decides what is deleted. A context reports
        on its own log in its store, and an unknown context has nothing to report."""
        context = context_of(subscription)
        if context == source or context not in self._names:
            raise BadMessage(
                f"{subscription!r} must not report its progress here", where="standing",
                expected="a subscription of another context of this system",
                next="let both services run the same system; remit plan shows its contexts",
            )  # fmt: skip

    async def _reach(self, context: str, question: Question, seconds: float) -> CallResponse:
        waiting = Waiting()
        try:
            async with asyncio.timeout(min(seconds, question.seconds)):
                reached = await self._freshness.reach(context, question, waiting)
        except TimeoutError:
            raise DeadlineExceeded(
                waiting.what, where=context, expected="every earlier message handled by the deadline",
                next="ask again with a longer deadline; remit status shows what lags",
            ) from None  # fmt: skip
        return answer_of(reached)

    async def _newer(self, store: Log, channel: Channel, known: Mapping[int, int], seconds: float) -> Heads:
        """The heads, once one is beyond `known`, or when the time is over."""
        if len(self._polls) >= POLLS:
            raise Unavailable(
                "too many requests wait for new messages of this log", where="heads",
                expected=f"fewer than {POLLS} requests at once", next="ask again later; followers do so by themselves",
            )  # fmt: skip
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        rung = asyncio.Event()
        unwatch = store.watch(rung.set)
        self._polls[rung] = None
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
            self._polls.pop(rung, None)
            unwatch()


def _called(speaker: str) -> str:
    return "a program outside" if speaker == OUTSIDE else speaker


async def _said(answering: Awaitable[CallResponse], request: CallRequest) -> CallResponse:
    """Returns the response, or an error as a response. Other exceptions are logged, and only their class is told."""
    try:
        return await answering
    except RemitError as error:
        return failure(error)
    except Exception as error:  # the caller must get an answer in any case
        log.exception("answering %s failed", request.kind)
        return failure(
            Unavailable(
                f"answering failed: {type(error).__name__}",
                where=request.kind,
                expected="an answer",
                next="see the log of the service that was called; it has the traceback",
            )
        )


def _unsaid(handler: HandlerPlan, request: CallRequest, error: BadValue) -> CallError:
    """The error for an answer that cannot be written. A command's reply was checked before the commit."""
    if request.kind == "command":
        return OutcomeUnknown(
            f"{handler.contract.type} was applied, but its answer cannot be written: {error.what}", where=handler.name,
            expected=error.expected, next="look at what it has changed",
        )  # fmt: skip
    return HandlerFailed(
        f"{handler.contract.type} failed in its handler: {error.what}", where=handler.name, expected=error.expected,
        next=error.next,
    )  # fmt: skip


def _as_many_as_fit(records: Sequence[MessageRecord], largest: int) -> Sequence[MessageRecord]:
    """The first records that fit into one response; at least one, which may then be sent in pieces."""
    size = 0
    for count, record in enumerate(records):
        size += len(record.payload) + len(record.headers) + RECORD_BYTES
        if count and size > largest:
            return records[:count]
    return records


def _of_published(request: CallRequest, kind: type[Asked], context: str) -> Asked:
    """Decodes a request for a published log. Raises `BadMessage`, also for domain events: only the components of a
    context read these, from its store."""
    asked = question_of(request, kind)
    if asked.channel != Channel.PUBLISHED:
        raise BadMessage(
            "only published messages can be read", where=context, expected="its published log",
            next="run each component that follows private events over the store of its context",
        )  # fmt: skip
    return asked


def _overloaded(where: str) -> Overloaded:
    error = Overloaded(
        f"{AT_ONCE} calls are being handled and {WAITING} wait", where=where, expected="fewer calls at once",
        next="try again later",
    )  # fmt: skip
    error.retry_after = 0.5
    return error
