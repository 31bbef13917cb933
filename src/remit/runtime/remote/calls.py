"""Calls to contexts in other processes: the same semantics as within a process, over a channel that may fail."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from remit.contexts import UNSEALED, Seal, collecting, ended_by, is_open
from remit.errors import (
    BadMessage,
    CallError,
    DeadlineExceeded,
    NotAllowed,
    OutcomeUnknown,
    Overloaded,
    RemitError,
    ReplyTooLarge,
    TooLarge,
    Unavailable,
)
from remit.messages import Command, Encoding, Message, contract_of, declared_context
from remit.messages.component import Component
from remit.runtime.failures import backoff
from remit.runtime.freshness.reaching import Question, Reached
from remit.runtime.listeners import Listeners
from remit.runtime.ports import Ports
from remit.runtime.remote.breaker import PROBE_SECONDS, Breaker
from remit.runtime.remote.headers import AGE, POSITION, take_age, take_position, timed, write_call
from remit.runtime.remote.retries import Budget, retrying
from remit.runtime.remote.wire import CONTENT_TYPES, KEPT, CallCodec, heard, is_shed, raise_failure
from remit.runtime.work.outcomes import CommandKey
from remit.transports import OUTSIDE, CallChannel, CallRequest, CallResponse

LEAST_SECONDS = 0.02
"""A call is not repeated with less than this left, nor with less than the usual time of an answer."""
LOG_SECONDS = 5.0
"""The longest time for a request to a log."""
_KNOWN = ("ok", ReplyTooLarge.code)
"""Statuses that settle how a command ended, even one that may have arrived in an earlier attempt."""


class RemoteCalls:
    """Calls commands and queries of contexts in other processes, and reads their logs."""

    def __init__(
        self,
        channel: CallChannel,
        ports: Ports,
        listeners: Listeners,
        elsewhere: Collection[Component],
        encoding: Encoding = "json",
        owners: Mapping[type[Message], str] | None = None,
        seal: Seal = UNSEALED,
    ) -> None:
        """`elsewhere` are the components in other processes: `billing.write`, `billing.read`, `billing.log`. `owners`
        are the contexts of messages whose modules do not name them. `listeners` receive the events of circuit
        breakers."""
        self._channel = channel
        self._ports = ports
        self._elsewhere = frozenset(elsewhere)
        self._format: Encoding = encoding
        self._owners = owners or {}
        self._listeners = listeners
        self._seal = seal
        self._codecs: dict[type, CallCodec | None] = {}
        self._targets: dict[str, _Target] = {}
        self._loop: asyncio.AbstractEventLoop | None = None  # cached: get_running_loop() makes a system call

    def route(self, message: type[Message], /) -> CallCodec | None:
        """The codec and address of a command or query; None if its component is not in another process."""
        if message not in self._codecs:
            self._codecs[message] = self._find(message)
        return self._codecs[message]

    def _find(self, message: type[Message]) -> CallCodec | None:
        owner = declared_context(message) or self._owners.get(message)
        kind: Literal["command", "query"] = "command" if Command in message.__mro__ else "query"
        component = Component(owner or "", "write" if kind == "command" else "read")
        if owner is None or component not in self._elsewhere:
            return None
        return CallCodec(component.address, kind, contract_of(message, owner), self._format)

    async def call(self, message: Message, seconds: float, latest: float, /, *, claim: CommandKey) -> Any:
        """As `Elsewhere.call`, for a message that has a route. Raises the errors that the other side answers with."""
        codec = self.route(type(message))
        assert codec is not None  # noqa: S101  # the caller has found it by `route`
        headers = write_call(codec.kind, key=claim.key, caller=claim.caller, trace=claim.trace)
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        when = min(loop.time() + seconds, latest)
        collected = collecting.get() if POSITION in headers else None
        try:
            answer = await self._attempts(loop, codec, codec.request(message, headers, claim.speaker), when)
            claim.kept = KEPT in answer.headers
            if collected is not None:
                take_position(answer, collected, self._seal)
            if AGE in answer.headers:
                take_age(answer)
            return codec.outcome(answer)
        except BaseException as error:
            if collected is not None and is_open(error):
                collected.lose(ended_by(error))
            raise

    def _target(self, address: str) -> _Target:
        target = self._targets.get(address)
        if target is None:
            target = _Target(address, self._channel, self._ports, self._listeners)
            self._targets[address] = target
        return target

    async def _attempts(
        self, loop: asyncio.AbstractEventLoop, codec: CallCodec, request: CallRequest, when: float
    ) -> CallResponse:
        """Repeats the call until there is an answer, no time left, or no point in repeating.

        After an attempt that may have arrived, only an answer to this very key can settle the outcome.
        """
        address = codec.address
        target = self._target(address)
        _refuse_in_vain(codec, loop.time(), when)
        attempt = int(retrying.get())
        doubt: OutcomeUnknown | None = None
        failed: RemitError
        while True:
            told = 0.0
            try:
                asked = loop.time()
                answer = await target.ask(request, attempt, asked, when)
                if answer.status == "ok":
                    now = loop.time()
                    codec.usual.took(now - asked, now)
                if doubt is None or answer.status in _KNOWN:
                    return answer
                raise_failure(answer, address)
            except OutcomeUnknown as error:
                doubt = failed = error
            except Overloaded as error:
                failed, told = error, error.retry_after
            except RemitError as error:
                failed = error
            pause = max(told, backoff(attempt, self._ports.random))
            now = loop.time()
            needed = pause + max(LEAST_SECONDS, codec.usual.seconds(now))
            if target.may_retry(failed) and not retrying.get() and now + needed < when:
                await asyncio.sleep(pause)
                attempt += 1
                continue
            if doubt is None:
                raise failed
            raise _unknown(request, address, failed, is_late=loop.time() >= when)

    @property
    def avoided(self) -> list[str]:
        """The addresses that are not called at present, because they did not answer."""
        return [address for address, target in self._targets.items() if target.breaker.state != "closed"]

    def close(self) -> None:
        """Ends the timers and probes of the circuit breakers."""
        for target in self._targets.values():
            target.breaker.close()

    # ── logs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def reaches(self, context: str) -> bool:
        """Whether a context runs in another process and has a component with a log there."""
        return not self._elsewhere.isdisjoint((Component(context, "write"), Component(context, "read")))

    async def reach(self, context: str, question: Question) -> Reached:
        """Asks a context in another process to wait until its subscriptions are up to date. Raises `DeadlineExceeded`
        if that takes too long, `Unavailable`, and other errors that the context answers with."""
        return heard(await self.ask_log(context, "reach", question, OUTSIDE), Reached, context)

    async def ask_log(
        self, context: str, kind: str, question: object, speaker: str, seconds: float = LOG_SECONDS
    ) -> CallResponse:
        """Sends a request to the log of a context in another process, in the name of `speaker`. Returns the response,
        which may be an error. Raises `Unavailable`, and `BadMessage` if the channel cannot carry it."""
        body = msgspec.msgpack.encode(question)
        headers = timed({"content-type": CONTENT_TYPES["msgpack"]}, seconds)
        try:
            return await self._channel.call(
                Component(context, "log").address, CallRequest(kind, headers, body, speaker), seconds
            )
        except OutcomeUnknown as error:  # a read changes nothing, so the outcome does not matter
            raise Unavailable(
                error.what, where=Component(context, "log").address, expected="an answer in time",
                next="remit status",
            ) from None  # fmt: skip


class _Target:
    """One address: its circuit breaker and its retry budget."""

    def __init__(self, address: str, channel: CallChannel, ports: Ports, listeners: Listeners) -> None:
        self.address = address
        self.breaker = Breaker(address, self._ping, ports.random, listeners)
        self._budget = Budget()
        self._channel = channel
        self._speaker = OUTSIDE
        """Who has called last: in whose name the breaker probes."""

    async def ask(self, request: CallRequest, attempt: int, now: float, when: float) -> CallResponse:
        """One attempt. Raises `Unavailable`, `OutcomeUnknown`, `TooLarge`; `Overloaded` if the other side shed it;
        `DeadlineExceeded` if no time is left."""
        remaining = when - now
        if remaining <= 0:
            raise DeadlineExceeded(
                f"the deadline passed {-remaining:.3f} s before the call could be sent", where=self.address,
                expected="time for an answer", next="call with a longer deadline",
            )  # fmt: skip
        self._speaker = request.speaker
        asked = request._replace(headers=timed(request.headers, remaining, attempt))
        with self.breaker.enter(when):
            try:
                answer = await self._channel.call(self.address, asked, remaining)
                if is_shed(answer):
                    raise_failure(answer, self.address)
            except (Unavailable, OutcomeUnknown):
                self._budget.failed()
                raise
            except BadMessage as error:  # raised by the channel: the other side answers with errors, it does not raise
                raise TooLarge(
                    f"the message is larger than what the channel carries: {error.what}", where=self.address,
                    expected=error.expected, next="send less at once, or raise max_payload of the broker",
                ) from None  # fmt: skip
        self._budget.succeeded()
        return answer

    def may_retry(self, failed: RemitError) -> bool:
        """Whether to repeat a call: it reached nothing, was shed, or got no answer. An answer is final, as it would be
        within a process. While the breaker is open, nothing is repeated."""
        retried = isinstance(failed, (Unavailable, OutcomeUnknown))
        return retried and self.breaker.state == "closed" and self._budget.allows()

    async def _ping(self) -> None:
        ping = CallRequest("ping", timed({}, PROBE_SECONDS), b"", self._speaker)
        try:
            answer = await self._channel.call(self.address, ping, PROBE_SECONDS)
        except NotAllowed:  # by a broker whose permissions do not know the subject of a probe: calls will tell
            return
        if answer.status not in ("ok", NotAllowed.code):  # whoever says that a probe is not allowed is well
            raise_failure(answer, self.address)


def _refuse_in_vain(codec: CallCodec, now: float, when: float) -> None:
    """Refuses a call whose answer would probably come too late: it would take capacity from others."""
    remaining, usual = when - now, codec.usual.seconds(now)
    if 0 < remaining < usual:
        raise DeadlineExceeded(
            f"{remaining:.3f} s are left, and an answer usually takes {usual:.3f} s", where=codec.address,
            expected="time for an answer", next="call with a longer deadline",
        )  # fmt: skip


def _unknown(request: CallRequest, address: str, failed: RemitError, *, is_late: bool) -> CallError:
    """The error for an unanswered attempt. A query changes nothing; a command may have been applied."""
    if request.kind == "query" and not is_late:
        return Unavailable(failed.what, where=address, expected="an answer", next="ask again")
    if request.kind == "query":
        return DeadlineExceeded(
            f"no answer came by the deadline: {failed.what}", where=address, expected="an answer in time",
            next="ask again",
        )  # fmt: skip
    return OutcomeUnknown(
        f"it may have been applied; no answer came: {failed.what}", where=address, expected="an answer in time",
        next="send it again with the same key",
    )  # fmt: skip
