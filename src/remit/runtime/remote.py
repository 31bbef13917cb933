"""Direct calls to contexts in other processes: the same meaning as in this one, over a channel that may fail."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec

from remit.errors import (
    CallError,
    DeadlineExceeded,
    OutcomeUnknown,
    Overloaded,
    RemitError,
    Unavailable,
)
from remit.messages import Command, Encoding, Message, Record, contract_of, declared_context
from remit.runtime.failures import backoff
from remit.runtime.freshness import Reached
from remit.runtime.ports import Ports
from remit.runtime.wire import (
    Heads,
    Known,
    Route,
    Span,
    decode_heads,
    decode_records,
    encode_known,
    encode_span,
    raise_failure,
)
from remit.transports import Answer, CallChannel, Request

__all__ = ["RemoteCalls"]

LOG_SECONDS = 5.0
"""How long the question for a piece of a log may take."""


class RemoteCalls:
    """Calls commands and queries of the contexts `elsewhere`, and asks for their logs."""

    def __init__(
        self,
        channel: CallChannel,
        ports: Ports,
        elsewhere: Collection[str],
        encoding: Encoding = "json",
        owners: Mapping[type[Message], str] | None = None,
    ) -> None:
        """`elsewhere` are addresses: `billing.write`, `billing.read`, `billing.log`. `owners` are the contexts of
        messages whose modules do not name them."""
        self._channel = channel
        self._ports = ports
        self._elsewhere = frozenset(elsewhere)
        self._format: Encoding = encoding
        self._owners = owners or {}
        self._routes: dict[type, Route | None] = {}

    def route(self, message: type[Message]) -> Route | None:
        """Where a command or query goes; None when its component is not known to be elsewhere."""
        if message not in self._routes:
            self._routes[message] = self._find(message)
        return self._routes[message]

    def _find(self, message: type[Message]) -> Route | None:
        owner = declared_context(message) or self._owners.get(message)
        kind: Literal["command", "query"] = "command" if issubclass(message, Command) else "query"
        address = f"{owner}.{'write' if kind == 'command' else 'read'}"
        if owner is None or address not in self._elsewhere:
            return None
        return Route(address, kind, contract_of(message, owner), self._format)

    async def call(self, route: Route, message: Any, when: float, *, key: str, caller: str, trace: str) -> Any:
        """The reply. `when` is the loop time at which the call has to end.

        Raises the declared refusals, `Unavailable`, `Overloaded`, `DeadlineExceeded`, `OutcomeUnknown` and whatever
        else the other side answers, as it would here.
        """
        headers = {"remit-key": _ascii(key), "remit-caller": caller, "remit-trace": _ascii(trace)}
        if route.kind == "query":
            headers = {"remit-trace": _ascii(trace)}
        answer = await self._attempts(route.address, route.request(message, headers), when)
        return route.outcome(answer)

    async def _attempts(self, address: str, request: Request, when: float) -> Answer:
        """Asks until there is an answer, or the time is over."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            remaining = when - loop.time()
            if remaining <= 0:
                raise _late(request, address)
            timed = {"remit-timeout-ms": str(int(remaining * 1000)), "remit-attempt": str(attempt)}
            try:
                answer = await self._channel.call(
                    address, request._replace(headers={**request.headers, **timed}), remaining
                )
                if answer.status in (Unavailable.code, Overloaded.code):
                    raise_failure(answer, address)
            except OutcomeUnknown:
                if loop.time() >= when:
                    raise _late(request, address) from None
                failed: RemitError | None = None
            except Unavailable as error:
                failed = error
            else:
                return answer
            pause = backoff(attempt, self._ports.random)
            if loop.time() + pause >= when:
                raise failed if failed is not None else _late(request, address)
            await asyncio.sleep(pause)
            attempt += 1

    # ── logs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def read(self, source: str, span: Span) -> Sequence[Record]:
        """A piece of another context's log. Raises `Unavailable`."""
        return decode_records(await self._ask_log(source, "read", encode_span(span), LOG_SECONDS), source)

    async def heads(self, source: str, known: Known) -> Heads:
        """The heads of another context's log, once there is more than is known. Raises `Unavailable`."""
        seconds = LOG_SECONDS + known.wait_seconds
        return decode_heads(await self._ask_log(source, "heads", encode_known(known), seconds), source)

    async def reach(self, context: str) -> Reached:
        """Waits until a context elsewhere has handled what is on its way. Cancelled by whoever has a deadline."""
        while True:
            answer = await self._ask_log(context, "reach", b"", LOG_SECONDS)
            if answer.status == "ok":
                return msgspec.msgpack.decode(answer.body, type=Reached)
            if answer.status != DeadlineExceeded.code:
                raise_failure(answer, context)

    async def _ask_log(self, context: str, kind: str, body: bytes, seconds: float) -> Answer:
        headers = {"content-type": "application/msgpack", "remit-timeout-ms": str(int(seconds * 1000))}
        try:
            return await self._channel.call(f"{context}.log", Request(kind, headers, body), seconds)
        except OutcomeUnknown as error:  # nothing is changed by asking
            raise Unavailable(error.what, where=f"{context}.log", next="remit status") from None


def _late(request: Request, address: str) -> CallError:
    """No answer came in time. A question changes nothing; a command may have been applied."""
    if request.kind == "query":
        return DeadlineExceeded(
            "no answer came by the deadline", where=address, expected="an answer in time", next="ask again"
        )
    return OutcomeUnknown(
        "no answer came by the deadline: it may have been applied", where=address,
        expected="an answer in time", next="send it again with the same key",
    )  # fmt: skip


def _ascii(text: str) -> str:
    """A user's key as it may stand in a header."""
    return text if text.isascii() and text.isprintable() else text.encode("unicode_escape").decode("ascii")
