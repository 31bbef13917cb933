"""Calls over NATS request-reply, with a queue group of the processes that serve an address.

The subject of a request is its address, its speaker, and what is asked. The broker lets a user publish only what the
context map grants, so the receiver believes the subject, and refuses a request that says something else.
"""

from __future__ import annotations

import asyncio
import contextvars

import msgspec
import nats.errors
from nats.aio.msg import Msg

from remit.errors import BadMessage, ChannelError, NotAllowed, OutcomeUnknown, Unavailable
from remit.transports.calls import DRAIN_SECONDS, Answering, CallCapabilities, CallRequest, CallResponse, fitting
from remit.transports.grants import OUTSIDE, name_in, subject_of
from remit.transports.nats.connection import Denied, Interest, NatsConnection, NobodyListens, log

HEADER_BYTES = 16 << 10
"""Reserved for headers, which travel with the body."""


class _Frame(msgspec.Struct, array_like=True):
    """The content of a NATS message. In MessagePack: NATS headers cost the client more than all the rest."""

    word: str
    """The kind of a request, or the status of a response."""
    headers: dict[str, str]
    body: bytes


_write = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(_Frame).decode


class NatsCalls:
    """A call channel over a NATS server. The processes that serve an address are found by its subject."""

    def __init__(self, connection: NatsConnection, system: str) -> None:
        self._connection = connection
        self._system = system
        self._interests: list[Interest] = []
        self._running: set[asyncio.Task[None]] = set()
        self._open = False

    @property
    def capabilities(self) -> CallCapabilities:
        return CallCapabilities(self._connection.max_payload - HEADER_BYTES, finds_services=True)

    async def open(self) -> None:
        await self._connection.open()
        self._open = True

    async def close(self) -> None:
        if not self._open:
            return
        self._open = False
        await asyncio.gather(*(self._connection.end(interest) for interest in self._interests))
        if self._running:
            await asyncio.wait(self._running, timeout=DRAIN_SECONDS)
        for task in self._running:
            task.cancel()
        await self._connection.close()

    # ── serving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def serve(self, address: str, answering: Answering) -> None:
        context = contextvars.copy_context()  # not the context of the connection's reader

        async def arrived(message: Msg) -> None:
            task = asyncio.create_task(self._answer(message, answering), context=context.copy())
            self._running.add(task)
            task.add_done_callback(self._running.discard)

        self._interests.append(
            await self._connection.listen(call_subject(self._system, address, "*", "*"), arrived, _nothing, "remit")
        )

    async def _answer(self, message: Msg, answering: Answering) -> None:
        try:
            frame = _read(message.data)
        except msgspec.MsgspecError:
            frame = None
        if frame is None or not message.reply:
            log.warning("%s: ignored a message on %s that is no request", self._connection.place, message.subject)
            return
        answer = fitting(await answering(_asked(message.subject, frame)), self.capabilities.max_bytes)
        try:
            await self._connection.client().publish(
                message.reply, _write(_Frame(answer.status, dict(answer.headers), answer.body))
            )
        except (nats.errors.Error, Unavailable, ChannelError) as error:
            # The caller's timeout reports the unknown outcome.
            log.warning("%s: an answer could not be sent: %s", self._connection.place, error)

    # ── calling ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def call(self, address: str, request: CallRequest, seconds: float) -> CallResponse:
        message = _write(_Frame(request.kind, dict(request.headers), request.body))
        largest = self._connection.max_payload - HEADER_BYTES
        if len(request.body) > largest or len(message) > largest + HEADER_BYTES:
            raise BadMessage(
                f"the message has {len(request.body)} bytes, {len(message)} with headers", where=address,
                expected=f"at most {largest} bytes, and {HEADER_BYTES} of headers",
                next="send less at once, or raise max_payload of the broker",
            )  # fmt: skip
        if not self._open:
            raise Unavailable(
                "the channel is closed", where=address, expected="an open channel",
                next="call between the start and the end of this process",
            )  # fmt: skip
        try:
            subject = call_subject(
                self._system, address, request.speaker or OUTSIDE, subject_of(request.kind, request.headers)
            )
            reply = await self._connection.request(subject, message, {}, seconds)
        except Denied as error:
            raise NotAllowed(error.what, where=address, expected=error.expected, next=error.next) from error
        except (ChannelError, NobodyListens) as error:  # no process has seen the request
            raise Unavailable(error.what, where=error.where, expected=error.expected, next=error.next) from error
        try:
            frame = _read(reply.data)
        except msgspec.MsgspecError:
            raise OutcomeUnknown(
                "the response is not in the format of remit", where=address, expected="an answer of a remit service",
                next="look for another program that answers on this subject; send it again with the same key",
            ) from None  # fmt: skip
        return CallResponse(frame.word, frame.headers, frame.body)


def _asked(subject: str, frame: _Frame) -> CallRequest:
    """The request in a message, which is refused if it does not ask what its subject says."""
    speaker, what = subject.split(".")[-2:]
    asks = subject_of(frame.word, frame.headers)
    refused = "" if asks == what else f"it asks for {name_in(asks)} under the subject of {name_in(what)}"
    return CallRequest(frame.word, frame.headers, frame.body, speaker, refused)


def call_subject(system: str, address: str, speaker: str, what: str) -> str:
    """The subject for requests to an address, in the name of a context or of `OUTSIDE`. `what` is the name of the
    message, or what a log is asked. `*` stands for any speaker, or for anything."""
    return f"remit.{system}.calls.{address}.{speaker}.{what}"


def _nothing() -> None:
    """Lost requests are repeated by their callers."""
