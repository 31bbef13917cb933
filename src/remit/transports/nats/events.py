"""Events over NATS JetStream.

Messages of a partition are published in batches. The server takes a batch as a whole, and only if the last sequence of
the subject is the expected one. So a message that was published before is refused without a time window, even from a
process that was believed dead. Servers before 2.12 have no batches: messages are sent one by one, with the same check.

After a refusal, the last message of the subject is read, and publishing continues after it. This also repairs a stream
that was purged or created anew. Listeners keep no state in the broker: they read missed messages from the source's log.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count

import msgspec
import nats.errors
from nats.aio.msg import Msg

from remit.errors import BadMessage, ChannelError, NotPrepared, RemitError, Unavailable, visible
from remit.log import Channel, MessageRecord
from remit.transports.events import EventCapabilities
from remit.transports.nats.connection import Interest, NatsConnection, NobodyListens, log
from remit.transports.nats.encoding import CODECS, OMITTED, read_record, write_headers, write_payload
from remit.transports.nats.streams import Streams, Tail, subjects
from remit.transports.port import Push

BATCH = 500
"""The most messages of a batch; the server allows 1000."""
BATCH_BYTES = 4 << 20
"""The most payload bytes of a batch, unless a single message is larger."""
BREATH = 50
"""After this many messages other tasks may use the loop."""
ACK_SECONDS = 10.0
"""The timeout of the server's acknowledgement."""
PUBLISH_SECONDS = 10.0
"""After this time no further batch is sent, so that the caller can commit its progress."""
HEADER_BYTES = 16 << 10
"""Reserved for headers, which count as part of a message."""
OWN_BYTES = 1 << 10
"""The part of it for headers that are added here and not counted by `write_headers`."""
TRIES = 3
"""How often the end of a subject is read again before the caller has to begin again."""

EXPECTED = "Nats-Expected-Last-Subject-Sequence"


class _Refusal(msgspec.Struct):
    description: str = ""


class _Ack(msgspec.Struct):
    seq: int = 0
    error: _Refusal | None = None


_acks = msgspec.json.Decoder(_Ack)


@dataclass(eq=False)
class _Subject:
    """The subject of one partition."""

    part: int
    name: str
    tail: Tail | None = None
    """Its last message; None if it has to be read."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(eq=False)
class _Stream:
    """The stream of one channel of a context."""

    source: str
    channel: Channel
    origin: str
    """The CloudEvents source."""
    subjects: dict[int, _Subject] = field(default_factory=dict[int, _Subject])
    batch: int | None = None
    """The most messages of a batch; None until the stream is prepared."""
    lacking: bool = False
    """Whether it was logged that an administrator has to create it."""


class NatsEvents:
    """An event channel over NATS JetStream. `codec` (`json` or `msgpack`) is the encoding of payloads."""

    def __init__(self, connection: NatsConnection, system: str, *, codec: str = "json", replicas: int = 1) -> None:
        if codec not in CODECS:
            raise ChannelError(
                f"there is no codec {codec!r}", where="codec", expected=" or ".join(CODECS), next="name one of them"
            )
        self._connection = connection
        self._system = system
        self._codec = codec
        self._streams = Streams(connection, system, replicas)
        self._known: dict[tuple[str, int], _Stream] = {}
        self._batches = count(1)
        self._writing = asyncio.Lock()
        self._token = secrets.token_hex(8)
        self._interests: list[Interest] = []
        self._ignored = 0
        self._open = False

    @property
    def capabilities(self) -> EventCapabilities:
        return EventCapabilities(durable=True, fenced=True, max_bytes=self._largest)

    @property
    def _largest(self) -> int:
        return self._connection.max_payload - HEADER_BYTES

    async def open(self) -> None:
        await self._connection.open()
        self._open = True

    async def close(self) -> None:
        if self._open:
            self._open = False
            await asyncio.gather(*(self._connection.end(interest) for interest in self._interests))
            await self._connection.close()

    # ── publishing ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def prepare(self, source: str, channel: Channel) -> None:
        await self._prepare(self._stream(source, channel))

    async def _prepare(self, stream: _Stream) -> None:
        self._check()
        try:
            prepared = await self._streams.prepare(stream.source, stream.channel)
        except NotPrepared as error:
            if not stream.lacking:
                log.error("%s", error)
            stream.lacking = True
            raise
        stream.lacking = False
        stream.batch = BATCH if prepared.batches else 1

    async def publish(self, source: str, channel: Channel, records: Sequence[MessageRecord]) -> int:
        self._check()
        if not records:
            return 0
        stream = self._stream(source, channel)
        subject = stream.subjects.get(part := records[0].part)
        if subject is None:
            subject = stream.subjects[part] = _Subject(part, f"{subjects(self._system, source, channel)}.{part}")
        async with subject.turn:
            return await self._publish(stream, subject, records)

    def _check(self) -> None:
        if not self._open:
            raise Unavailable(
                "the channel is closed", where="the event channel", expected="an open channel",
                next="publish between the start and the end of this process",
            )  # fmt: skip

    def _stream(self, source: str, channel: Channel) -> _Stream:
        stream = self._known.get((source, channel))
        if stream is None:
            stream = self._known[source, channel] = _Stream(source, channel, f"/{self._system}/{source}")
        return stream

    async def _publish(self, stream: _Stream, subject: _Subject, records: Sequence[MessageRecord]) -> int:
        done = tries = 0
        loop = asyncio.get_running_loop()
        latest = loop.time() + PUBLISH_SECONDS
        while done < len(records) and not (done and loop.time() > latest):
            try:
                tail = subject.tail
                if tail is None or (tail.pos, tail.id) != (records[done].pos - 1, records[done].prev):
                    found, tail = await self._look(stream, subject, records)
                    done = max(done, found)
                    if done == len(records):
                        break
                subject.tail = None  # unknown until the server has confirmed
                batch = records[done : done + self._fitting(stream, records, done)]
                refused = await self._send(stream, subject, tail, batch)
            except (RemitError, nats.errors.Error) as error:
                if done:
                    break
                raise _unavailable(error) from error
            done, tries = (done, tries + 1) if refused else (done + len(batch), 0)
            if refused and tries == TRIES:
                if done:
                    break
                raise Unavailable(
                    f"not taken: {refused}", where=subject.name, expected="a stream that takes the messages",
                    next="look at the stream; the relay tries again by itself",
                )  # fmt: skip
        return done

    async def _look(self, stream: _Stream, subject: _Subject, records: Sequence[MessageRecord]) -> tuple[int, Tail]:
        """Reads the last message of the subject. Returns how many of the messages, from the first, are already
        there."""
        tail = await self._streams.tail(stream.source, stream.channel, subject.part)
        if tail is None or stream.batch is None:
            await self._prepare(stream)
        subject.tail = tail = tail or Tail(0, 0, "")
        first, last = records[0].pos, records[-1].pos
        if tail.pos > last:
            return len(records), tail  # published by another process
        if tail.pos >= first and records[tail.pos - first].id == tail.id:
            return tail.pos - first + 1, tail
        return 0, tail

    def _fitting(self, stream: _Stream, records: Sequence[MessageRecord], begin: int) -> int:
        """How many messages fit into the next batch."""
        size = 0
        most = min(len(records) - begin, stream.batch or 1)
        for number in range(most):
            size += len(records[begin + number].payload)
            if size > BATCH_BYTES:
                return max(1, number)
        return most

    async def _send(self, stream: _Stream, subject: _Subject, tail: Tail, records: Sequence[MessageRecord]) -> str:
        """Publishes a batch. Returns why it was refused, or "" if it is confirmed."""
        batch = f"{self._token}{next(self._batches)}" if len(records) > 1 else ""
        publish = self._connection.client().publish
        # Long batches one after another: while the server stores one and its checkpoint moves, the next is encoded.
        async with self._writing if len(records) > BREATH else nullcontext():
            for number, record in enumerate(records[:-1], 1):
                headers, payload = self._write(stream, record, tail, batch, number)
                await publish(subject.name, payload, headers=headers)
                if number % BREATH == 0:
                    await asyncio.sleep(0)
        last = records[-1]
        headers, payload = self._write(stream, last, tail, batch, len(records))
        if batch:
            headers["Nats-Batch-Commit"] = "1"
        try:
            reply = await self._connection.request(subject.name, payload, headers, ACK_SECONDS)
        except NobodyListens:
            return "there is no stream"
        ack = _acks.decode(reply.data)
        if ack.error is not None:
            return ack.error.description or "for no reason"
        subject.tail = Tail(ack.seq, last.pos, last.id)
        return ""

    def _write(
        self, stream: _Stream, record: MessageRecord, tail: Tail, batch: str, number: int
    ) -> tuple[dict[str, str], bytes]:
        """The headers and the payload of a message, the n-th of its batch; the first carries the expected sequence.
        They must not exceed the broker's limit: it would close the connection, and all other traffic with it."""
        content, payload = "", b""
        if len(record.payload) <= self._largest:
            content, payload = write_payload(record.payload, self._codec)
            if len(payload) > self._largest:  # MessagePack is not always smaller
                content, payload = CODECS["json"], record.payload
        headers = write_headers(record, stream.origin, content, HEADER_BYTES - OWN_BYTES)
        if OMITTED in headers:
            payload = b""
        if number == 1:
            headers[EXPECTED] = str(tail.seq)
        if batch:
            headers["Nats-Batch-Id"], headers["Nats-Batch-Sequence"] = batch, str(number)
        return headers, payload

    # ── listening ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def listen(self, source: str, channel: Channel, bell: Callable[[Push | None], None]) -> Callable[[], None]:
        subject = subjects(self._system, source, channel)

        async def arrived(message: Msg) -> None:
            try:
                push = _read(message, subject)
            except BadMessage as error:
                self._ignore(message, error)
            else:
                bell(push)

        interest = await self._connection.listen(f"{subject}.*", arrived, lambda: bell(None))
        self._interests.append(interest)

        def end() -> None:
            if interest in self._interests:
                self._interests.remove(interest)
                self._connection.drop(interest)

        return end

    def _ignore(self, message: Msg, error: BadMessage) -> None:
        self._ignored += 1
        if self._ignored & (self._ignored - 1) == 0:  # logs the 1st, 2nd, 4th, 8th, …: a flood must not flood the log
            log.warning(
                "%s: ignored a message on %s, number %d: %s",
                self._connection.place, visible(message.subject), self._ignored, visible(error.what),
            )  # fmt: skip


def _read(message: Msg, subject: str) -> Push | None:
    """Decodes a message; None for one without its payload. Raises `BadMessage`."""
    headers = message.headers or {}
    record = read_record(headers, message.data)
    if message.subject != f"{subject}.{record.part}":
        raise BadMessage(
            "its subject is that of another partition", where=message.subject,
            expected="a message published by remit", next="find what else publishes to the subjects of remit",
        )  # fmt: skip
    return None if OMITTED in headers else Push(record)


def _unavailable(error: RemitError | nats.errors.Error) -> RemitError:
    """The error of a failed publish for the caller. The outcome need not be known: the subject tells it."""
    if isinstance(error, ChannelError):
        return error  # trying again does not help
    if isinstance(error, RemitError):
        return Unavailable(error.what, where=error.where, expected=error.expected, next=error.next)
    return Unavailable(
        f"not sent: {error}", where="the event channel", expected="a NATS server that can be reached",
        next="look at the server; the relay tries again by itself",
    )  # fmt: skip
